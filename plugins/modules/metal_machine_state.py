#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_machine_state
short_description: Reserve and lock machines of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Makes a machine available, reserves it, or locks it.
  - Needs the edit key (O(api_hmac_user=Metal-Edit)). V(v1) of the metal-api only.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description: Id of the machine.
    type: str
    required: true
  state:
    description:
      - V(available) is for all.
      - V(reserved) is not chosen by the metal-api any more, but can be allocated by its id.
      - V(locked) can neither be freed nor reinstalled, nor is it chosen.
    type: str
    choices: [available, reserved, locked]
    required: true
  description:
    description: Why it is reserved or locked. Required then, and not allowed with O(state=available).
    type: str
seealso:
  - module: metalstack.provisioning.metal_machine
  - module: metalstack.provisioning.metal_machine_info
"""

EXAMPLES = r"""
- name: Keep a machine with a broken disk from being allocated
  metalstack.provisioning.metal_machine_state:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    state: reserved
    description: second disk is broken

- name: Offer it again
  metalstack.provisioning.metal_machine_state:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    state: available
"""

RETURN = r"""
machine:
  description:
    - The machine as it is after the task, with the keys of RV(metalstack.provisioning.metal_machine#module:machine).
      In check mode its id and its state.
  returned: success
  type: dict
  sample:
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    state: reserved
    state_description: second disk is broken
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/machine/1a6c2e34/state was answered with status 403
    request: POST https://api.example.com/metal/v1/machine/1a6c2e34/state
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine import AVAILABLE, LOCKED, RESERVED
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_state import StateResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "id": {"type": "str", "required": True},
        "state": {"type": "str", "choices": [AVAILABLE, RESERVED, LOCKED], "required": True},
        "description": {"type": "str"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    api = connect(params, task.environ)
    resource = StateResource(api, params["id"], params["state"], params["description"])
    return task.result(reconcile(resource, check_mode=task.check_mode), "machine")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
