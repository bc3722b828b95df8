#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of the metal-api v2, to look at."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_token_info
short_description: List tokens of the metal-api v2
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the tokens that are good, without their secrets, which nobody but their owner has.
  - O(api_token) needs the permission for C(/metalstack.api.v2.TokenService/List), with O(all_users) or O(user) that for
    C(/metalstack.admin.v2.TokenService/List).
  - Only the metal-api v2 has such tokens.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  uuid:
    description: Id of a token. Nothing found is no error.
    type: str
  description:
    description: Description of tokens, in full.
    type: str
  type:
    description: Tokens for programs (V(api)), or those of logins (V(user)).
    type: str
    choices: [api, user]
  user:
    description: Tokens of this user. Only admins can see those.
    type: str
  all_users:
    description: Whether to return the tokens of all users. Only admins can see those.
    type: bool
    default: false
seealso:
  - module: metalstack.provisioning.metal_token
"""

EXAMPLES = r"""
- name: Read our own tokens for programs
  metalstack.provisioning.metal_token_info:
    api_url: https://v2.api.example.com
    api_token: "{{ metal_admin_token }}"
    type: api
  register: known

- name: Show when they expire
  ansible.builtin.debug:
    msg: "{{ dict(known.tokens | map(attribute='description') | zip(known.tokens | map(attribute='expires_at'))) }}"
"""

RETURN = r"""
tokens:
  description: The tokens, the oldest first.
  returned: success
  type: list
  elements: dict
  sample:
    - uuid: 1b2f8e6e-4f3c-4a78-a6c1-5a6b1f6c1d5e
      user: metal-stack
      description: image cache of fra-equ01
      type: api
      permissions:
        - subject: ""
          methods: [/metalstack.api.v2.ImageService/List, /metalstack.api.v2.TokenService/Refresh]
      project_roles: {}
      tenant_roles: {}
      machine_roles: {}
      admin_role: null
      infra_role: null
      labels: {}
      issued_at: "2026-10-10T00:00:00Z"
      expires_at: "2027-10-10T00:00:00Z"
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect_v2
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.token_record import list_tokens
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "uuid": {"type": "str"},
        "description": {"type": "str"},
        "type": {"type": "str", "choices": ["api", "user"]},
        "user": {"type": "str"},
        "all_users": {"type": "bool", "default": False},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    api = connect_v2(task.params, task.environ)
    wanted = {name: task.params[name] for name in ("uuid", "description", "user", "type")}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    query = {name: value for name, value in wanted.items() if name != "type"}
    if "type" in wanted:
        query["tokenType"] = f"TOKEN_TYPE_{wanted['type'].upper()}"
    found = list_tokens(api, query, everybody=task.params["all_users"] or "user" in wanted)
    tokens = [token.as_dict() for token in found]
    # not all versions of the API filter alike
    matching = [token for token in tokens if all(token[name] == value for name, value in wanted.items())]
    return {"changed": False, "tokens": matching}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
