#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sizes there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_size_info
short_description: List machine sizes of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the sizes of the metal-api that match all given options. Both generations of the API return the same.
  - Any key will do (O(api_hmac_user=Metal-View)).
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description: Id of a size. Nothing found is no error.
    type: str
  name:
    description: Name of the size.
    type: str
  labels:
    description: Only sizes that have all these labels.
    type: dict
seealso:
  - module: metalstack.provisioning.metal_size
"""

EXAMPLES = r"""
- name: Look up what storage servers are
  metalstack.provisioning.metal_size_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    id: s3-large-x86
  register: found
"""

RETURN = r"""
sizes:
  description: The sizes, sorted by id.
  returned: success
  type: list
  elements: dict
  sample:
    - id: s3-large-x86
      name: s3-large-x86
      description: Storage server with eight NVMe disks
      labels: {}
      constraints:
        - type: cores
          identifier: ""
          min: 32
          max: 64
        - type: memory
          identifier: ""
          min: 500000000000
          max: 549755813888
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/size was answered with status 403
    request: GET https://api.example.com/metal/v1/size
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.size import list_sizes
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.values import given_labels
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + VERSION + ArgumentSpec({"id": {"type": "str"}, "name": {"type": "str"}, "labels": {"type": "dict"}})


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    labels = given_labels(params["labels"]) or {}
    found = [
        size.as_dict()
        for size in sorted(list_sizes(connect_any(params, task.environ)), key=lambda size: size.id)
        if params["id"] in (None, size.id)
        and params["name"] in (None, size.name)
        and labels.items() <= size.labels.items()
    ]
    return {"changed": False, "sizes": found}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
