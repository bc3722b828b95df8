#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of a Lightbits cluster by which snapshots are taken."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_snapshot_policy
short_description: Manage policies by which a Lightbits cluster takes snapshots
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, changes and deletes policies by which the cluster takes snapshots of a volume by itself, and deletes them
    again. A policy is known by its project and its name.
  - Needs a token with the role C(admin) of the project, or C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting.brief
options:
  name:
    description: Name of the policy, unique in its project.
    type: str
    required: true
  project:
    description: Name of the project that has it and the volume.
    type: str
    default: default
  volume:
    description: Name of the volume. Needed for a new one; cannot be changed.
    type: str
  description:
    description: What it is for, at most 256 bytes.
    type: str
  hourly:
    description: Take one every so many hours. Cannot be given together with another schedule.
    type: dict
    suboptions:
      every:
        description: After how many hours the next one is taken, at most 168.
        type: int
        default: 1
      start_time:
        description: When the first one is taken, like V(2026-01-31T02:00:00Z).
        type: str
        required: true
  daily:
    description: Take one every so many days. Cannot be given together with another schedule.
    type: dict
    suboptions:
      every:
        description: After how many days the next one is taken, at most 366.
        type: int
        default: 1
      start_time:
        description: When the first one is taken, like V(2026-01-31T02:00:00Z).
        type: str
        required: true
  weekly:
    description: Take one on these days of each week. Cannot be given together with another schedule.
    type: list
    elements: dict
    suboptions:
      day:
        description: The day.
        type: str
        choices: [Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday]
        required: true
      start_time:
        description: When the first one is taken, like V(2026-01-31T02:00:00Z).
        type: str
        required: true
  retention_time:
    description:
      - After which time the cluster deletes such a snapshot, in seconds or like V(7d) or V(12h). Needed for a new one.
    type: str
  state:
    description: Whether it should exist. The snapshots that it has taken stay.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until the policy is active, or gone.
    type: bool
    default: true
seealso:
  - module: metalstack.provisioning.lightbits_snapshot
"""

EXAMPLES = r"""
- name: Take a snapshot every night and keep it for two weeks
  metalstack.provisioning.lightbits_snapshot_policy:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres-nightly
    volume: postgres
    daily:
      start_time: "2026-01-31T02:00:00Z"
    retention_time: 14d

- name: Take no more
  metalstack.provisioning.lightbits_snapshot_policy:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres-nightly
    state: absent
"""

RETURN = r"""
snapshot_policy:
  description: The policy as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success
  type: dict
  sample:
    name: postgres-nightly
    project: default
    uuid: a1f9f4f6-2f0f-4a53-8f61-5c7f1c9a8b0e
    state: Active
    volume: postgres
    description: ""
    schedule:
      daily:
        every: 1
        start_time: "2026-01-31T02:00:00Z"
    retention_time: 1209600
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.schedule import DAYS
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.snapshot_policy import (
    SnapshotPolicyResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

_START = {"type": "str", "required": True}
_CYCLE = {"type": "dict", "options": {"every": {"type": "int", "default": 1}, "start_time": _START}}
_DAY = {"day": {"type": "str", "choices": list(DAYS), "required": True}, "start_time": _START}
SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "project": {"type": "str", "default": "default"},
            "volume": {"type": "str"},
            "description": {"type": "str"},
            "hourly": _CYCLE,
            "daily": _CYCLE,
            "weekly": {"type": "list", "elements": "dict", "options": _DAY},
            "retention_time": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=(("hourly", "daily", "weekly"),),
    )
    + wait_spec(60, 1.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = SnapshotPolicyResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "snapshot_policy")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
