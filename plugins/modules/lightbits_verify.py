#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a Lightbits cluster as its clients use it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_verify
short_description: Try a Lightbits cluster as its clients use it
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Asks every server of a LightOS cluster by itself for the health of the cluster.
  - Then makes a project that exists for this only, with a key of its own, and with a token of that key a volume. Waits
    until the volume is fully protected, and removes all of it.
  - Fails with everything that is wrong. Nothing is left behind; what a run that was interrupted has left is removed by
    one that comes six hours later.
  - Needs a token with the role C(system:cluster-admin), and for the volume the Python package C(cryptography) where it
    runs.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
attributes:
  check_mode:
    support: full
    description: Makes no volume in C(check_mode).
options:
  servers:
    description: Names of servers that the cluster must have. It may have more.
    type: list
    elements: str
    default: []
  volume:
    description: Whether to try a volume.
    type: bool
    default: true
  size:
    description: Size of the volume, in bytes or like V(1GiB).
    type: str
    default: 1GiB
  replica_count:
    description: How many replicas it has.
    type: int
    choices: [1, 2, 3]
    default: 3
  wait_timeout:
    description: How many seconds to wait at most, each time that something has to be waited for.
    type: int
    default: 300
  wait_interval:
    description:
      - How many seconds to wait at most between two looks. The first come sooner after each other.
      - What is waited for is mostly a matter of moments.
    type: float
    default: 0.25
seealso:
  - module: metalstack.provisioning.lightbits_cluster_info
"""

EXAMPLES = r"""
- name: Try a cluster
  metalstack.provisioning.lightbits_verify:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    servers:
      - server00
      - server01
      - server02
"""

RETURN = r"""
endpoints:
  description: What each server says of the health of the cluster.
  returned: always
  type: list
  elements: dict
  sample:
    - endpoint: 10.0.0.10:443
      health: OK
seconds:
  description: After how many seconds the volume was made, fully protected, and removed. Empty without a volume.
  returned: success
  type: dict
  sample:
    created: 1.2
    protected: 2.3
    removed: 4.5
problems:
  description: What is wrong, a sentence each.
  returned: always
  type: list
  elements: str
  sample: []
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
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import (
    CONNECTION,
    connect,
    connect_to,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.verification import (
    Trial,
    check_servers,
    try_volume,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import Waiting

SPEC = CONNECTION + ArgumentSpec(
    {
        "servers": {"type": "list", "elements": "str", "default": []},
        "volume": {"type": "bool", "default": True},
        "size": {"type": "str", "default": "1GiB"},
        "replica_count": {"type": "int", "choices": [1, 2, 3], "default": 3},
        "wait_timeout": {"type": "int", "default": 300},
        "wait_interval": {"type": "float", "default": 0.25},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params, environ = task.params, task.environ
    if params["wait_interval"] <= 0:
        raise UsageError(f"wait_interval is {params['wait_interval']:g}; it must be more than 0 seconds.")
    api = connect(params, environ)
    endpoints, problems = check_servers(api, params["servers"], lambda endpoint: connect_to(endpoint, params, environ))
    sentences = [f"{one[0].upper()}{one[1:]}." for one in problems]
    result: dict[str, object] = {"changed": False, "endpoints": endpoints, "problems": sentences}
    if problems:
        return {**result, "failed": True, "msg": " ".join(sentences)}
    if task.check_mode or not params["volume"]:
        return {**result, "seconds": {}}
    trial = Trial(
        size=params["size"],
        replicas=params["replica_count"],
        waiting=Waiting(params["wait_timeout"], params["wait_interval"]),
        api_of=lambda token: connect({**params, "api_token": token, "api_token_file": None}, environ),
    )
    return {**result, "seconds": try_volume(api, trial)}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
