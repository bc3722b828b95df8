#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of the metal-api v2."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_token
short_description: Make, change, renew and revoke tokens of the metal-api v2
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Makes tokens for programs, changes their rights, renews them before they expire, and revokes them.
  - A token is known by its O(description). Its user should have no other token with that description, since the API
    gives tokens no name.
  - The API tells the secret of a token once. It is either written to the file O(dest), or returned as RV(secret), and
    then the task needs C(no_log=true).
  - With O(dest), a token whose secret is not in the file is of no use to anybody. It is revoked, and another one is
    made. Without O(dest), whoever had a token made has to have kept its secret.
  - No token can be made that has more rights than the one it is made with (O(api_token)), nor more than its user has.
  - O(api_token) needs the permissions for C(/metalstack.api.v2.TokenService/List) and, as far as they are used,
    C(Create), C(Update), C(Revoke) and C(Refresh), or those of C(metalstack.admin.v2.TokenService) with O(user).
  - Only the metal-api v2 has such tokens.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  description:
    description:
      - What the token is for. It has to be the only token of its user with this description.
      - Required with O(state=present).
    type: str
  uuid:
    description: Id of the token to revoke, instead of O(description), with O(state=absent).
    type: str
  user:
    description: Make or revoke the token of this user. Only admins can, and rights cannot be changed so.
    type: str
  permissions:
    description:
      - Methods that the token may call, by their visibility, named like V(/metalstack.api.v2.ImageService/List).
      - What the token may call besides is taken away.
    type: dict
    suboptions:
      public:
        description: Methods that need no token.
        type: list
        elements: str
      self:
        description: Methods about the user.
        type: list
        elements: str
      admin:
        description: Methods of admins.
        type: list
        elements: str
      infra:
        description: Methods of the services in partitions.
        type: list
        elements: str
      project:
        description: Methods about projects.
        type: list
        elements: dict
        suboptions:
          project:
            description: Id of the project, or V(*) for all that the user may see.
            type: str
            required: true
          methods:
            description: The methods.
            type: list
            elements: str
            required: true
      tenant:
        description: Methods about tenants.
        type: list
        elements: dict
        suboptions:
          login:
            description: Login of the tenant, or V(*) for all that the user may see.
            type: str
            required: true
          methods:
            description: The methods.
            type: list
            elements: str
            required: true
      machine:
        description: Methods about machines.
        type: list
        elements: dict
        suboptions:
          uuid:
            description: Id of the machine, or V(*) for all.
            type: str
            required: true
          methods:
            description: The methods.
            type: list
            elements: str
            required: true
  project_roles:
    description: Roles by the id of a project, V(owner), V(editor) or V(viewer).
    type: dict
  tenant_roles:
    description: Roles by the login of a tenant, V(owner), V(editor), V(viewer) or V(guest).
    type: dict
  machine_roles:
    description: Roles by the id of a machine, V(editor) or V(viewer).
    type: dict
  admin_role:
    description: Role for all methods of admins. Only members of the provider's tenant can give it.
    type: str
    choices: [editor, viewer]
  infra_role:
    description: Role for all methods of the services in partitions.
    type: str
    choices: [editor, viewer]
  labels:
    description: Labels; others are removed.
    type: dict
  lifetime:
    description:
      - How many seconds a new token is good for, from 10 minutes to a year.
      - A token that exists keeps its own.
    type: int
    default: 28800
  renew_before:
    description:
      - Make a new token when the one there is will expire in this many seconds or less. The old one is revoked after
        the new one was made.
      - Required with O(state=refreshed).
    type: int
  dest:
    description:
      - File to write the secret to, atomically and with the mode 0600. Its directory has to exist.
      - A file that holds the token already is left as it is.
    type: path
  state:
    description:
      - V(present) makes the token, or gives the one there is the rights that are asked for.
      - V(absent) revokes all tokens of O(description), or the one of O(uuid). It leaves O(dest) alone.
      - V(refreshed) makes a token with the rights and the lifetime of O(api_token) when that one, or the one that is in
        O(dest) already, will expire within O(renew_before). The old one stays good until it expires.
    type: str
    choices: [present, absent, refreshed]
    default: present
seealso:
  - module: metalstack.provisioning.metal_token_info
"""

EXAMPLES = r"""
- name: Make a token for the image cache, and renew it a month before it expires
  metalstack.provisioning.metal_token:
    api_url: https://v2.api.example.com
    api_token: "{{ metal_admin_token }}"
    description: image cache of fra-equ01
    permissions:
      self:
        - /metalstack.api.v2.ImageService/List
        - /metalstack.api.v2.PartitionService/List
        - /metalstack.api.v2.TokenService/Refresh
      infra:
        - /metalstack.infra.v2.ComponentService/Ping
    lifetime: 31536000
    renew_before: 2592000
    dest: /etc/metal/image-cache.token

- name: Make a token that may edit one project, and keep its secret in a variable
  metalstack.provisioning.metal_token:
    api_url: https://v2.api.example.com
    api_token: "{{ metal_admin_token }}"
    description: storage automation
    project_roles:
      4b9b17c4-2d7c-4190-ae95-dda44e430fa5: editor
  register: storage_token
  no_log: true

- name: Replace our own token before it expires
  metalstack.provisioning.metal_token:
    api_url: https://v2.api.example.com
    api_token: "{{ lookup('ansible.builtin.file', '/etc/metal/automation.token') }}"
    state: refreshed
    renew_before: 86400
    dest: /etc/metal/automation.token

- name: Revoke a token
  metalstack.provisioning.metal_token:
    api_url: https://v2.api.example.com
    api_token: "{{ metal_admin_token }}"
    description: storage automation
    state: absent
"""

RETURN = r"""
token:
  description:
    - The token as it is after the task, without its secret; in check mode what is known of it beforehand. Null when it
      is absent.
    - With O(state=refreshed) only what the token says about itself.
  returned: success
  type: dict
  sample:
    uuid: 1b2f8e6e-4f3c-4a78-a6c1-5a6b1f6c1d5e
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
    dest: /etc/metal/image-cache.token
    mode: "0600"
secret:
  description: The secret of a token that this task has made, null if it has made none or has written it to O(dest).
  returned: success
  type: str
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: POST https://v2.api.example.com/metalstack.api.v2.TokenService/Create was answered with permission_denied
    request: POST https://v2.api.example.com/metalstack.api.v2.TokenService/Create
"""

from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect_v2
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.token_refresh import RefreshedToken
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.token_resource import (
    RevokedToken,
    TokenResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

_METHODS: dict[str, Any] = {"type": "list", "elements": "str"}


def _for(key: str) -> dict[str, Any]:
    return {
        "type": "list",
        "elements": "dict",
        "options": {key: {"type": "str", "required": True}, "methods": {**_METHODS, "required": True}},
    }


SPEC = CONNECTION + ArgumentSpec(
    {
        "description": {"type": "str"},
        "uuid": {"type": "str"},
        "user": {"type": "str"},
        "permissions": {
            "type": "dict",
            "options": {
                "public": _METHODS,
                "self": _METHODS,
                "admin": _METHODS,
                "infra": _METHODS,
                "project": _for("project"),
                "tenant": _for("login"),
                "machine": _for("uuid"),
            },
        },
        "project_roles": {"type": "dict"},
        "tenant_roles": {"type": "dict"},
        "machine_roles": {"type": "dict"},
        "admin_role": {"type": "str", "choices": ["editor", "viewer"]},
        "infra_role": {"type": "str", "choices": ["editor", "viewer"]},
        "labels": {"type": "dict"},
        "lifetime": {"type": "int", "default": 28800},
        "renew_before": {"type": "int"},
        "dest": {"type": "path"},
        "state": {"type": "str", "choices": ["present", "absent", "refreshed"], "default": "present"},
    },
    mutually_exclusive=(("description", "uuid"),),
    required_if=(
        ("state", "present", ("description",)),
        ("state", "absent", ("description", "uuid"), True),
        ("state", "refreshed", ("renew_before",)),
    ),
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    api = connect_v2(task.params, task.environ)
    params = task.params
    resource: TokenResource | RevokedToken | RefreshedToken
    if params["state"] == "refreshed":
        resource = RefreshedToken(api, params)
    elif params["uuid"] is not None:
        resource = RevokedToken(api, params["uuid"], params["user"])
    else:
        resource = TokenResource(api, params)
    result = task.result(reconcile(resource, check_mode=task.check_mode), "token")
    return {**result, "secret": getattr(resource, "secret", None)}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
