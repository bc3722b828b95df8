# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``storage_network_problems``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_network_problems
short_description: What is wrong in a storage network, in sentences
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Puts together what M(metalstack.provisioning.storage_network_probe) has found on several hosts.
  - Each sentence names both ends, what does not work, and what the cause is likely to be. What several hosts see of the
    same thing is said once.
positional: _input, hosts, mtu
options:
  _input:
    description: The reports by name of the host.
    type: dict
    required: true
  hosts:
    description:
      - The hosts of the storage network, each with C(name), C(role) (V(server) or V(client)) and C(addresses).
    type: list
    elements: dict
    required: true
  mtu:
    description: How many bytes a path has to carry in one packet.
    type: int
    required: true
  listening:
    description: Whether something has to listen on all ports that are needed. Otherwise a port that refuses is good.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Stop if something is wrong
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems }}"
  vars:
    problems: >-
      {{ {'storage-1': hostvars['storage-1'].seen.report, 'storage-2': hostvars['storage-2'].seen.report}
         | metalstack.provisioning.storage_network_problems(hosts, 9000) }}
"""

RETURN = r"""
_value:
  description: The sentences, none if all is well.
  type: list
  elements: str
  sample:
    - >-
      storage-1 (10.0.0.11) and storage-3 (10.0.0.13) cannot reach storage-2 (10.0.0.12), port 2380 (etcd peers): no
      answer, though the host answers otherwise; a firewall on storage-2 or on the way drops it, look at
      `nft list ruleset` there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def _problems(
    reports: Mapping[str, Mapping[str, Any]],
    hosts: Sequence[Mapping[str, Any]],
    mtu: int,
    listening: bool = False,
) -> list[str]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.verdict import problems

    without = sorted(name for name, report in reports.items() if "ports" not in report)
    if without:
        raise AnsibleFilterError(f"What is given for {without[0]} is not a report of the module storage_network_probe.")
    return problems(hosts, reports, int(mtu), listening=listening)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_network_problems": _problems}
