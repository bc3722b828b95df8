#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_server
short_description: Enable and disable servers of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Takes a server of a LightOS cluster out of service, for maintenance, and back.
  - A server is disabled only when nothing speaks against it. The task reads the health of the cluster, all other
    servers, all nodes, the protection of all volumes and the server's own risk, and otherwise fails with all reasons.
  - If another server goes away in the same moment, because a second operator is at work, the server is enabled again
    and the task fails. That needs O(wait).
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  name:
    description: Name of the server.
    type: str
    required: true
  state:
    description:
      - V(enabled) waits until all nodes of the server are active.
    type: str
    choices: [enabled, disabled]
    required: true
  permanent_failure_timeout:
    description:
      - After how many seconds the cluster takes a disabled server for lost, and makes its replicas anew on others. V(0)
        is never. At least 3600 otherwise.
      - Without it the cluster's parameter C(DurationToTurnIntoPermanentFailure) counts. It is forgotten when the server
        is enabled.
    type: int
  force:
    description: Whether to disable it in spite of all reasons. Needs O(acknowledge_data_at_risk) if data is at risk.
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
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 1800
  wait_interval:
    description: How many seconds to wait between two looks.
    type: float
    default: 2
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
"""

RETURN = r"""
server:
  description: The server as it is after the task; in check mode what is known of it beforehand.
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.server_resource import ServerResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True},
            "permanent_failure_timeout": {"type": "int"},
            "force": {"type": "bool", "default": False},
            "acknowledge_data_at_risk": {"type": "list", "elements": "str"},
        }
    )
    + wait_spec(1800, 2.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = ServerResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "server")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
