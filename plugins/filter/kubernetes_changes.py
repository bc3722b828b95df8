# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``kubernetes_changes``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_changes
short_description: Which objects of Kubernetes differ from what is wanted
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Compares objects that are wanted with what M(metalstack.provisioning.kubernetes_objects_info) has seen, so that only
    what differs has to be applied.
  - Only what is wanted counts; what the API or somebody else adds to an object is no difference. A field that the same
    field manager has applied before and that is not wanted any more is one.
  - Of secrets only checksums are compared.
positional: _input, seen
options:
  _input:
    description: The objects that are wanted.
    type: list
    elements: dict
    required: true
  seen:
    description: What was seen, RV(metalstack.provisioning.kubernetes_objects_info#module:objects).
    type: dict
    required: true
  field_manager:
    description: Who applies them, as in O(kubernetes.core.k8s#module:server_side_apply.field_manager).
    type: str
    default: metalstack.provisioning
"""

EXAMPLES = r"""
- name: Look whether the namespace is there
  metalstack.provisioning.kubernetes_objects_info:
    paths: [/api/v1/namespaces/storage]
  register: seen

- name: Have the namespace
  kubernetes.core.k8s:
    definition: "{{ changes | map(attribute='object') }}"
    apply: true
    server_side_apply:
      field_manager: metalstack.provisioning
  vars:
    wanted: [{apiVersion: v1, kind: Namespace, metadata: {name: storage}}]
    changes: "{{ wanted | metalstack.provisioning.kubernetes_changes(seen.objects) }}"
  when: changes | length > 0
"""

RETURN = r"""
_value:
  description: The objects that differ, in their order.
  type: list
  elements: dict
  contains:
    object:
      description: The object as it is wanted.
      type: dict
    title:
      description: Its kind and name.
      type: str
    path:
      description: Its path in the API.
      type: str
    create:
      description: Whether it is not there.
      type: bool
    fields:
      description: Paths of the fields that differ.
      type: list
      elements: str
  sample:
    - object: {apiVersion: v1, kind: Namespace, metadata: {name: storage}}
      title: Namespace storage
      path: /api/v1/namespaces/storage
      create: true
      fields: []
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _changes(wanted: Any, seen: Any, field_manager: str = "metalstack.provisioning") -> list[dict[str, Any]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._kubernetes_objects import changes

    try:
        return changes(list(wanted), seen, field_manager)
    except UsageError as error:
        raise AnsibleFilterError(f"kubernetes_changes: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"kubernetes_changes": _changes}
