# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_gardener_values``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_gardener_values
short_description: Values for the extensions of Gardener that deploy duros-controller
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Makes the values of the charts gardener-extension-provider-metal (C(storage.duros.partitionConfig)) and
    gardener-extension-duros (C(config.regionConfig)), and tells what these would refuse, all of it at once. They
    decode their configuration strictly; with a misspelt field they do not start.
  - The result is as secret as the keys in it, so tasks that use it need C(no_log=true).
positional: _input, regions, defaults
options:
  _input:
    description:
      - By partition the fields C(endpoints), C(adminKey), C(adminToken), C(storageClasses), and if wanted
        C(apiEndpoint) with C(apiCA), C(apiCert) and C(apiKey).
      - Storage classes have C(name), C(replicaCount), C(compression) and C(encryption).
    type: dict
    required: true
  regions:
    description:
      - By region the fields C(endpoints), C(adminKey), C(adminToken), C(apiEndpoint), and if wanted C(apiCA),
        C(apiCert), C(apiKey) and C(qosPolicies).
    type: dict
    required: true
  defaults:
    description:
      - C(endpoints), C(adminKey), C(adminToken), and for regions C(apiEndpoint), where they are not given.
    type: dict
"""

EXAMPLES = r"""
- name: Have the values
  ansible.builtin.set_fact:
    values: "{{ partitions | metalstack.provisioning.duros_gardener_values({}, defaults) }}"
  vars:
    partitions:
      fra-01:
        storageClasses:
          - name: partition-gold
            replicaCount: 3
            compression: true
    defaults:
      endpoints: [10.131.0.11:443]
      adminKey: "{{ lookup('ansible.builtin.file', 'root.pem') | metalstack.provisioning.pkcs1 }}"
      adminToken: "{{ lookup('ansible.builtin.file', 'admin.jwt') }}"
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - C(provider_metal) and C(duros), the values of the two charts, and C(problems), a sentence each, without
      secrets.
  type: dict
  sample:
    problems: []
    provider_metal:
      storage:
        duros:
          enabled: false
          partitionConfig: {}
    duros:
      config:
        regionConfig: {}
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _values(partitions: Any, regions: Any, defaults: Any = None) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_gardener import gardener_values

    try:
        return gardener_values(partitions, regions, defaults or {})
    except UsageError as error:
        raise AnsibleFilterError(f"duros_gardener_values: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_gardener_values": _values}
