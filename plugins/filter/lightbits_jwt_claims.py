# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightbits_jwt_claims``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightbits_jwt_claims
short_description: What a token says about itself
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns header and claims of a JSON Web Token, such as one for the API of a Lightbits cluster.
  - Nobody checks here who has signed it. The token is not in the result, so it may be shown.
options:
  _input:
    description: The token; spaces around it do not matter.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Fail if the token is not that of an administrator
  ansible.builtin.assert:
    that: "'system:cluster-admin' in (token | metalstack.provisioning.lightbits_jwt_claims).roles"
  vars:
    token: "{{ lookup('ansible.builtin.file', '/etc/lightos/admin.jwt') }}"
"""

RETURN = r"""
_value:
  description:
    - The claims, and besides them C(key_id) (C(kid) of the header), C(algorithm), and C(expires_at) and C(issued_at) in
      UTC, null where the token does not say.
  type: dict
  sample:
    sub: lightos-client
    roles: ["system:cluster-admin"]
    exp: 1794355200
    key_id: system:root
    algorithm: RS256
    expires_at: "2026-11-11T00:00:00Z"
    issued_at: null
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _jwt_claims(token: Any) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._jwt import (
        claims,
        expires_at,
        header,
        issued_at,
    )
    from ansible_collections.metalstack.provisioning.plugins.module_utils._values import write_timestamp

    if not isinstance(token, str):
        raise AnsibleFilterError(f"lightbits_jwt_claims needs a token as text, not {type(token).__name__}.")
    token = token.strip()
    try:
        head, times = header(token), {"expires_at": expires_at(token), "issued_at": issued_at(token)}
        written = {name: None if time is None else write_timestamp(time) for name, time in times.items()}
        return {**claims(token), "key_id": head.get("kid"), "algorithm": head.get("alg"), **written}
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightbits_jwt_claims": _jwt_claims}
