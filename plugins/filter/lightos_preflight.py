# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightos_preflight``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightos_preflight
short_description: What keeps LightOS from being installed on hosts
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Compares what M(metalstack.provisioning.storage_server_info) has found on hosts with what is wanted of them, and
    returns every problem of every host at once.
  - Checks are C(system), C(cpu), C(numa), C(memory), C(devices), C(journal), C(interface), C(address), C(time),
    C(names), C(ports) and C(space) of a server, and C(servers), C(failure_domains) and C(kernel) of all of them.
positional: _input, facts
options:
  _input:
    description: The servers, as P(metalstack.provisioning.lightos_installer_inventory#filter) takes them.
    type: list
    elements: dict
    required: true
  facts:
    description: What was found, RV(metalstack.provisioning.storage_server_info#module:server), by the names of servers.
    type: dict
    required: true
  requirements:
    description: What is needed.
    type: dict
    suboptions:
      systems:
        description: Distributions, with or without their major version.
        type: list
        elements: str
        default: [almalinux 8, almalinux 9, rocky 8, rocky 9, rhel 8, rhel 9]
      cores:
        description: Cores of a server.
        type: int
        default: 32
      memory:
        description: Memory of a server.
        type: str
        default: 64GiB
      mtu:
        description: MTU of the interfaces for data.
        type: int
        default: 9000
      ports:
        description: Ports that nobody may have.
        type: list
        elements: int
      space:
        description: Free space by path.
        type: dict
      replicas:
        description: How many replicas volumes will have at most, each in failure domains of its own.
        type: int
        default: 3
      least_servers:
        description: How many servers there have to be.
        type: int
        default: 3
      most_servers:
        description: How many servers there may be.
        type: int
        default: 16
  skip:
    description: Checks whose problems are warnings.
    type: list
    elements: str
  racks_are_failure_domains:
    description: Whether servers in the same rack share a failure domain.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Look at the hosts
  metalstack.provisioning.storage_server_info:
  register: looked

- name: Stop if any of them is not ready
  ansible.builtin.assert:
    that: result.problems | length == 0
    fail_msg: "{{ result.table }}"
  vars:
    result: >-
      {{ servers | metalstack.provisioning.lightos_preflight({'server00': looked.server}, requirements={'cores': 16}) }}
  run_once: true
"""

RETURN = r"""
_value:
  description: What is wrong, and the same as a table.
  type: dict
  contains:
    problems:
      description: What has to be changed.
      type: list
      elements: dict
      sample: [{server: server00, check: cpu, problem: It has 8 cores; 32 are needed.}]
    warnings:
      description: What should be looked at.
      type: list
      elements: dict
    table:
      description: The problems in columns; empty if there are none.
      type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _lightos_preflight(
    servers: Any,
    facts: Any,
    requirements: Any = None,
    skip: Any = None,
    racks_are_failure_domains: bool = True,
) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_preflight import preflight

    try:
        return preflight(
            servers,
            facts,
            requirements=requirements,
            skip=skip,
            racks_are_failure_domains=racks_are_failure_domains,
        )
    except UsageError as error:
        raise AnsibleFilterError(f"lightos_preflight: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightos_preflight": _lightos_preflight}
