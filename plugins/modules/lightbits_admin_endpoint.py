#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further ports of the API of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_admin_endpoint
short_description: Manage further ports of the API of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Opens and closes ports on which the servers of a LightOS cluster answer for their API as well, each for some
    addresses only.
  - The port through which the task itself talks to the cluster is not closed, but refused.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  port:
    description: The port, which is what the API knows an admin endpoint by. It must not be in use on the servers.
    type: int
    required: true
  ips:
    description:
      - IP addresses that may use the port, in any order and spelling. Others that may use it now may no longer.
      - Needed if there is no such admin endpoint yet. Otherwise they stay as they are without it.
    type: list
    elements: str
  state:
    description: Whether the admin endpoint should exist.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let two management hosts use the API on a port of their own
  metalstack.provisioning.lightbits_admin_endpoint:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    port: 8443
    ips:
      - 10.0.1.5
      - 10.0.1.6

- name: Close the port
  metalstack.provisioning.lightbits_admin_endpoint:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    port: 8443
    state: absent
"""

RETURN = r"""
admin_endpoint:
  description:
    - The admin endpoint as it is after the task; in check mode as it would be. Null when it is absent.
  returned: success
  type: dict
  sample:
    port: 8443
    ips:
      - 10.0.1.5
      - 10.0.1.6
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 400
    code: invalid_argument
    message: "POST https://10.0.0.10:443/api/v2/adminEndpoints was answered with status 400: invalid port 4420"
    request: POST https://10.0.0.10:443/api/v2/adminEndpoints
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.admin_endpoint import (
    AdminEndpointResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "port": {"type": "int", "required": True},
        "ips": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = AdminEndpointResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "admin_endpoint")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
