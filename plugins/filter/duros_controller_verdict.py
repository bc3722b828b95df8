# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_controller_verdict``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_controller_verdict
short_description: Whether duros-controller does its work in a cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Judges what M(metalstack.provisioning.kubernetes_objects_info) has seen of the Deployment, of the Duros resource and
    of storage classes, for the role P(metalstack.provisioning.duros_controller#role).
positional: _input, wish
options:
  _input:
    description: What was seen, of the cluster where duros-controller runs, or of the one that uses the storage.
    type: dict
    required: true
  wish:
    description: What should be. What is not given is not judged.
    type: dict
    required: true
    suboptions:
      deployment:
        description: Path of the Deployment.
        type: str
      resource:
        description: Path of the Duros resource, with O(wish.manager) and O(wish.pods).
        type: str
      pods:
        description: Path of the list of its pods; one that runs now has to have reconciled the resource.
        type: str
      manager:
        description: Who applies them; the resource has to be reconciled after that.
        type: str
      storage_classes:
        description: The storage classes, with O(wish.left), O(wish.project) and O(wish.endpoints).
        type: list
        elements: dict
      left:
        description: Names of storage classes that should be gone.
        type: list
        elements: str
      project:
        description: The project of the storage.
        type: str
      endpoints:
        description: Servers of the storage, as storage classes have them.
        type: str
"""

EXAMPLES = r"""
- name: Say what is wrong
  ansible.builtin.debug:
    msg: "{{ seen | metalstack.provisioning.duros_controller_verdict(wish) }}"
"""

RETURN = r"""
_value:
  description: What is not as it should be, a sentence each.
  type: list
  elements: str
  sample: [The Duros resource was never reconciled.]
"""

from collections.abc import Callable
from typing import Any


def _verdict(seen: Any, wish: Any) -> list[str]:
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_kubernetes import verdict

    return verdict(seen, wish)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_controller_verdict": _verdict}
