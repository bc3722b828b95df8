# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``pkcs1``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pkcs1
short_description: An RSA private key as PKCS#1
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns an RSA private key in the form PKCS#1 (C(BEGIN RSA PRIVATE KEY)), which duros-controller needs. OpenSSL 3
    makes PKCS#8 (C(BEGIN PRIVATE KEY)). A key that is PKCS#1 already stays the same key.
  - The result is as secret as the key, so tasks that use it need C(no_log=true).
  - Needs the Python package C(cryptography) on the controller.
options:
  _input:
    description: The key, PEM, not encrypted.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the key as duros-controller reads it
  ansible.builtin.copy:
    content: "{{ lookup('ansible.builtin.file', '/etc/lightos/root.pem') | metalstack.provisioning.pkcs1 }}"
    dest: /etc/duros/admin-key
    mode: "0600"
  no_log: true
"""

RETURN = r"""
_value:
  description: The key, PEM.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _pkcs1(key: Any) -> str:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.signing import SigningKey

    if not isinstance(key, str):
        raise AnsibleFilterError(f"pkcs1 needs a private key as text, not {type(key).__name__}.")
    try:
        return SigningKey(key.encode(), "The input of pkcs1").pkcs1()
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pkcs1": _pkcs1}
