#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of volumes of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_snapshot
short_description: Manage snapshots of volumes of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Takes a snapshot of a volume, and deletes it. A snapshot is known by its project and its name; it never changes, so
    a second run of the same task takes none.
  - Needs a token with the role C(admin) of the project, or C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting
options:
  name:
    description: Name of the snapshot, unique in its project.
    type: str
    required: true
  project:
    description: Name of the project that has it.
    type: str
    default: default
  volume:
    description: Name of the volume that it is taken of. Needed for a new one; cannot be changed.
    type: str
  description:
    description: What it is for, at most 256 bytes. Cannot be changed.
    type: str
  retention_time:
    description:
      - After which time the cluster deletes it by itself, in seconds or like V(7d) or V(12h). Cannot be changed.
      - A new one stays until somebody deletes it, unless this says so.
    type: str
  state:
    description: Whether it should exist.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until the snapshot is available, or gone.
    type: bool
    default: true
seealso:
  - module: metalstack.provisioning.lightbits_snapshot_policy
  - module: metalstack.provisioning.lightbits_volume
"""

EXAMPLES = r"""
- name: Take a snapshot before an upgrade
  metalstack.provisioning.lightbits_snapshot:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres-before-17
    volume: postgres
    retention_time: 7d

- name: Delete it
  metalstack.provisioning.lightbits_snapshot:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres-before-17
    state: absent
"""

RETURN = r"""
snapshot:
  description: The snapshot as it is after the task; in check mode what is known of it beforehand. Null if absent.
  returned: success
  type: dict
  sample:
    name: postgres-before-17
    project: default
    uuid: 0b9ddfc7-8c1e-4f0f-a1a8-6ee6e2c2a3b1
    state: Available
    volume: postgres
    size: 107374182400
    replica_count: 3
    description: ""
    retention_time: 604800
    created: "2026-01-31T12:00:00Z"
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.snapshot import SnapshotResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "project": {"type": "str", "default": "default"},
            "volume": {"type": "str"},
            "description": {"type": "str"},
            "retention_time": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    )
    + wait_spec(300, 1.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = SnapshotResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "snapshot")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
