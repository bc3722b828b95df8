#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_upgrade
short_description: Upgrade LightOS on a Lightbits cluster or on one of its servers
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Upgrades the servers of a LightOS cluster, one after the other, or a single one, and waits until they have the
    version and their nodes are active again.
  - It begins only when the cluster takes the version and nothing speaks against the absence of a server. The task reads
    the health of the cluster, all servers and nodes, the protection of all volumes and the servers' own risk, and
    otherwise fails with all reasons.
  - An upgrade to the same version that goes on already is waited for, and never started a second time. So a task that
    was interrupted, or whose O(wait_timeout) was too short, is simply run again.
  - Servers that have the version are left out. Nothing goes back to an older version.
  - A task that fails while it waits tells how far each server was. So does the result of a task with O(wait=false).
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  version:
    description:
      - The version of LightOS to have, like V(3.13.1). With a build, like V(3.13.1~b1127), only that build is good
        enough.
      - The cluster says between which versions it can be.
    type: str
    required: true
  package_uri:
    description:
      - Address of the package repository of O(version), as the servers reach it.
      - The vendor's addresses contain the key of the customer. So it is treated as a secret.
    type: str
    required: true
  server:
    description: Name of the only server to upgrade. Without it all servers of the cluster are upgraded.
    type: str
  proxy:
    description: The proxy through which the servers reach O(package_uri).
    type: dict
    suboptions:
      url:
        description: Its address, like V(http://proxy.example.com:3128).
        type: str
        required: true
      username:
        description: User name at the proxy.
        type: str
      password:
        description: Password at the proxy.
        type: str
  force:
    description:
      - Whether to upgrade O(server) in spite of all reasons. Needs O(acknowledge_data_at_risk) if data is at risk.
    type: bool
    default: false
  acknowledge_data_at_risk:
    description:
      - Every volume, as C(project/name), that has its only replica on the server or is not fully protected, and has a
        replica there.
    type: list
    elements: str
  wait:
    description: Whether to wait until the upgrade has come to its end.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 14400
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Upgrade one server first
  metalstack.provisioning.lightbits_upgrade:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    server: server00
    version: 3.13.1
    package_uri: https://packages.example.com/lightos-3-13-1-rhl-9/

- name: Upgrade the others, one after the other
  metalstack.provisioning.lightbits_upgrade:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    version: 3.13.1
    package_uri: https://packages.example.com/lightos-3-13-1-rhl-9/
    proxy:
      url: http://proxy.example.com:3128
"""

RETURN = r"""
upgrade:
  description: The versions after the task, and what is known of the upgrades; in check mode the versions.
  returned: success
  type: dict
  contains:
    versions:
      description: The version of each server that the task is about, by its name.
      type: dict
      sample:
        server00: 3.13.1
    cluster:
      description: The last upgrade of the whole cluster, or the one that goes on, and which versions it runs and takes.
      type: dict
      sample:
        status: None
        target_version: 3.13.1
        step: 3
        steps: 3
        error: ""
        versions:
          lowest: 3.13.1
          lowest_allowed: 3.10.1
          highest_allowed: 3.14.9
    servers:
      description:
        - The last upgrade of each server, or the one that goes on. The status is C(Upgrading), C(Rebooting),
          C(Recovering), C(UpgradeFailed) or C(None).
      type: dict
      sample:
        server00:
          status: None
          target_version: 3.13.1
          step: 3
          steps: 3
          error: ""
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/servers was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/servers
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.upgrade_resource import UpgradeResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "version": {"type": "str", "required": True},
            "package_uri": {"type": "str", "required": True, "no_log": True},
            "server": {"type": "str"},
            "proxy": {
                "type": "dict",
                "options": {
                    "url": {"type": "str", "required": True},
                    "username": {"type": "str"},
                    "password": {"type": "str", "no_log": True},
                },
            },
            "force": {"type": "bool", "default": False},
            "acknowledge_data_at_risk": {"type": "list", "elements": "str"},
        }
    )
    + wait_spec(14400, 10.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = UpgradeResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "upgrade")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
