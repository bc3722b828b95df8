# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What metal_machine and metal_firewall do. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._argspec import ArgumentSpec
from .._errors import UsageError
from .._reconcile import reconcile
from .._task import Task
from .._wait import wait_spec, waiting
from .machine_calls import machine_calls
from .machine_resource import ALWAYS, NEVER, ON_IMAGE_CHANGE, AllocationResource
from .machine_wait import wait_until_free, wait_until_installed
from .machine_wish import Wish, wish_from
from .options import CONNECTION, VERSION, connect_any
from .v1 import MetalV1

SPEC = (
    CONNECTION
    + VERSION
    + wait_spec(1800, 5.0)
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "project": {"type": "str"},
            "partition": {"type": "str"},
            "size": {"type": "str"},
            "image": {"type": "str"},
            "hostname": {"type": "str"},
            "description": {"type": "str"},
            "networks": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "network": {"type": "str", "required": True},
                    "ips": {"type": "list", "elements": "str"},
                    "auto": {"type": "bool"},
                },
            },
            "user_data": {"type": "str", "no_log": True, "aliases": ["userdata"]},
            "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False, "aliases": ["ssh_pub_keys"]},
            "tags": {"type": "list", "elements": "str"},
            "placement_tags": {"type": "list", "elements": "str"},
            "dns_servers": {"type": "list", "elements": "str"},
            "ntp_servers": {"type": "list", "elements": "str"},
            "filesystem_layout": {"type": "str", "aliases": ["filesystemlayout"]},
            "reinstall": {"type": "str", "choices": [NEVER, ON_IMAGE_CHANGE, ALWAYS], "default": NEVER},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_one_of=(("id", "name"),),
    )
)


def run_allocation(task: Task, role: str) -> dict[str, Any]:
    """Allocate, change, reinstall or free one machine or firewall, and wait for what comes of it."""
    params = task.params
    absent = params["state"] == "absent"
    patience = waiting(task)
    if absent and params["reinstall"] != NEVER:
        raise UsageError(f"reinstall is {params['reinstall']}, but state is absent; leave reinstall out.")
    api = connect_any(params, task.environ)
    calls = machine_calls(api)
    wish = wish_from(params, role, generation=calls.generation)
    if not isinstance(api, MetalV1):
        _check_v2(params, wish)
    resource = AllocationResource(calls, wish, absent=absent, reinstall=params["reinstall"])
    outcome = reconcile(resource, check_mode=task.check_mode)
    machine = resource.machine
    if patience is not None and machine is not None:
        if absent:
            warning = wait_until_free(calls, machine, patience, changed=outcome.changed)
            task.warnings += [warning] if warning else []
        elif machine.allocation is not None:
            # A change of its tags alone installs nothing.
            installing = outcome.changed and (
                outcome.before is None or bool(outcome.after and outcome.after.get("reinstalled"))
            )
            outcome.thing = resource.show(wait_until_installed(calls, machine, patience, installing=installing))
    return {**task.result(outcome, role), "drift": resource.drift}


def _check_v2(params: Mapping[str, Any], wish: Wish) -> None:
    """Refuse what only v1 can do. Raises UsageError."""
    if params["reinstall"] != NEVER:
        raise UsageError(f"reinstall is {params['reinstall']}, but only the metal-api v1 can reinstall machines.")
    if any(not network.auto and not network.ips for network in wish.networks or ()):
        raise UsageError(
            "networks has auto false without ips, which the metal-api v2 does not know: it finds addresses."
        )
