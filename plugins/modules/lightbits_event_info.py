#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has happened in a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_event_info
short_description: List events of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns what a LightOS cluster has written down of what happened to it, the newest first.
  - Needs the feature C(event-log). Without O(project) it needs a token with the role C(system:cluster-admin) or another
    one of the project C(system) that can read, otherwise one of that project is enough.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  since:
    description:
      - Only events from then on. A time like V(2026-01-31T12:00:00Z), or how long ago, like V(2h) or V(30d).
      - All events from then on are read, however many are returned.
    type: str
    default: 1d
  until:
    description: Only events before that, written like O(since).
    type: str
  limit:
    description: How many to return at most, the newest. By default all.
    type: int
  severity:
    description: Only events of one of these severities. The API takes only one of O(severity), O(type) and O(project).
    type: list
    elements: str
    choices: [Info, Low, Medium, High, Critical]
  type:
    description: Only events of this kind of component.
    type: str
    choices: [Cluster, Node, Volume, NVMeSSD, Server, DataIntegrity, ClusterEncryption]
  project:
    description: Only events of this project.
    type: str
seealso:
  - module: metalstack.provisioning.lightbits_cluster_info
  - module: metalstack.provisioning.lightbits_feature_flag
"""

EXAMPLES = r"""
- name: See what went wrong in the last two hours
  metalstack.provisioning.lightbits_event_info:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    since: 2h
    severity: [High, Critical]
  register: found

- name: See the last ten events of volumes of a project this year
  metalstack.provisioning.lightbits_event_info:
    api_endpoints:
      - 10.0.0.10:443
    api_token_file: /etc/lightos/admin.jwt
    since: "2026-01-01T00:00:00Z"
    project: default
    limit: 10
  register: found
"""

RETURN = r"""
events:
  description: The events, the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    component:
      description: Names of what it is about. Volumes are C(project/name).
      returned: always
      type: list
      elements: str
    associated_event:
      description: The id of the event that it belongs to, for example the one that it ends. Empty for none.
      returned: always
      type: str
  sample:
    - id: 0d7c3c7e-9a41-4f7d-8d6c-0d5f3f0a7e51
      time: "2026-01-31T12:00:00.123456Z"
      type: Node
      severity: High
      name: NodeInactive
      code: 12
      cause_code: 3
      service: CM
      status: Inactive
      description: The node server02-0 is inactive
      associated_event: ""
      component: [server02-0]
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: permission_denied
    message: GET https://10.0.0.10:443/api/v2/events was answered with status 403
    request: GET https://10.0.0.10:443/api/v2/events
"""

from datetime import datetime, timezone

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.event import (
    SEVERITIES,
    TYPES,
    list_events,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "since": {"type": "str", "default": "1d"},
        "until": {"type": "str"},
        "limit": {"type": "int"},
        "severity": {"type": "list", "elements": "str", "choices": list(SEVERITIES)},
        "type": {"type": "str", "choices": list(TYPES)},
        "project": {"type": "str"},
    },
    mutually_exclusive=(("severity", "type", "project"),),
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    limit = task.params["limit"]
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}; it must be at least 1, or left out for all events.")
    events = list_events(connect(task.params, task.environ), task.params, datetime.now(timezone.utc))
    return {"changed": False, "events": events}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
