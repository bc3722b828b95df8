#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which projects there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_project_info
short_description: List projects of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the projects of a LightOS cluster, which are its tenants, and if wanted the keys that it trusts in each.
  - Without O(name) it needs a token with the role C(system:cluster-admin) or another one of the project C(system) that
    can read, otherwise one of that project is enough.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  name:
    description:
      - Name of the project. By default all are returned.
      - Nothing found is no error.
    type: str
  gather:
    description: What to return of each project beside itself. Each costs a request a project.
    type: list
    elements: str
    choices: [credentials, roles]
    default: []
seealso:
  - module: metalstack.provisioning.lightbits_project
  - module: metalstack.provisioning.lightbits_credential
"""

EXAMPLES = r"""
- name: List all projects with the keys that the cluster trusts in each
  metalstack.provisioning.lightbits_project_info:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    gather: [credentials]
  register: found

- name: Find the roles that a token for the whole cluster can have
  metalstack.provisioning.lightbits_project_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: system
    gather: [roles]
  register: system
"""

RETURN = r"""
projects:
  description: The projects by name.
  returned: success
  type: list
  elements: dict
  contains:
    default_policies:
      description: UUIDs of the policies that count for volumes without one of their own, by type.
      returned: always
      type: list
      elements: dict
    credentials:
      description: Its credentials by id. The fingerprint is the SHA-256 of what is encoded in it, never the content.
      returned: if O(gather) has it
      type: list
      elements: dict
    roles:
      description: Its roles, as O(metalstack.provisioning.lightbits_jwt#module:roles) has them.
      returned: if O(gather) has it
      type: list
      elements: str
  sample:
    - name: default
      uuid: 7d3a5c1e-3b7e-4c53-8a6e-0f5f2f9b1c44
      description: ""
      default_policies:
        - type: qosRateLimit
          uuid: 4f1d0a6e-0b8a-4a8e-9c59-8d3c5d1b7e22
      credentials:
        - id: root
          type: RS256PubKey
          fingerprint: 1f5b1c3c8b0d9ad3f3f4c9a1f2f3a2d08a7c6f1f8f3f0c6e5d4b3a29181706f5
      roles: ["default:admin", "default:viewer"]
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.project_report import (
    PARTS,
    project_report,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "name": {"type": "str"},
        "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    api = connect(task.params, task.environ)
    return {"changed": False, "projects": project_report(api, task.params["name"], task.params["gather"])}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
