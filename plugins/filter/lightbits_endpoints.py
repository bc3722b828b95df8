# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightbits_endpoints``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightbits_endpoints
short_description: Addresses of a Lightbits cluster in the form that somebody needs
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Lists of the addresses of a cluster are kept in many places, all of which have to change when a server is added or
    removed. This filter makes them from what the cluster says.
  - Addresses are sorted, so that a file changes only when the cluster does. IPv6 addresses are written as each place
    needs them.
positional: _input, form
options:
  _input:
    description:
      - RV(metalstack.provisioning.lightbits_cluster_info#module:cluster), or what the API answers to C(/clusterinfo).
    type: dict
    required: true
  form:
    description:
      - V(storage_class) is C(mgmt-endpoint) of a StorageClass, C(host:port) with commas between.
      - V(duros_controller) are its arguments C(-endpoints) and C(-api-endpoint). The latter takes only one server, the
        first.
      - V(discovery_client) is the content of a file below C(/etc/discovery-client/discovery.d) of the host with
        O(host_nqn), which M(ansible.builtin.copy) replaces in one moment, as the client needs it.
      - V(prometheus) are targets for its service discovery by files, the lightbox-exporter and the API of each server.
      - V(firewall) are rules for O(metalstack.provisioning.metal_firewall#module:firewall_rules.egress), for storage
        that is reached through a firewall. Only addresses can stand in rules. An endpoint that is a name is left out.
    type: str
    choices: [storage_class, duros_controller, discovery_client, prometheus, firewall]
    required: true
  host_nqn:
    description: NQN of the host, as in its C(/etc/nvme/hostnqn). Needed for V(discovery_client), and only for that.
    type: str
seealso:
  - module: metalstack.provisioning.lightbits_cluster_info
    description: Returns those forms that need no host.
"""

EXAMPLES = r"""
- name: Ask a cluster for its addresses
  metalstack.provisioning.lightbits_cluster_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    gather: []
  register: lightos

- name: Tell the discovery client of this host where the storage is
  ansible.builtin.copy:
    content: >-
      {{ lightos.cluster | metalstack.provisioning.lightbits_endpoints('discovery_client',
      host_nqn='nqn.2014-08.org.nvmexpress:uuid:6b7e4a8c-6f5c-4d2b-9a43-2f4b1f0c9a11') }}
    dest: /etc/discovery-client/discovery.d/lightos.conf
    mode: "0644"

- name: Write the targets of Prometheus
  ansible.builtin.copy:
    content: "{{ lightos.cluster | metalstack.provisioning.lightbits_endpoints('prometheus') | to_nice_json }}"
    dest: /etc/prometheus/targets/lightos.json
    mode: "0644"
"""

RETURN = r"""
_value:
  description: Text, or a list, as O(form) says.
  type: raw
  sample: 10.0.0.10:443,10.0.0.11:443
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def _in_form(info: Any, form: str, host_nqn: str | None = None) -> Any:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.endpoint_forms import Endpoints

    if not isinstance(info, Mapping):
        raise AnsibleFilterError(f"lightbits_endpoints needs what /clusterinfo answers, not {type(info).__name__}.")
    try:
        return Endpoints.from_api(info).form(form, host_nqn)
    except ValueError as error:
        raise AnsibleFilterError(f"What lightbits_endpoints was given is no cluster: {error}.") from None
    except UsageError as error:
        raise AnsibleFilterError(f"lightbits_endpoints: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightbits_endpoints": _in_form}
