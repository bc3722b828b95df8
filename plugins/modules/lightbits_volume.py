#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_volume
short_description: Manage volumes of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, changes and deletes volumes, one or many in one task. A volume is known by its project and its name.
  - Only what is given is compared and changed.
  - The API answers before the work is done. The task waits for the end, unless O(wait) is turned off.
  - Needs a token with the role C(admin) of the project, or C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting
  - metalstack.provisioning.bulk
options:
  name:
    description: Name of the volume, unique in its project. Needed without O(resources).
    type: str
  project:
    description: Name of the project that has it.
    type: str
    default: default
  size:
    description: Size, in bytes or like V(100GiB), rounded up to blocks of 4096 bytes. Needed for a new one.
    type: str
  replica_count:
    description: How many replicas it has, 1 to 3. Needed for a new one; cannot be changed.
    type: int
    choices: [1, 2, 3]
  compression:
    description: Whether it is compressed. A new one is not, unless this says so.
    type: bool
  acl:
    description:
      - NQNs of the hosts that may use it, or only V(ALLOW_ANY) or V(ALLOW_NONE). What is not in it is removed.
      - A new one lets nobody in unless this says so.
    type: list
    elements: str
  ip_acl:
    description: Addresses of the hosts that may use it, as in O(acl). A new one has V(ALLOW_ANY).
    type: list
    elements: str
  labels:
    description: Labels, at most 16, with neither dashes nor dots in their keys. Others are removed.
    type: dict
  qos_policy:
    description: Name of the QoS policy that limits it.
    type: str
  source_snapshot:
    description:
      - Name of the snapshot of the same project that a new volume is cloned from. The clone has its size, replicas,
        compression and labels, unless the task says something else.
    type: str
  rollback_to:
    description:
      - Name of a snapshot of the volume. All that was written since then is lost. Hosts must not use it meanwhile.
      - The API does not tell whether it was done, so each run of such a task does it again and reports a change. It is
        sent only once; if the answer gets lost, the task fails and says so.
    type: str
  force:
    description: Whether it may be made smaller, which loses what is behind the new end.
    type: bool
    default: false
  state:
    description: Whether it should exist. V(absent) deletes it with all its data.
    type: str
    choices: [present, absent]
    default: present
  resources:
    suboptions:
      name:
        description: Name of the volume, unique in its project.
        type: str
        required: true
      project:
        description: Name of the project that has it.
        type: str
        default: default
      size:
        description: Size, in bytes or like V(100GiB), rounded up to blocks of 4096 bytes. Needed for a new one.
        type: str
      replica_count:
        description: How many replicas it has, 1 to 3. Needed for a new one; cannot be changed.
        type: int
        choices: [1, 2, 3]
      compression:
        description: Whether it is compressed. A new one is not, unless this says so.
        type: bool
      acl:
        description:
          - NQNs of the hosts that may use it, or only V(ALLOW_ANY) or V(ALLOW_NONE). What is not in it is removed.
          - A new one lets nobody in unless this says so.
        type: list
        elements: str
      ip_acl:
        description: Addresses of the hosts that may use it, as in O(resources[].acl). A new one has V(ALLOW_ANY).
        type: list
        elements: str
      labels:
        description: Labels, at most 16, with neither dashes nor dots in their keys. Others are removed.
        type: dict
      qos_policy:
        description: Name of the QoS policy that limits it.
        type: str
      source_snapshot:
        description:
          - Name of the snapshot of the same project that a new volume is cloned from. The clone has its size, replicas,
            compression and labels, unless the task says something else.
        type: str
      force:
        description: Whether it may be made smaller, which loses what is behind the new end.
        type: bool
        default: false
      state:
        description: Whether it should exist. V(absent) deletes it with all its data.
        type: str
        choices: [present, absent]
        default: present
  purge_scope:
    description: Whose volumes O(purge) deletes, with all their data.
    type: dict
    suboptions:
      project:
        description: Name of their project.
        type: str
        required: true
  wait:
    description: Whether to wait until the volume is available, or gone.
    type: bool
    default: true
seealso:
  - module: metalstack.provisioning.lightbits_project
  - module: metalstack.provisioning.lightbits_snapshot
"""

EXAMPLES = r"""
- name: Have a volume for two hosts
  metalstack.provisioning.lightbits_volume:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    project: default
    name: postgres
    size: 100GiB
    replica_count: 3
    acl:
      - nqn.2019-09.com.lightbitslabs:host:db-1.node
      - nqn.2019-09.com.lightbitslabs:host:db-2.node

- name: Have several volumes
  metalstack.provisioning.lightbits_volume:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    resources:
      - name: scratch-1
        size: 10GiB
        replica_count: 2
      - name: scratch-2
        size: 10GiB
        replica_count: 2

- name: Have a copy of a volume as it was
  metalstack.provisioning.lightbits_volume:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres-test
    source_snapshot: postgres-before-17

- name: Go back to what it was
  metalstack.provisioning.lightbits_volume:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: postgres
    rollback_to: postgres-before-17

- name: Delete a volume and its data
  metalstack.provisioning.lightbits_volume:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    project: default
    name: postgres
    state: absent
"""

RETURN = r"""
volume:
  description: The volume as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success, without O(resources)
  type: dict
  sample:
    name: postgres
    project: default
    uuid: 7828f7ac-5b1c-4f0a-8d5e-1d6f0b7c9a11
    state: Available
    protection: FullyProtected
    size: 107374182400
    replica_count: 3
    compression: false
    acl: [nqn.2019-09.com.lightbitslabs:host:db-1.node]
    ip_acl: [ALLOW_ANY]
    labels: {}
    qos_policy: ""
    source_snapshot: ""
    nsid: 1
volumes:
  description: One entry for each of O(resources), and then for each that was purged.
  returned: with O(resources)
  type: list
  elements: dict
  contains:
    changed:
      description: Whether it was changed.
      returned: always
      type: bool
    steps:
      description: What was done, or would be done in check mode, in words.
      returned: always
      type: list
      elements: str
    volume:
      description: The volume, as RV(volume).
      returned: always
      type: dict
    failed:
      description: Whether it could not be brought to the wanted state.
      returned: if it failed
      type: bool
    msg:
      description: Why it could not be brought to the wanted state.
      returned: if it failed
      type: str
    failure:
      description: As RV(failure).
      returned: if it failed because of the API
      type: dict
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

from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._bulk import bulk_spec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.volume_bulk import reconcile_volumes
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.volume_resource import VolumeResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

_ACCESS: dict[str, Any] = {"type": "list", "elements": "str"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "project": {"type": "str", "default": "default"},
    "size": {"type": "str"},
    "replica_count": {"type": "int", "choices": [1, 2, 3]},
    "compression": {"type": "bool"},
    "acl": _ACCESS,
    "ip_acl": _ACCESS,
    "labels": {"type": "dict"},
    "qos_policy": {"type": "str"},
    "source_snapshot": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SPEC = (
    CONNECTION
    + ArgumentSpec(
        {**_OPTIONS, "rollback_to": {"type": "str"}},
        required_one_of=(("name", "resources"),),
        mutually_exclusive=(("name", "resources"), ("rollback_to", "resources"), ("rollback_to", "source_snapshot")),
    )
    + bulk_spec(
        {**_OPTIONS, "name": {"type": "str", "required": True}},
        {"project": {"type": "str", "required": True}},
    )
    + wait_spec(300, 1.0)
)


def run(task: Task) -> dict[str, Any]:
    """Do the task."""
    api = connect(task.params, task.environ)
    patience = waiting(task)
    if task.params["resources"] is not None:
        return reconcile_volumes(task, api, patience)
    resource = VolumeResource(api, task.params, patience)
    return task.result(reconcile(resource, check_mode=task.check_mode), "volume")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
