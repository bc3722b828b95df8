#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_project
short_description: Manage projects of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates and deletes projects, the tenants of a LightOS cluster. Volumes, credentials and roles belong to one.
  - Of a project that exists, the API changes nothing but O(qos_policy).
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  name:
    description:
      - Name of the project, of at most 63 lower-case letters, digits, dots and dashes. The id of a project of the
        metal-api is one.
    type: str
    required: true
  description:
    description: Description for people, of at most 256 bytes. Cannot be changed.
    type: str
  qos_policy:
    description:
      - Name of the QoS policy that limits those volumes of the project that have none of their own. V("") for none.
      - By default it stays as it is.
    type: str
  state:
    description:
      - Whether the project should exist.
      - One that still has volumes is not deleted, but refused, and so are V(system) and V(default).
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: metalstack.provisioning.lightbits_credential
  - module: metalstack.provisioning.lightbits_qos_policy
"""

EXAMPLES = r"""
- name: Have a project for a tenant
  metalstack.provisioning.lightbits_project:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    name: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
    description: Cluster of the tenant acme

- name: Let a policy limit its volumes that have none of their own
  metalstack.provisioning.lightbits_project:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
    qos_policy: silver

- name: Delete it
  metalstack.provisioning.lightbits_project:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    name: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
    state: absent
"""

RETURN = r"""
project:
  description:
    - The project as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success
  type: dict
  sample:
    name: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
    uuid: 2f0b6a59-3a0f-4d0c-8c3b-6f0f5bde7a11
    description: Cluster of the tenant acme
    qos_policy: ""
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.project import ProjectResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "qos_policy": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = ProjectResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "project")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
