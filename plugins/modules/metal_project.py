#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_project
short_description: Manage projects of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, updates and deletes projects, which own networks, IPs and machines.
  - Only what is given is compared and changed; everything else of the project survives, also what somebody else changes
    at the same time.
  - A project is found by its O(id), or by O(name) and O(tenant), since names are unique at most within a tenant.
    If several match, the task fails and lists their ids.
  - Needs the admin key (O(api_hmac_user=Metal-Admin)), or a token of a user in the group C(maas-all-all-admin).
  - With V(v2) it needs a token for the methods C(List), C(Create), C(Update) and C(Delete) of
    C(metalstack.api.v2.ProjectService), of a member of the tenant. A token with an admin role also finds projects that
    its user is no member of.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description:
      - Id of an existing project. With it, O(name) is the new name; with O(state=absent), the name that it must have.
      - Required if O(name) is not given.
    type: str
  name:
    description: Name of the project.
    type: str
  tenant:
    description:
      - Id of the tenant that the project belongs to. Needed for a new project.
      - If it is not given, the project is looked for in all tenants.
    type: str
  description:
    description: Description for people.
    type: str
  labels:
    description:
      - All labels of the project, each like V(key=value); those that are not given are removed, V([]) removes all.
      - V(v2) keeps them as a map, so each key can be there only once.
    type: list
    elements: str
  annotations:
    description: All annotations of the project; those that are not given are removed, V({}) removes all. V(v1) only.
    type: dict
  quotas:
    description: How much the project may have. What is not given stays as it is; V(-1) removes a limit. V(v1) only.
    type: dict
    suboptions:
      cluster:
        description: Number of clusters.
        type: int
      machine:
        description: Number of machines.
        type: int
      ip:
        description: Number of IPs.
        type: int
      project:
        description: Number of projects.
        type: int
  state:
    description:
      - Whether the project should exist.
      - One that is not as O(name) and O(tenant) say, where they are given together with O(id), is not deleted.
      - A project that has machines, networks or IPs is not deleted. With V(v1) check mode says so as well.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: metalstack.provisioning.metal_project_info
"""

EXAMPLES = r"""
- name: Create the project that owns the storage network and the storage servers
  metalstack.provisioning.metal_project:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    name: storage
    tenant: provider
    description: Storage servers of all partitions
    labels:
      - purpose=storage
  register: storage

- name: Limit its number of machines
  metalstack.provisioning.metal_project:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: "{{ storage.project.id }}"
    quotas:
      machine: 12
"""

RETURN = r"""
project:
  description:
    - The project as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
    - The annotations and quotas are there with V(v1) only. A quota without a limit is null.
  returned: success
  type: dict
  sample:
    id: 5b5f0ab4-5c22-4f5c-b7d9-1a1c1b9a1f10
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
    message: PUT https://api.example.com/metal/v1/project was answered with status 403
    request: PUT https://api.example.com/metal/v1/project
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.project import QUOTAS
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.project_resource import ProjectResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "tenant": {"type": "str"},
            "description": {"type": "str"},
            "labels": {"type": "list", "elements": "str"},
            "annotations": {"type": "dict"},
            "quotas": {"type": "dict", "options": {name: {"type": "int"} for name in QUOTAS}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_one_of=(("id", "name"),),
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = ProjectResource(connect_any(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "project")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
