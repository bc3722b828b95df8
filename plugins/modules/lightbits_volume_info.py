#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which volumes there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_volume_info
short_description: List volumes of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the volumes that match all given options, who is connected to them, and how much of them is used.
  - Nothing found is no error. Volumes that are being deleted are left out.
  - Without O(project) it needs a token with the role C(system:cluster-admin) or another one of the project C(system)
    that can read, otherwise one of that project is enough.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  project:
    description: Name of the project that they are in. By default those of all projects are returned.
    type: str
  name:
    description: Name of the volume. Volumes of different projects may have the same name.
    type: str
  labels:
    description: Labels that they must all have.
    type: dict
  protection:
    description: How their replicas must be. V(FullyProtected) and V(Degraded) ones can be written.
    type: list
    elements: str
    choices: [FullyProtected, Degraded, ReadOnly, NotAvailable]
  server:
    description:
      - Name of a server that must have one of their replicas. To be looked at before it is taken out of service.
      - Needs a role of the project C(system).
    type: str
  placement:
    description: Whether to return the servers of each volume. Always so with O(server), and needs the same role.
    type: bool
    default: false
seealso:
  - module: metalstack.provisioning.lightbits_volume
  - module: metalstack.provisioning.lightbits_cluster_info
"""

EXAMPLES = r"""
- name: Find the volumes of a project
  metalstack.provisioning.lightbits_volume_info:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    project: default
  register: found

- name: Find what is not fully protected
  metalstack.provisioning.lightbits_volume_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    protection: [Degraded, ReadOnly, NotAvailable]
  register: weak

- name: Find what would be away without a server, because it has no other replica
  metalstack.provisioning.lightbits_volume_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    server: server00
  register: of_server

- name: Show it
  ansible.builtin.debug:
    msg: "{{ of_server.volumes | selectattr('replica_count', 'equalto', 1) | map(attribute='name') }}"
"""

RETURN = r"""
volumes:
  description: The volumes, sorted by project and name.
  returned: success
  type: list
  elements: dict
  contains:
    size:
      description: Its size in bytes.
      returned: always
      type: int
    logical_used:
      description: How many bytes were written to it.
      returned: always
      type: int
    physical_used:
      description: How many bytes that takes on devices, without parity.
      returned: always
      type: int
    connected_hosts:
      description: NQNs of the hosts that are connected to it.
      returned: always
      type: list
      elements: str
    servers:
      description: Names of the servers that have its replicas.
      returned: with O(server) or O(placement=true)
      type: list
      elements: str
  sample:
    - name: postgres
      project: default
      uuid: 3f1c8e0e-8f43-4c87-9a53-6a0a1c6a8f0d
      state: Available
      protection: FullyProtected
      size: 107374182400
      replica_count: 3
      compression: false
      acl: ["nqn.2014-08.org.nvmexpress:uuid:6b7e4a8c-6f5c-4d2b-9a43-2f4b1f0c9a11"]
      ip_acl: [ALLOW_ANY]
      labels:
        owner: db
      qos_policy: ""
      source_snapshot: ""
      nsid: 7
      connected_hosts: ["nqn.2014-08.org.nvmexpress:uuid:6b7e4a8c-6f5c-4d2b-9a43-2f4b1f0c9a11"]
      logical_used: 53687091200
      physical_used: 26843545600
      rebuild_progress: None
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/volumes was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/volumes
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.volume_report import volume_report
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "project": {"type": "str"},
        "name": {"type": "str"},
        "labels": {"type": "dict"},
        "protection": {
            "type": "list",
            "elements": "str",
            "choices": ["FullyProtected", "Degraded", "ReadOnly", "NotAvailable"],
        },
        "server": {"type": "str"},
        "placement": {"type": "bool", "default": False},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    return {"changed": False, "volumes": volume_report(connect(task.params, task.environ), task.params)}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
