# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``metal``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal
short_description: Get and search what a metal-api has
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns images, IPs, firewalls, machines, networks, partitions, projects, sizes, switches or filesystem layouts of
    the metal-api v1, as the API answers them in JSON.
  - Other than the C(*_info) modules it can be used within any template, and is evaluated each time the template is.
  - The view key (O(api_hmac_user=Metal-View)) suffices.
  - The key to the VPN of a firewall is taken out. User data of machines is not, and may be secret.
extends_documentation_fragment:
  - metalstack.provisioning.metal_plugin
  - metalstack.provisioning.metal_plugin.variables
notes:
  - Use C(query), which always returns a list. C(lookup) returns the thing itself when there is exactly one.
  - C(search) takes filters by name, all of which have to hold. A list means that the thing has all of it.
  - Filters of V(machine) and V(firewall) are those of the option O(metalstack.provisioning.metal#inventory:filters),
    and C(state_value) (V(RESERVED) or V(LOCKED)) and C(liveliness).
  - Filters of V(network) are C(id), C(name), C(partitionid), C(projectid), C(parentnetworkid), C(addressfamily),
    C(prefixes), C(destinationprefixes), C(nat), C(privatesuper), C(underlay), C(vrf), C(labels), C(shared),
    C(networktype), C(nattype) and C(description).
  - Filters of V(ip) are C(ipaddress), C(allocationuuid), C(name), C(networkprefix), C(networkid), C(projectid),
    C(type), C(machineid), C(addressfamily), C(tags) and C(description).
  - Filters of V(image) are C(id), C(name), C(os), C(version), C(classification) and C(features); of V(project) C(id),
    C(name), C(description) and C(tenant_id); of V(switch) C(id), C(name), C(osvendor), C(osversion), C(partitionid),
    C(rackid), C(mode) and C(description).
  - Filters of V(partition) and V(size) are C(id), C(name), C(description) and C(labels), of a partition
    C(mgmtserviceaddress) as well; of V(filesystemlayout) C(id), C(name) and C(description).
  - A name may have C(_) before it, as metal-stack's own lookup wants it for names like C(_name).
options:
  _terms:
    description:
      - V(get) or V(search), then one of V(image), V(ip), V(firewall), V(machine), V(network), V(partition), V(project),
        V(size), V(switch) and V(filesystemlayout).
      - For V(get) the id of the thing follows, or O(id) has it; for an IP it is the address.
    type: list
    elements: str
    required: true
  id:
    description: What V(get) shall get, or a filter of V(search).
    type: str
seealso:
  - plugin: metalstack.provisioning.metal
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Show the free machines of a partition
  ansible.builtin.debug:
    msg: >-
      {{ query('metalstack.provisioning.metal', 'search', 'machine', partition_id='fra-equ01',
               api_url='https://api.example.com/metal', api_hmac=metal_view_key)
         | rejectattr('allocation') | map(attribute='id') }}

- name: Show the private shared networks of a partition
  ansible.builtin.debug:
    msg: "{{ query('metalstack.provisioning.metal', 'search', 'network', partitionid='fra-equ01', shared=true) }}"
  vars:
    metal_api_url: https://api.example.com/metal
    metal_api_hmac: "{{ metal_view_key }}"

- name: Show where a partition boots its machines from
  ansible.builtin.debug:
    msg: "{{ lookup('metalstack.provisioning.metal', 'get', 'partition', 'fra-equ01').bootconfig.imageurl }}"
  vars:
    metal_api_url: https://api.example.com/metal
    metal_api_hmac: "{{ metal_view_key }}"

- name: Wait until both leaves have reported
  ansible.builtin.debug:
    msg: The switches are there.
  until: >-
    query('metalstack.provisioning.metal', 'search', 'switch', partitionid='fra-equ01')
    | selectattr('last_sync') | length == 2
  retries: 30
  delay: 10
  vars:
    metal_api_url: https://api.example.com/metal
    metal_api_hmac: "{{ metal_view_key }}"
"""

RETURN = r"""
_raw:
  description: The things, with the names that the JSON of the API has. Nothing found is an empty list with V(search).
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ApiError, UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_connection import NAMES, connect_plugin
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_entities import get, search


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the things. Raises AnsibleError with one sentence."""
        # Variables come as they were written, templates among them.
        given = {
            name: self._templar.template(variables[f"metal_{name}"])
            for name in NAMES
            if f"metal_{name}" in (variables or {})
        }
        self.set_options(var_options={f"metal_{name}": value for name, value in given.items()}, direct=kwargs)
        sources = [kwargs, given]
        filters = {name.removeprefix("_"): value for name, value in kwargs.items() if name not in NAMES}
        try:
            action, entity, identifiers = _terms(terms)
            if action == "search":
                return search(connect_plugin(self.get_option, sources), entity, filters)
            identifiers = identifiers or [value for value in [filters.pop("id", None)] if value is not None]
            if filters or not identifiers:
                raise UsageError(f"get takes the id of the {entity} and nothing else; search takes filters.")
            api = connect_plugin(self.get_option, sources)
            return [get(api, entity, identifier) for identifier in identifiers]
        except (UsageError, ApiError) as error:
            raise AnsibleError(str(error)) from None


def _terms(terms: list[Any]) -> tuple[str, str, list[Any]]:
    if len(terms) < 2 or terms[0] not in ("get", "search") or (terms[0] == "search" and len(terms) > 2):
        raise UsageError(
            "The lookup metal takes 'get' or 'search', then what to get or search, like 'search', 'machine'; filters "
            "are named, like partition_id='fra-equ01'."
        )
    return str(terms[0]), str(terms[1]), terms[2:]
