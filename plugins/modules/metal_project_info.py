#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which projects there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_project_info
short_description: List projects of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the projects of the metal-api that match all given options.
  - Needs the view key (O(api_hmac_user=Metal-View)).
  - With V(v2) it needs a token for the method C(List) of C(metalstack.api.v2.ProjectService), and returns the projects
    that its user is a member of. With an admin role it returns all.
  - Both generations of the API return the same, except that only V(v1) has annotations and quotas.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description: Id of a project. Nothing found is no error.
    type: str
  name:
    description: Name of the project.
    type: str
  tenant:
    description: Id of the tenant that the project belongs to.
    type: str
  labels:
    description: Only projects that have all these labels, each like V(key=value).
    type: list
    elements: str
seealso:
  - module: metalstack.provisioning.metal_project
"""

EXAMPLES = r"""
- name: Find the projects of the provider
  metalstack.provisioning.metal_project_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    tenant: provider
  register: found
"""

RETURN = r"""
projects:
  description: The projects, sorted by tenant, name and id.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5b5f0ab4-5c22-4f5c-b7d9-1a1c1b9a1f10
      name: storage
      description: Storage servers of all partitions
      tenant: provider
      labels: [purpose=storage]
      annotations: {}
      quotas:
        cluster: null
        machine: 12
        ip: null
        project: null
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/project/find was answered with status 403
    request: POST https://api.example.com/metal/v1/project/find
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.project import find_projects, v2_tags
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "tenant": {"type": "str"},
            "labels": {"type": "list", "elements": "str"},
        }
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    api = connect_any(params, task.environ)
    found = find_projects(api, id=params["id"], name=params["name"], tenant=params["tenant"])
    wanted = set(v2_tags(params["labels"] or ()))
    found = [project for project in found if wanted <= set(v2_tags(project.labels))]
    found.sort(key=lambda project: (project.tenant, project.name, project.id))
    return {"changed": False, "projects": [project.as_dict() for project in found]}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
