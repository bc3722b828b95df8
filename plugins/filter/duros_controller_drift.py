# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_controller_drift``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_controller_drift
short_description: Where the servers of a Lightbits cluster are written down differently
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - The servers of a cluster are written down in many places, all of which have to change when a server is added or
    removed. This compares them with what the cluster says.
positional: _input, seen, target, wish
options:
  _input:
    description: The servers that the cluster names.
    type: list
    elements: str
    required: true
  seen:
    description:
      - What M(metalstack.provisioning.kubernetes_objects_info) has seen of the cluster where duros-controller runs.
    type: dict
    required: true
  target:
    description: The same of the cluster that uses the storage, with its storage classes, volumes and snapshots.
    type: dict
    required: true
  wish:
    description: Where to look.
    type: dict
    required: true
    suboptions:
      deployment:
        description: Path of the Deployment.
        type: str
        required: true
      network_policy:
        description: Path of the NetworkPolicy.
        type: str
        required: true
      project:
        description: The project, whose storage classes are meant.
        type: str
        required: true
      configured:
        description: The servers in the inventory.
        type: list
        elements: str
        required: true
      targets:
        description: What the file of Prometheus has.
        type: list
        elements: dict
"""

EXAMPLES = r"""
- name: Show what is different
  ansible.builtin.debug:
    msg: "{{ (servers | metalstack.provisioning.duros_controller_drift(seen, seen, wish)).table }}"
"""

RETURN = r"""
_value:
  description:
    - C(places) that differ, each with what it C(lacks) and has besides (C(surplus)); C(frozen), how many volumes and
      snapshots have other servers in their handles, which nothing changes; and a C(table) of it, empty if there is
      nothing.
  type: dict
  sample:
    places:
      - place: StorageClass gold
        lacks: ["10.131.0.14:443"]
        surplus: []
    frozen: {volumes: 12, snapshots: 0, unreachable: 0}
    table: "..."
"""

from collections.abc import Callable
from typing import Any


def _drift(cluster: Any, seen: Any, target: Any, wish: Any) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_drift import drift

    return drift(cluster, seen, target, wish)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_controller_drift": _drift}
