# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``partition_report``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: partition_report
short_description: What a page about a partition shows, from what its parts have said of themselves
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Puts together what hosts, the metal-api, the Lightbits API and Kubernetes have said. The role
    R(partition_report,ansible_collections.metalstack.provisioning.partition_report_role) asks them, and makes a page
    of the result.
  - What is missing is no error. It is said in the result, as is what does not fit together, such as a storage class
    that names a server which the cluster does not have.
  - The result has no secrets, since none of the answers has any. Texts are as they were given, so a template has to
    escape them.
options:
  _input:
    description:
      - What was asked. C(partition), C(network) (name of the storage network), C(time) (RFC 3339), C(expires_within)
        (days), C(cluster_id), C(notes), C(versions), and the following.
      - C(hosts), for each name C(groups), C(address), C(rack), C(machine), C(server_name), C(storage_addresses),
        C(failure), C(facts) (of M(ansible.builtin.setup)), and of cache hosts C(status) (of C(image-cache-sync status
        --json)), C(traffic) (the statistics of haproxy as CSV), C(packages) (a name and a version a line),
        C(cache_failure).
      - C(metal_api) with C(partition), C(projects), C(networks) and C(machines), as the modules return them.
      - C(cluster) with C(seen), C(events) and C(token), as M(metalstack.provisioning.lightbits_cluster_info),
        M(metalstack.provisioning.lightbits_event_info) and the filter
        P(metalstack.provisioning.lightbits_jwt_claims#filter) return them.
      - C(kubernetes) with C(version), C(storage_classes), C(duros) and C(deployments), as Kubernetes has them.
      - The last three have C(absent), C(failure) or C(partly) instead, or besides, with the reason why something could
        not be asked.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what needs attention in a storage cluster
  ansible.builtin.debug:
    msg: "{{ (asked | metalstack.provisioning.partition_report).attention }}"
  vars:
    asked:
      partition: fra-01
      time: "2026-11-28T15:00:00Z"
      cluster:
        seen: "{{ lightos }}"
"""

RETURN = r"""
_value:
  description:
    - C(partition), C(time), C(headline), C(state) (V(ok), V(unknown), V(warning) or V(bad)), C(attention) (what is
      wrong, each with C(state), C(part), C(id) and C(text)), C(unasked) (sentences), C(notes), C(tiles) and C(parts)
      with the tables and pictures.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _report(asked: Any) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._report.page import page

    try:
        return page(asked)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"partition_report": _report}
