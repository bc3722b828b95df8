# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/policies``, which limit volumes, and ``/projects/{project}/resourcePolicies``, which take snapshots of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import ANYBODY, CLUSTER, PROJECT, Route
from ..model.volume import check_name
from ..refusal import ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, UNAVAILABLE, Refusal
from ..state import State, Thing, find
from .snapshots import source_volume

_LIMITS = ("limitIOPS", "limitBw", "limitIOPSPerGB")
_SCHEDULES = ("hourlySchedule", "dailySchedule", "weeklySchedule")
_STEP = 256


def _list(call: Call) -> Mapping[str, Any]:
    found = call.state.policies
    for key in ("name", "UUID"):
        if call.asked(key):
            found = [policy for policy in found if policy[key] == call.asked(key)]
    return {"policies": found}


def _policy(call: Call) -> Thing:
    return find(call.state.policies, "policy", UUID=call.path["uuid"])


def _rate(call: Call) -> Thing:
    """The limit of a request; answers call it ``QoSRateLimitPolicy``."""
    given = call.message("qoSRateLimitPolicy")
    limits = [name for name in _LIMITS if name in (given or {})]
    if given is None or len(limits) != 1:
        raise Refusal(INVALID_ARGUMENT, "a policy has exactly one limit")
    if limits[0] == "limitIOPS" and any(int(value) % _STEP for value in given["limitIOPS"].values()):
        raise Refusal(INVALID_ARGUMENT, f"IOPS are limited in steps of {_STEP}")
    scope = given.get("projectsNamesScope") or []
    for project in scope:
        call.state.project(project)
    if (given.get("policyVisibility") == "Scoped") != bool(scope):
        raise Refusal(INVALID_ARGUMENT, "projectsNamesScope and policyVisibility do not fit")
    return dict(given)


def _create(call: Call) -> Mapping[str, Any]:
    state, name = call.state, call.text("name")
    check_name(name)
    if any(policy["name"] == name for policy in state.policies):
        raise Refusal(ALREADY_EXISTS, f"policy {name} already exists")
    policy: Thing = {
        "UUID": str(uuid.uuid4()),
        "name": name,
        "description": call.text("description"),
        "state": "Creating",
        "QoSRateLimitPolicy": _rate(call),
    }
    state.policies.append(policy)
    state.pace.later(lambda: policy.update(state="Active"))
    return policy


def _update(call: Call) -> Mapping[str, Any]:
    policy, state = _policy(call), call.state
    if policy["state"] != "Active":
        raise Refusal(UNAVAILABLE, f"policy is in state {policy['state']}")
    new: Thing = {"QoSRateLimitPolicy": _rate(call)}
    if call.text("description"):
        new["description"] = call.text("description")
    policy["state"] = "Updating"
    state.pace.later(lambda: policy.update(new, state="Active"))
    return {}


def _delete(call: Call) -> Mapping[str, Any]:
    policy, state = _policy(call), call.state
    if any(volume.get("qosPolicyName") == policy["name"] for volume in state.volumes):
        raise Refusal(FAILED_PRECONDITION, f"policy {policy['name']} is in use")
    state.policies.remove(policy)
    return {}


def check_policy(state: State, project: str, name: str) -> None:
    """Refusal when a volume of a project cannot have the policy."""
    if not name:
        return
    policy = find(state.policies, "policy", name=name)
    scope = policy["QoSRateLimitPolicy"].get("projectsNamesScope")
    if scope and project not in scope:
        raise Refusal(INVALID_ARGUMENT, f"policy {name} is not for {project}")


def _list_schedules(call: Call) -> Mapping[str, Any]:
    found = _in_project(call)
    if call.asked("volumeUUID"):
        found = [policy for policy in found if policy["resourceUUID"] == call.asked("volumeUUID")]
    return {"resourcePolicies": found}


def _in_project(call: Call) -> list[Thing]:
    return [policy for policy in call.state.resource_policies if policy["projectName"] == call.path["project"]]


def _schedule_policy(call: Call) -> Thing:
    return find(_in_project(call), "policy", UUID=call.path["uuid"])


def _schedule(call: Call) -> Thing:
    given = call.message("schedulePolicy") or {}
    schedule = given.get("snapshotSchedulePolicy") or {}
    if sum(name in schedule for name in _SCHEDULES) != 1 or not given.get("retentionTime"):
        raise Refusal(INVALID_ARGUMENT, "a policy has exactly one schedule, and a retention time")
    return dict(given)


def _create_schedule(call: Call) -> Mapping[str, Any]:
    state, name = call.state, call.text("name")
    check_name(name)
    if any(policy["name"] == name for policy in _in_project(call)):
        raise Refusal(ALREADY_EXISTS, f"policy {name} already exists")
    volume = source_volume(call, call.text("resourceUUID"), call.text("resourceName"))
    policy: Thing = {
        "UUID": str(uuid.uuid4()),
        "name": name,
        "projectName": call.path["project"],
        "resourceUUID": volume["UUID"],
        "resourceName": volume["name"],
        "description": call.text("description"),
        "schedulePolicy": _schedule(call),
        "state": "Creating",
    }
    state.resource_policies.append(policy)
    state.pace.later(lambda: policy.update(state="Active"))
    return policy


def _update_schedule(call: Call) -> Mapping[str, Any]:
    policy = _schedule_policy(call)
    if policy["state"] != "Active":
        raise Refusal(UNAVAILABLE, f"policy is in state {policy['state']}")
    policy["schedulePolicy"] = _schedule(call)
    if call.text("description"):
        policy["description"] = call.text("description")
    return {}


def _delete_schedule(call: Call) -> Mapping[str, Any]:
    policy, state = _schedule_policy(call), call.state
    if policy["state"] != "Deleting":
        policy["state"] = "Deleting"
        state.pace.later(lambda: state.resource_policies.remove(policy))
    return {}


_SCHEDULED = "/projects/{project}/resourcePolicies"
ROUTES = [
    Route("GET", "/policies", _list, ANYBODY),
    Route("POST", "/policies", _create, CLUSTER),
    Route("GET", "/policies/{uuid}", _policy, ANYBODY),
    Route("PUT", "/policies/{uuid}", _update, CLUSTER),
    Route("DELETE", "/policies/{uuid}", _delete, CLUSTER),
    Route("GET", _SCHEDULED, _list_schedules, PROJECT),
    Route("POST", _SCHEDULED, _create_schedule, PROJECT),
    Route("GET", f"{_SCHEDULED}/{{uuid}}", _schedule_policy, PROJECT),
    Route("PUT", f"{_SCHEDULED}/{{uuid}}", _update_schedule, PROJECT),
    Route("DELETE", f"{_SCHEDULED}/{{uuid}}", _delete_schedule, PROJECT),
]
