# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``kubernetes_paths``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kubernetes_paths
short_description: Paths of objects in the API of Kubernetes
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns where objects are in the API, for M(metalstack.provisioning.kubernetes_objects_info).
  - Knows the kinds that storage is made of, and no others.
options:
  _input:
    description: Objects with C(apiVersion), C(kind) and C(metadata).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at a namespace
  metalstack.provisioning.kubernetes_objects_info:
    paths: "{{ objects | metalstack.provisioning.kubernetes_paths }}"
  vars:
    objects:
      - {apiVersion: v1, kind: Namespace, metadata: {name: duros}}
"""

RETURN = r"""
_value:
  description: The paths, in the order of the objects.
  type: list
  elements: str
  sample: [/api/v1/namespaces/duros]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _paths(objects: Any) -> list[str]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._kubernetes_objects import path_of

    try:
        return [path_of(one) for one in objects]
    except UsageError as error:
        raise AnsibleFilterError(f"kubernetes_paths: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"kubernetes_paths": _paths}
