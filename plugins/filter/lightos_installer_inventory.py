# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightos_installer_inventory``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightos_installer_inventory
short_description: The inventory that the installer of LightOS reads
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the files C(hosts), C(group_vars/all.yml) and C(host_vars/<server>.yml) for the vendor's installer, as text
    by their paths. The same input gives the same text.
  - Servers share no replica of a volume when they share a failure domain. By default the failure domains of a server
    are its name and its rack.
  - What looks like a secret is refused, wherever it stands. The installer gets secrets in a file of their own.
  - Names that the installer does not know are refused, since it would ignore them.
positional: _input, cluster_id
options:
  _input:
    description: The storage servers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the server in the cluster, of letters, digits, dots and dashes.
        type: str
        required: true
      address:
        description: Where the installer reaches it, mostly in the management network.
        type: str
        required: true
      rack:
        description: The rack that it is in.
        type: str
      etcd:
        description: Whether it is a member of the cluster's etcd.
        type: bool
        default: true
      connection:
        description:
          - Further variables of Ansible with which the installer reaches it, like C(ansible_ssh_private_key_file).
          - By default it connects with SSH as root.
        type: dict
      data_interfaces:
        description: Interfaces for data. The installer configures those that have an address.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the interface.
            type: str
            required: true
          address:
            description: An IPv4 address with the length of its prefix, like V(10.131.0.10/24).
            type: str
          connection:
            description: Name of its connection in NetworkManager. By default the name of the interface.
            type: str
      instances:
        description: The one or two instances (nodes) of the server.
        type: list
        elements: dict
        required: true
        suboptions:
          id:
            description: V(0) or V(1). By default its position.
            type: int
          data_address:
            description: Its address for data, IPv4 or IPv6.
            type: str
            required: true
          numa_node:
            description: The NUMA node that it uses. By default its id. For the preflight only.
            type: int
          failure_domains:
            description: Its failure domains, instead of name and rack of the server.
            type: list
            elements: str
          erasure_coding:
            description: Whether it protects data against the loss of a device. Needs six devices, or eight.
            type: bool
            default: false
          devices:
            description: Which NVMe devices it takes for data.
            type: dict
            suboptions:
              initial:
                description: How many at first. By default as many as there are names; needed without them.
                type: int
              maximum:
                description: How many at most. By default 12, or as many as at first if those are more.
                type: int
              cross_numa:
                description: Whether those of the other NUMA node may be taken too.
                type: bool
                default: false
              names:
                description: Their names, like V(nvme0n1).
                type: list
                elements: str
              matchers:
                description:
                  - Expressions of the installer that all have to hold for a device, like C(size >= gib(300)),
                    C(partition == false), C(model =~ ".*") or C(name =~ "nvme0n1").
                  - By default devices without partitions that are not smaller than
                    O(_input[].instances[].devices.minimum_size_gib).
                type: list
                elements: str
              minimum_size_gib:
                description: The smallest that is taken, without names and matchers.
                type: int
                default: 300
          journal_devices:
            description:
              - Names of devices that are for the journal. Needs names or matchers of the devices for data.
              - They are handed to the installer if O(journal_variable) is given, otherwise only kept out of its way.
            type: list
            elements: str
          variables:
            description: Further variables of an instance, for a newer release of the installer.
            type: dict
      variables:
        description:
          - Further variables of the server, C(datapath_config), C(management_core), C(etcd_core),
            C(grub_cmdline_add_args) or C(health_state_timeout_ms).
        type: dict
  cluster_id:
    description: UUID of the cluster, which you choose once.
    type: str
    required: true
  settings:
    description:
      - Settings of the whole cluster, C(use_lightos_kernel), C(enable_iptables), C(persistent_memory),
        C(start_discovery_service_retries), C(nvme_subsystem_nqn_suffix), C(ntp_enabled), C(ntp_manage_config),
        C(ntp_servers), C(ntp_version), C(ntp_packages), C(chrony_enabled), C(datapath_config), C(local_repo_base_url)
        or C(is_reboot).
      - An address of the vendor's own repository has the customer's key in it, so it is refused as
        C(local_repo_base_url).
    type: dict
  other_settings:
    description: Settings of a newer release of the installer, which are not checked.
    type: dict
  journal_variable:
    description: What the installer of your release calls the journal devices of an instance, as its guide says.
    type: str
  racks_are_failure_domains:
    description: Whether servers in the same rack share a failure domain.
    type: bool
    default: true
  install:
    description: Whether the installer installs packages (C(auto_install)).
    type: bool
    default: true
  reboot:
    description: Whether the installer may reboot servers (C(auto_reboot)).
    type: bool
    default: false
seealso:
  - plugin: metalstack.provisioning.lightos_preflight
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the inventory
  ansible.builtin.copy:
    content: "{{ item.value }}"
    dest: "/srv/lightos/inventory/{{ item.key }}"
    mode: "0640"
  loop: >-
    {{ [{'name': 'server00', 'address': '10.0.0.10', 'rack': 'rack-1',
         'instances': [{'data_address': '10.131.0.10', 'devices': {'initial': 6}}]}]
       | metalstack.provisioning.lightos_installer_inventory(cluster_id='6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f')
       | dict2items }}
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
  sample:
    hosts: "server00 ansible_host=10.0.0.10 ..."
    group_vars/all.yml: "---\nuse_lightos_kernel: false\n..."
    host_vars/server00.yml: "---\nname: server00\nnodes:\n..."
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _lightos_installer_inventory(
    servers: Any,
    cluster_id: Any,
    settings: Any = None,
    other_settings: Any = None,
    journal_variable: Any = None,
    racks_are_failure_domains: bool = True,
    install: bool = True,
    reboot: bool = False,
) -> dict[str, str]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_inventory import installer_inventory

    try:
        return installer_inventory(
            servers,
            cluster_id=cluster_id,
            settings=settings,
            other_settings=other_settings,
            journal_variable=journal_variable,
            racks_are_failure_domains=racks_are_failure_domains,
            install=install,
            reboot=reboot,
        )
    except UsageError as error:
        raise AnsibleFilterError(f"lightos_installer_inventory: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightos_installer_inventory": _lightos_installer_inventory}
