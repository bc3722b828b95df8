#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_server
short_description: Enable, disable, add and remove servers of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Takes a server of a LightOS cluster out of service, for maintenance, and back. Adds servers to a cluster and removes
    them.
  - A server is disabled only when nothing speaks against it. The task reads the health of the cluster, all other
    servers, all nodes, the protection of all volumes and the server's own risk, and otherwise fails with all reasons.
  - If another server goes away in the same moment, because a second operator is at work, the server is enabled again
    and the task fails. That needs O(wait).
  - A server is removed only after the same look, when at least three servers are left and it holds no data. One that
    has the only replica of a volume is never removed.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting.long
options:
  name:
    description: Name of the server.
    type: str
    required: true
  state:
    description:
      - V(enabled) waits until all nodes of the server are active.
      - V(present) adds the server if the cluster does not have it, and leaves it alone otherwise, whether it is enabled
        or not. LightOS must be installed on it.
      - V(absent) removes it from the cluster.
    type: str
    choices: [enabled, disabled, present, absent]
    required: true
  endpoint:
    description:
      - The address of the server's etcd, like V(http://10.0.0.14:2380). Needed when O(state=present) has to add it.
    type: str
  uuid:
    description: The UUID that a new server should have, with O(state=present).
    type: str
  extend_cluster:
    description:
      - Whether the nodes of a new server become active and take new volumes. Otherwise they are spare, and
        M(metalstack.provisioning.lightbits_node) can let them take the place of another one.
    type: bool
    default: true
  reuse_ip:
    description: Whether a new server may have the address of one that the cluster had or has.
    type: bool
    default: false
  permanent_failure_timeout:
    description:
      - After how many seconds the cluster takes a disabled server for lost, and makes its replicas anew on others. V(0)
        is never. At least 3600 otherwise.
      - Without it the cluster's parameter C(DurationToTurnIntoPermanentFailure) counts. It is forgotten when the server
        is enabled.
    type: int
  evict:
    description:
      - Whether to move all data of the server to the others before it is disabled. The server is in the state
        C(Disabling) until that is done.
      - The feature C(evict-data) must be enabled, at least four servers too, no other server may be emptied at the same
        time, and the server may not have volumes with a single replica. Whatever is missing is told beforehand.
    type: bool
    default: false
  force:
    description:
      - Whether to disable or remove it in spite of all reasons. Needs O(acknowledge_data_at_risk) if data is at risk.
      - With O(state=absent) the cluster moves the data away first, which the task waits for.
    type: bool
    default: false
  acknowledge_data_at_risk:
    description:
      - Every volume, as C(project/name), that has its only replica on the server or is not fully protected, and has a
        replica there.
    type: list
    elements: str
  wait:
    description: Whether to wait until the server has got there.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Take a server out of service for four hours of work
  metalstack.provisioning.lightbits_server:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server00
    state: disabled
    permanent_failure_timeout: 14400

- name: Take it back
  metalstack.provisioning.lightbits_server:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server00
    state: enabled

- name: Add a server whose nodes wait to take the place of others
  metalstack.provisioning.lightbits_server:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server05
    state: present
    endpoint: http://10.0.0.15:2380
    extend_cluster: false

- name: Remove it
  metalstack.provisioning.lightbits_server:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server05
    state: absent

- name: Take a server out of service for good, after its data has been moved to the others
  metalstack.provisioning.lightbits_server:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server00
    state: disabled
    evict: true
"""

RETURN = r"""
server:
  description: The server as it is after the task, null when it was removed; in check mode what is known beforehand.
  returned: success
  type: dict
  sample:
    name: server00
    uuid: 688695e1-8f8a-52e5-a13a-85ef193b23a8
    state: Disabled
    risk: NoRiskOfServiceLoss
    health: Error
    version: 3.12.1~b1
    witness: false
    nodes:
      - name: server00-0
        uuid: fdcdf407-84d3-56d5-80fd-2d6021bf4d42
        state: Inactive
        nvme_endpoint: 10.0.0.10:4420
        read_only: false
        rebuilding: false
        permanent_failure: false
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.server_membership import (
    MembershipResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.server_resource import ServerResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["enabled", "disabled", "present", "absent"], "required": True},
            "endpoint": {"type": "str"},
            "uuid": {"type": "str"},
            "extend_cluster": {"type": "bool", "default": True},
            "reuse_ip": {"type": "bool", "default": False},
            "evict": {"type": "bool", "default": False},
            "permanent_failure_timeout": {"type": "int"},
            "force": {"type": "bool", "default": False},
            "acknowledge_data_at_risk": {"type": "list", "elements": "str"},
        }
    )
    + wait_spec(1800, 2.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    kind = ServerResource if task.params["state"] in ("enabled", "disabled") else MembershipResource
    resource = kind(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "server")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
