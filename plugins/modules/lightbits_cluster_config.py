#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_cluster_config
short_description: Set parameters of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Sets parameters that hold for a whole LightOS cluster, such as the time after which a server that is away is taken
    for lost. Parameters that are not given stay as they are.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  parameters:
    description:
      - Parameters by name, with the values that they should have. An empty mapping only reads.
      - Times are numbers with the units V(d), V(h), V(m) and V(s), or a number of seconds. V(1h) and V(60m) are the
        same, and so are V(true) and V(yes) where a parameter is either true or false.
      - A name that the cluster does not know is refused, before anything is set.
    type: dict
    required: true
seealso:
  - module: metalstack.provisioning.lightbits_feature_flag
"""

EXAMPLES = r"""
- name: Wait for two hours before the replicas of a server that is away are made anew
  metalstack.provisioning.lightbits_cluster_config:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    parameters:
      DurationToTurnIntoPermanentFailure: 2h
      EnableTrim: true
"""

RETURN = r"""
config:
  description:
    - All parameters of the cluster as they are after the task; in check mode as they would be. Times are in hours,
      minutes and seconds.
  returned: success
  type: dict
  sample:
    AllowedNumRevives: 3
    ClusterName: storage-1
    DurationToTurnIntoPermanentFailure: 2h
    EnableTrim: true
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/clusterConfig was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/clusterConfig
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.cluster_config import ConfigResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec({"parameters": {"type": "dict", "required": True}})


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = ConfigResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "config")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
