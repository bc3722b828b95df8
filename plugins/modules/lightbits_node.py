#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_node
short_description: Replace a node of a Lightbits cluster by a spare one
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Gives the place of a node to a spare one, for example when its server is broken. The spare node takes over all its
    replicas and fills them from the others.
  - Everything that speaks against it is told at once, before anything is changed. The node must be inactive, which it
    is when its server was disabled; the other one must be spare, which nodes of a server are that was added without
    extending the cluster; and no failure domain may get two replicas of a volume.
  - A replacement of volumes' only replicas loses their data, and needs O(force).
  - A replacement of the same nodes that goes on already is waited for, and never started a second time.
  - The API keeps no record of replacements. A node that is spare, or gone with its server, while the other one is
    active, counts as replaced.
  - When the task is done the volumes are still being filled. M(metalstack.provisioning.lightbits_server) disables no
    server before that is done.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
  - metalstack.provisioning.waiting.long
options:
  name:
    description: Name of the node that goes, like V(server00-0).
    type: str
    required: true
  replaced_by:
    description: Name of the spare node that takes its place.
    type: str
    required: true
  while_active:
    description:
      - Whether the node may be replaced although it is active. Then the cluster has to be well otherwise, and no volume
        may be in danger without the node's server.
    type: bool
    default: false
  force:
    description: Whether to lose data. Needs O(acknowledge_data_at_risk).
    type: bool
    default: false
  acknowledge_data_at_risk:
    description: Every volume, as C(project/name), of which no node but O(name) has all data.
    type: list
    elements: str
  wait:
    description: Whether to wait until the nodes have changed places.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Let the spare node of server04 take over from a broken one
  metalstack.provisioning.lightbits_node:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    name: server01-0
    replaced_by: server04-0
"""

RETURN = r"""
node:
  description: Both nodes as they are after the task; in check mode what is known of them beforehand.
  returned: success
  type: dict
  sample:
    name: server01-0
    replaced_by: server04-0
    replaced: true
    nodes:
      - name: server01-0
        uuid: fdcdf407-84d3-56d5-80fd-2d6021bf4d42
        state: Unattached
        nvme_endpoint: 10.0.0.11:4420
        read_only: false
        rebuilding: false
        permanent_failure: false
      - name: server04-0
        uuid: 688695e1-8f8a-52e5-a13a-85ef193b23a8
        state: Active
        nvme_endpoint: 10.0.0.14:4420
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
    message: GET https://10.0.0.10:443/api/v2/nodes was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/nodes
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.node_resource import NodeResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "replaced_by": {"type": "str", "required": True},
            "while_active": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "acknowledge_data_at_risk": {"type": "list", "elements": "str"},
        }
    )
    + wait_spec(1800, 2.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = NodeResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "node")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
