# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightbits_jwt_expires_in``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightbits_jwt_expires_in
short_description: How long a token is still good for
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the seconds until a JSON Web Token expires, a negative number when it has expired.
  - A token that does not say when it expires is an error, since Lightbits clusters take none of those.
positional: _input
options:
  _input:
    description: The token; spaces around it do not matter.
    type: str
    required: true
  now:
    description: The time to count from, in seconds since 1970. Now, if it is not given.
    type: float
"""

EXAMPLES = r"""
- name: Fail if the token ends within a week
  ansible.builtin.assert:
    that: token | metalstack.provisioning.lightbits_jwt_expires_in > 7 * 86400
  vars:
    token: "{{ lookup('ansible.builtin.file', '/etc/lightos/admin.jwt') }}"
"""

RETURN = r"""
_value:
  description: Seconds, rounded down.
  type: int
  sample: 2591999
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible.errors import AnsibleFilterError


def _jwt_expires_in(token: Any, now: float | None = None) -> int:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._jwt import expires_at

    if not isinstance(token, str):
        raise AnsibleFilterError(f"lightbits_jwt_expires_in needs a token as text, not {type(token).__name__}.")
    try:
        end = expires_at(token.strip())
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None
    if end is None:
        raise AnsibleFilterError("The token does not say when it expires.")
    # not with floating-point numbers of today's size, whose difference is a little off a whole second
    start = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=time.time() if now is None else float(now))
    return (end - start) // timedelta(seconds=1)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightbits_jwt_expires_in": _jwt_expires_in}
