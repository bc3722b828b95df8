#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of the projects of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_credential
short_description: Manage credentials of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates and deletes credentials, above all the public keys that vouch for the tokens of a project.
  - The API cannot change a credential. To rotate a key, create another credential with O(replaces); the old one is
    deleted after the new one was made, and then all tokens of the old key are refused.
  - A credential that vouches for the token of this task is not deleted, but refused.
  - Needs a token with the role C(system:cluster-admin), or C(admin) of the project.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  project:
    description: Name of the project that it belongs to.
    type: str
    required: true
  id:
    description: Name of the credential. Tokens of its key have the C(kid) C(<project>:<id>).
    type: str
    required: true
  type:
    description: What it holds.
    type: str
    choices: [RS256PubKey, TlsCertChainPem, TlsPrivKeyPem]
    default: RS256PubKey
  content:
    description:
      - What it holds, as PEM. Required with O(state=present).
      - Two contents are the same if the same is encoded in them; labels and line lengths do not count.
    type: str
  replaces:
    description: Ids of credentials of the same project to delete when this one is there.
    type: list
    elements: str
  state:
    description: Whether it should exist.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: metalstack.provisioning.lightbits_project
"""

EXAMPLES = r"""
- name: Let tokens of a new key in, and those of the old one no more
  metalstack.provisioning.lightbits_credential:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    project: default
    id: key-2026
    content: |
      -----BEGIN PUBLIC KEY-----
      MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAykfB81zB0L6uoBI9JUew
      DC0csBRVqjqSLd6ZpMLlN7uobyEmhC/BzpmnkEvhfKZtRnZt/5Hm2bCDnx+KF77r
      +pfkO05tHfOB4aTHcOYWwLZ+rpzovTlHaeAIYlCPgkTe0N7SYGZq5xQzv0I6v6dJ
      jfSLWoTBLmrLEyLKa8GkNDZZw+eBYlbrBmDzaRlIDd+dHxWHyM0H1VmJmWrQyoQk
      2kR9C6T7jTbIPhVVFBlGkF4b9Z1z2rTn6b3pC2o7qGdzZpL1Z6KXzPzUqGv0KTdE
      7e1Zbq6hYJ1wWFZOLyRBTsyrwF3NRv0c4TPvw3EoJxqVb8zTFZ7s6e2ZcU3mCqLx
      FwIDAQAB
      -----END PUBLIC KEY-----
    replaces:
      - key-2025

- name: Delete a credential
  metalstack.provisioning.lightbits_credential:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    project: default
    id: key-2026
    state: absent
"""

RETURN = r"""
credential:
  description:
    - The credential as it is after the task, without what it holds; null when it is absent.
    - C(fingerprint) is the SHA-256 of what the PEM text encodes.
  returned: success
  type: dict
  sample:
    project: default
    id: key-2026
    type: RS256PubKey
    fingerprint: 6f6e6b1d3e5a41b1a7c1f3a0b6f0a6f4d2f9b7c8e1d0a5b4c3d2e1f0a9b8c7d6
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/projects was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/projects
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.credential import (
    TYPES,
    CredentialResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "project": {"type": "str", "required": True},
        "id": {"type": "str", "required": True},
        "type": {"type": "str", "choices": list(TYPES), "default": TYPES[0]},
        "content": {"type": "str", "no_log": True},
        "replaces": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    required_if=(("state", "present", ("content",)),),
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    api = connect(task.params, task.environ)
    resource = CredentialResource(api, task.params, api.key_id)
    return task.result(reconcile(resource, check_mode=task.check_mode), "credential")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
