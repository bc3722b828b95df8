#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Features of a Lightbits cluster that can be switched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightbits_feature_flag
short_description: Enable and disable features of a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Switches a feature of a whole LightOS cluster on or off.
  - Some features cannot be disabled once they are enabled. Only the attempt tells which, so check mode does not know.
  - Needs a token with the role C(system:cluster-admin).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.lightbits
options:
  name:
    description: Name of the feature, like V(fail-in-place). A name that the cluster does not know is refused.
    type: str
    required: true
  state:
    description: Whether the feature should be on.
    type: str
    choices: [enabled, disabled]
    required: true
seealso:
  - module: metalstack.provisioning.lightbits_cluster_config
"""

EXAMPLES = r"""
- name: Allow to empty servers
  metalstack.provisioning.lightbits_feature_flag:
    api_endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
    api_token_file: /etc/lightos/admin.jwt
    name: evict-data
    state: enabled
"""

RETURN = r"""
feature_flag:
  description: The feature as it is after the task; in check mode as it would be.
  returned: success
  type: dict
  sample:
    name: evict-data
    state: enabled
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 501
    code: unimplemented
    message: POST https://10.0.0.10:443/api/v2/featureFlags/event-log/disable was answered with status 501
    request: POST https://10.0.0.10:443/api/v2/featureFlags/event-log/disable
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.feature_flag import (
    FeatureFlagResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = FeatureFlagResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "feature_flag")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
