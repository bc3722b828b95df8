#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens for the API of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_jwt
short_description: Mint tokens for the API of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Signs JSON Web Tokens (RS256) with a private key, without asking the cluster. The cluster takes them if it has the
    public key as a credential, see M(metalstack.provisioning.lightbits_credential).
  - With O(dest), another token is minted only when the one in the file is of another key, says something else than
    asked for, or ends within O(renew_before).
  - Without O(dest), each run mints a token and returns it as RV(token), in check mode too. Then the task needs
    C(no_log=true).
  - Tokens cannot be revoked one by one. Deleting the credential ends all tokens of its key.
  - Needs the Python package C(cryptography) where it runs.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
options:
  private_key_path:
    description: PEM file with the RSA key that signs, PKCS#1 or PKCS#8, not encrypted, on the host where the task runs.
    type: path
  private_key:
    description: The key itself, instead of O(private_key_path).
    type: str
  key_id:
    description: The credential that vouches for the token, as C(<project>:<id>), like V(system:root).
    type: str
    required: true
  roles:
    description: What the token may do, like V(system:cluster-admin), V(tenant-1:admin) or V(tenant-1:viewer).
    type: list
    elements: str
    required: true
  subject:
    description: Who uses it.
    type: str
    default: metalstack.provisioning
  issuer:
    description: Who has made it.
    type: str
  audience:
    description: For whom it is.
    type: str
  validity:
    description: How long a new token is good for, in seconds or like V(30d) or V(12h).
    type: str
    default: 30d
  renew_before:
    description: Mint another one when less than this is left. Has to be less than O(validity).
    type: str
    default: 7d
  dest:
    description:
      - File to write the token to, atomically and with the mode 0600. Its directory has to exist.
    type: path
attributes:
  action_group:
    support: none
    description: It talks to no API, so the options of C(group/metalstack.provisioning.lightbits) are not for it.
    membership: []
seealso:
  - module: metalstack.provisioning.lightbits_credential
  - plugin: metalstack.provisioning.lightbits_jwt_claims
    plugin_type: filter
  - plugin: metalstack.provisioning.lightbits_jwt_expires_in
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Have a token of the cluster's administrator
  metalstack.provisioning.lightbits_jwt:
    private_key_path: /etc/lightos/root.pem
    key_id: system:root
    roles:
      - system:cluster-admin
    dest: /etc/lightos/admin.jwt

- name: Have a token for a day that may only read a project, in a variable
  metalstack.provisioning.lightbits_jwt:
    private_key_path: /etc/lightos/tenant-1.pem
    key_id: tenant-1:backup
    roles:
      - tenant-1:viewer
    validity: 1d
    renew_before: 1h
  register: backup
  no_log: true
"""

RETURN = r"""
jwt:
  description: What the token says about itself; in check mode what is known of it beforehand.
  returned: success
  type: dict
  sample:
    key_id: system:root
    roles: ["system:cluster-admin"]
    subject: metalstack.provisioning
    issuer: null
    audience: null
    issued_at: "2026-10-10T00:00:00Z"
    expires_at: "2026-11-09T00:00:00Z"
token:
  description: The token, without O(dest). Null otherwise.
  returned: success
  type: str
public_key:
  description: The public key, for the option C(content) of M(metalstack.provisioning.lightbits_credential).
  returned: success
  type: str
"""

import time

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.jwt_resource import (
    JwtResource,
    describe,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = ArgumentSpec(
    {
        "private_key_path": {"type": "path", "no_log": False},
        "private_key": {"type": "str", "no_log": True},
        "key_id": {"type": "str", "required": True, "no_log": False},
        "roles": {"type": "list", "elements": "str", "required": True},
        "subject": {"type": "str", "default": "metalstack.provisioning"},
        "issuer": {"type": "str"},
        "audience": {"type": "str"},
        "validity": {"type": "str", "default": "30d"},
        "renew_before": {"type": "str", "default": "7d"},
        "dest": {"type": "path"},
    },
    mutually_exclusive=(("private_key", "private_key_path"),),
    required_one_of=(("private_key", "private_key_path"),),
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = JwtResource(task.params, time.time())
    if task.params["dest"] is None:
        token = resource.mint()
        return {"changed": False, "jwt": describe(token), "token": token, "public_key": resource.public_key}
    result = task.result(reconcile(resource, check_mode=task.check_mode), "jwt")
    return {**result, "token": None, "public_key": resource.public_key}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
