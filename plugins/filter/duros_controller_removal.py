# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_controller_removal``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_controller_removal
short_description: In which order duros-controller goes
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Judges what M(metalstack.provisioning.kubernetes_objects_info) has seen, for the role
    P(metalstack.provisioning.duros_controller#role) with C(duros_controller_state=absent).
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
    description: What goes, if it is there.
    type: dict
    required: true
    suboptions:
      namespace:
        description: The namespace.
        type: str
        required: true
      manage_namespace:
        description: Whether it goes as well, unless others use it.
        type: bool
        required: true
      project:
        description: The project, whose storage classes go.
        type: str
        required: true
      first:
        description: What goes first.
        type: list
        elements: dict
        required: true
      in_target:
        description: What goes in the cluster that uses the storage.
        type: list
        elements: dict
        required: true
      last:
        description: What goes last.
        type: list
        elements: dict
        required: true
"""

EXAMPLES = r"""
- name: Show what would go
  ansible.builtin.debug:
    msg: "{{ seen | metalstack.provisioning.duros_controller_removal(seen, wish) }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), reasons to leave everything as it is; C(first), C(in_target) and C(last), what is there and goes;
      C(ending), the paths of those that take a while to end; C(kept), why the namespace stays.
  type: dict
  sample:
    problems: []
    first: []
    in_target: []
    last: []
    ending: []
    kept: ""
"""

from collections.abc import Callable
from typing import Any


def _removal(seen: Any, target: Any, wish: Any) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_removal import removal

    return removal(seen, target, wish)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_controller_removal": _removal}
