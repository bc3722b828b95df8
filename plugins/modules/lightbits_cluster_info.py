#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a Lightbits cluster is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_cluster_info
short_description: Show a Lightbits cluster, its servers, and what is wrong with it
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns what a LightOS cluster is and where it listens, in the forms that its consumers need.
  - Says in words what is wrong with it.
  - The cluster and its endpoints may be read with any token, everything that O(gather) names only with the role
    C(system:cluster-admin) or another one of the project C(system) that can read.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  gather:
    description:
      - What to return beside the cluster and its endpoints. Each costs one or two requests, and V(health) reads all
        volumes when the cluster counts some that are not fully protected, to say which.
      - An empty list is right for the token of a tenant.
    type: list
    elements: str
    choices: [capacity, devices, health, nodes, servers, versions]
    default: [capacity, devices, health, nodes, servers, versions]
seealso:
  - plugin: metalstack.provisioning.lightbits_endpoints
    plugin_type: filter
    description: The endpoints in the form that a discovery client needs, which depends on its host.
  - module: metalstack.provisioning.lightbits_server
  - module: metalstack.provisioning.lightbits_volume_info
  - module: metalstack.provisioning.lightbits_event_info
"""

EXAMPLES = r"""
- name: Look at a cluster
  metalstack.provisioning.lightbits_cluster_info:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
  register: lightos

- name: Go on only when nothing is wrong
  ansible.builtin.assert:
    that: lightos.health.ok
    fail_msg: "{{ lightos.health.problems | join(' ') }}"
    quiet: true

- name: Ask only for the endpoints, which the token of a tenant may do
  metalstack.provisioning.lightbits_cluster_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    gather: []
  register: lightos

- name: Show what a StorageClass needs
  ansible.builtin.debug:
    var: lightos.endpoints.storage_class
"""

RETURN = r"""
cluster:
  description: The cluster, with all addresses as C(host:port), sorted, IPv6 in brackets.
  returned: success
  type: dict
  sample:
    name: par-1
    uuid: 1c6a3d9e-3c2c-4c58-9f0e-2a8a6d0f6a57
    max_replicas: 3
    in_band_authentication: false
    encryption: Disabled
    last_upgrade:
      status: None
      target_version: ""
      step: 0
      steps: 0
      error: ""
    subsystem_nqn: nqn.2016-01.com.lightbitslabs:uuid:0f9c5c38-8d6a-4a54-9b0b-0d6f5c7e2a31
    api_endpoints: ["10.0.0.10:443", "10.0.0.11:443", "10.0.0.12:443"]
    discovery_endpoints: ["10.0.0.10:8009", "10.0.0.11:8009", "10.0.0.12:8009"]
    nvme_endpoints: ["10.0.0.10:4420", "10.0.0.11:4420", "10.0.0.12:4420"]
endpoints:
  description: The same addresses as the filter P(metalstack.provisioning.lightbits_endpoints#filter) writes them.
  returned: success
  type: dict
  contains:
    storage_class:
      description: The parameter C(mgmt-endpoint) of a StorageClass.
      returned: always
      type: str
      sample: 10.0.0.10:443,10.0.0.11:443
    duros_controller:
      description: Arguments of duros-controller.
      returned: always
      type: list
      elements: str
      sample: ["-endpoints=10.0.0.10:443,10.0.0.11:443", "-api-endpoint=10.0.0.10:443"]
    prometheus:
      description: Targets of a service discovery by files.
      returned: always
      type: list
      elements: dict
      sample:
        - targets: ["10.0.0.10:8090", "10.0.0.11:8090"]
          labels:
            job: lightbox-exporter
    firewall:
      description: Rules for O(metalstack.provisioning.metal_firewall#module:firewall_rules.egress).
      returned: always
      type: list
      elements: dict
      sample:
        - comment: storage api
          protocol: tcp
          ports: [443]
          to: [10.0.0.10/32, 10.0.0.11/32]
health:
  description: What is wrong.
  returned: if O(gather) has it
  type: dict
  contains:
    state:
      description: What the cluster itself calls its health, V(OK), V(Warning), V(Error) or V(None).
      returned: always
      type: str
      sample: Warning
    ok:
      description: Whether there are no problems.
      returned: always
      type: bool
      sample: false
    problems:
      description: Problems of the cluster, its servers, nodes, devices and volumes, a sentence each.
      returned: always
      type: list
      elements: str
      sample:
        - The server server02 is in the state Disabled.
        - The node server02-0 is in the state Inactive.
        - The volume default/postgres is degraded.
capacity:
  description:
    - Space in bytes. C(installed) are all devices, C(physical) what is left of those in use without parity and spare.
    - C(logical) and C(logical_free) are the cluster's estimate of what volumes can hold and still can be written, with
      the present C(compression_ratio). C(allocated) are the sizes of all volumes, C(logical_used) what was written.
  returned: if O(gather) has it
  type: dict
  sample:
    installed: 52776558133248
    physical: 39582418599936
    physical_free: 39260296052736
    allocated: 322122547200
    logical: 39582418599936
    logical_free: 39260296052736
    logical_used: 322122547200
    compression_ratio: 1
versions:
  description: The oldest version that a server runs, and the oldest and newest that the cluster may be upgraded to.
  returned: if O(gather) has it
  type: dict
  sample:
    lowest: 3.12.1
    lowest_allowed: 3.10.1
    highest_allowed: 3.14.9
servers:
  description: The servers by name, with the names of their nodes.
  returned: if O(gather) has it
  type: list
  elements: dict
  sample:
    - name: server00
      uuid: 688695e1-8f8a-52e5-a13a-85ef193b23a8
      state: Enabled
      risk: NoRiskOfServiceLoss
      health: OK
      version: 3.12.1~b1
      witness: false
      nodes: [server00-0]
nodes:
  description: The nodes by name, with the names of their servers.
  returned: if O(gather) has it
  type: list
  elements: dict
  sample:
    - name: server00-0
      uuid: fdcdf407-84d3-56d5-80fd-2d6021bf4d42
      server: server00
      state: Active
      nvme_endpoint: 10.0.0.10:4420
      read_only: false
      rebuilding: false
      permanent_failure: false
devices:
  description: The devices by serial number, with the names of their servers and nodes. No node uses one without.
  returned: if O(gather) has it
  type: list
  elements: dict
  sample:
    - serial: SERVER00-0
      name: nvme0n1
      model: SAMSUNG MZQL23T8HCLS-00A07
      size: 3840755982336
      state: Healthy
      usage: Data
      server: server00
      node: server00-0
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/cluster was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/cluster
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.cluster_report import (
    PARTS,
    cluster_report,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {"gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)}}
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    return {"changed": False, **cluster_report(connect(task.params, task.environ), task.params["gather"])}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
