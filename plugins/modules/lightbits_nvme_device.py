#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVMe devices of a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_nvme_device
short_description: Attach NVMe devices to nodes of a Lightbits cluster, and find them by their lights
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Attaches an NVMe device that was plugged into a server to a node of that server, and waits until it is healthy.
  - Sets the light of a device, so that somebody finds it in the rack.
  - The API cannot take a device from its node. One that is attached to another node is refused, as well as one in
    another server, and a node that is not active or has as many devices as it can have.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
attributes:
  idempotent:
    support: partial
    description: A second run with the same options changes nothing, where there is something to compare with.
    details:
      - The API does not tell what a light shows. So O(led) is set in every run, which then counts as a change.
options:
  serial:
    description: Serial number of the device.
    type: str
    required: true
  node:
    description: Name of the node to attach it to. At least one of O(node) and O(led) is needed.
    type: str
  state:
    description: Devices can only be attached.
    type: str
    choices: [present]
    default: present
  led:
    description:
      - What the light of the device should show. V(locate) and V(rebuild) are patterns; V(locate-off) ends V(locate).
      - Changes something in every run.
    type: str
    choices: [locate, rebuild, locate-off]
  wait:
    description: Whether to wait until the device is attached and healthy.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 600
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: Let a device blink
  metalstack.provisioning.lightbits_nvme_device:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    serial: SERVER00-0
    led: locate

- name: Use a device
  metalstack.provisioning.lightbits_nvme_device:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    serial: SERVER00-0
    node: server00-0
"""

RETURN = r"""
device:
  description: The device as it is after the task; in check mode what is known of it beforehand.
  returned: success
  type: dict
  contains:
    serial:
      description: Serial number.
      type: str
      returned: always
      sample: PHAB8506004B3P8EGN
    name:
      description: What the server calls it.
      type: str
      returned: when something is done
      sample: nvme0n1
    model:
      description: Model.
      type: str
      returned: when something is done
      sample: INTEL SSDPE2KX040T8
    size:
      description: Bytes.
      type: int
      returned: when something is done
      sample: 4000787030016
    state:
      description: V(None), V(Healthy), V(Adding), V(Rebuilding) or V(Failed).
      type: str
      returned: when something is done
      sample: Healthy
    usage:
      description: V(Data), V(Journal), V(OS), V(UnManaged) or V(Unknown).
      type: str
      returned: when something is done
      sample: Data
    node:
      description: Name of the node that it is attached to. Null when it is attached to none.
      type: str
      returned: always
      sample: server00-0
    led:
      description: What this task has set the light to.
      type: str
      returned: if O(led) is given
      sample: locate
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/nvmeDevices was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/nvmeDevices
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.device_resource import DeviceResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + ArgumentSpec(
        {
            "serial": {"type": "str", "required": True},
            "node": {"type": "str"},
            "state": {"type": "str", "choices": ["present"], "default": "present"},
            "led": {"type": "str", "choices": ["locate", "rebuild", "locate-off"]},
        },
        required_one_of=(("node", "led"),),
    )
    + wait_spec(600, 2.0)
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = DeviceResource(connect(task.params, task.environ), task.params, waiting(task))
    return task.result(reconcile(resource, check_mode=task.check_mode), "device")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
