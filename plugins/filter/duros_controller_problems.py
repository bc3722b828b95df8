# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_controller_problems``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_controller_problems
short_description: What keeps duros-controller from being deployed to a cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Judges what M(metalstack.provisioning.kubernetes_objects_info) has seen, for the role
    P(metalstack.provisioning.duros_controller#role). Returns everything that is wrong at once.
positional: _input, target, wish
options:
  _input:
    description: What was seen of the cluster where duros-controller runs.
    type: dict
    required: true
  target:
    description: What was seen of the cluster that uses the storage, which may be the same.
    type: dict
    required: true
  wish:
    description: What the role is going to apply.
    type: dict
    required: true
    suboptions:
      namespace:
        description: The namespace.
        type: str
        required: true
      manage_namespace:
        description: Whether the role makes it.
        type: bool
        required: true
      objects:
        description: Objects for the cluster where it runs.
        type: list
        elements: dict
        required: true
      target_objects:
        description: Objects for the cluster that uses the storage.
        type: list
        elements: dict
        required: true
      storage_classes:
        description: The storage classes.
        type: list
        elements: dict
        required: true
      project:
        description: The project of the storage.
        type: str
        required: true
      snapshots:
        description: Paths of definitions that have to be there.
        type: list
        elements: str
        required: true
      names:
        description: Addresses that no network policy can have.
        type: list
        elements: str
        required: true
      access:
        description: What was seen with the access that duros-controller is given.
        type: dict
      access_rules:
        description: What that access has to allow, as rules of a Role.
        type: list
        elements: dict
"""

EXAMPLES = r"""
- name: Stop if anything is wrong
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems | join(' ') }}"
  vars:
    found: "{{ seen | metalstack.provisioning.duros_controller_problems(seen, wish) }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems) and C(warnings), a sentence each; C(ending), those problems that end by themselves, since something is
      being removed.
  type: dict
  sample:
    problems: ["The namespace duros is not there: make it, or let the role do so (duros_controller_manage_namespace)."]
    ending: []
    warnings: []
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _problems(seen: Any, target: Any, wish: Any) -> dict[str, list[str]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_kubernetes import problems

    try:
        return problems(seen, target, wish)
    except UsageError as error:
        raise AnsibleFilterError(f"duros_controller_problems: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_controller_problems": _problems}
