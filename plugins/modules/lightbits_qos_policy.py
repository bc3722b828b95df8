#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QoS policies of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_qos_policy
short_description: Manage QoS policies of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, changes and deletes policies that limit how much volumes may read and write. A policy is known by its name.
  - A change holds at once for all volumes that have the policy. One that a volume has cannot be deleted.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting.brief
options:
  name:
    description: Name of the policy, unique in the cluster.
    type: str
    required: true
  description:
    description: What it is for, at most 256 bytes.
    type: str
  projects:
    description: Projects whose volumes may have it; none is all of them. A new one is for all, unless this says so.
    type: list
    elements: str
  limit:
    description: How much each volume may do. Needed for a new one.
    type: dict
    suboptions:
      unit:
        description:
          - V(iops) are operations a second, in steps of 256; V(mb_per_second) are megabytes a second; V(iops_per_gb)
            are operations a second for each gigabyte of the volume.
        type: str
        choices: [iops, mb_per_second, iops_per_gb]
        required: true
      read:
        description: Limit of reading. V(0) is unlimited.
        type: int
        default: 0
      write:
        description: Limit of writing. V(0) is unlimited.
        type: int
        default: 0
  state:
    description: Whether it should exist.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until the policy is active, or gone.
    type: bool
    default: true
seealso:
  - module: metalstack.provisioning.lightbits_volume
"""

EXAMPLES = r"""
- name: Have a policy for small volumes
  metalstack.provisioning.lightbits_qos_policy:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: bronze
    limit:
      unit: iops
      read: 2560
      write: 1280

- name: Delete it
  metalstack.provisioning.lightbits_qos_policy:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: bronze
    state: absent
"""

RETURN = r"""
qos_policy:
  description: The policy as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success
  type: dict
  sample:
    name: bronze
    uuid: 3c1d0a52-7b1f-4f3c-9a51-0d4a6f0e5f1d
    description: ""
    state: Active
    projects: []
    limit:
      unit: iops
      read: 2560
      write: 1280
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.qos_policy import (
    UNITS,
    QosPolicyResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

_LIMIT = {
    "unit": {"type": "str", "choices": list(UNITS), "required": True},
    "read": {"type": "int", "default": 0},
    "write": {"type": "int", "default": 0},
}
SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "description": {"type": "str"},
            "projects": {"type": "list", "elements": "str"},
            "limit": {"type": "dict", "options": _LIMIT},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    )
    + wait_spec(60, 1.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = QosPolicyResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "qos_policy")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
