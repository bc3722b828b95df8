# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine and metal_firewall with v2 against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from . import machine_world as world
from .helpers import Runner, failure, ok, requests
from .machine_world import QUICK, STORAGE_PROJECT, TENANT_PROJECT, machine_id

NAMED = {"name": "one", "project": STORAGE_PROJECT, **QUICK}
CREATE: dict[str, Any] = {
    **NAMED,
    "partition": world.PARTITION,
    "size": world.SIZE,
    "image": world.OLD_IMAGE,
    "networks": [{"network": world.STORAGE}],
}
WALL: dict[str, Any] = {
    "id": machine_id(2),
    "name": "wall",
    "project": TENANT_PROJECT,
    "image": world.FIREWALL_IMAGE,
    "networks": [{"network": world.TENANT}, {"network": world.INTERNET}],
    "firewall_rules": {
        "egress": [{"ports": [443], "to": ["0.0.0.0/0"], "comment": "web"}],
        "ingress": [{"protocol": "udp", "ports": [53], "from": ["2001:db8::/32"]}],
    },
    **QUICK,
}
ADMIN = (("admin_role", "EDITOR"), ("project_roles", {TENANT_PROJECT: "EDITOR", STORAGE_PROJECT: "EDITOR"}))


@pytest.fixture
def there(api: MetalApi) -> MetalApi:
    api.control.replace_state(**world.world_of_v2())
    return api


@pytest.fixture
def member(there: MetalApi) -> Runner:
    """metal_machine for an editor of the project."""
    return Runner(there, "metal_machine", methods=[], rights=(("project_roles", {STORAGE_PROJECT: "EDITOR"}),))


@pytest.fixture
def wall(there: MetalApi) -> Runner:
    """metal_firewall for an admin."""
    return Runner(there, "metal_firewall", methods=[], rights=ADMIN)


def test_the_life_of_a_machine(there: MetalApi, member: Runner) -> None:
    wish = {**CREATE, "tags": ["a=1", "b"], "user_data": "#x", "ssh_public_keys": [world.KEY]}
    check = ok(member(check_mode=True, **wish))
    made = ok(member(**wish))
    assert made["changed"] and made["diff"] == check["diff"]
    one = made["machine"]
    assert one["succeeded"] and one["tags"] == ["a=1", "b"] and one["state"] == "available"
    assert one["networks"][0]["kind"] == "privateprimaryshared" and one["image"] == world.OLD_IMAGE
    assert one["last_event"]["event"] == "Phoned Home" and one["liveliness"] == "Alive"
    again = ok(member(**wish))
    assert not again["changed"] and again["machine"] == one and again["drift"] == []
    updated = ok(member(**{**wish, "description": "d", "tags": ["a=2"]}))
    assert updated["machine"]["description"] == "d" and updated["machine"]["tags"] == ["a=2", "b"]
    for tags, shown in ((["a="], ["a", "b"]), (["a=1", "c"], ["a=1", "b", "c"]), (["a"], ["a", "b", "c"])):
        assert ok(member(**NAMED, tags=tags))["machine"]["tags"] == shown
        assert not ok(member(**NAMED, tags=tags))["changed"]
    for option in ("tags", "placement_tags"):
        assert f"{option} has a more than once" in failure(member(**NAMED, **{option: ["a", "a=1"]}))
    drift = ok(member(**{**wish, "tags": ["b"], "hostname": "other"}))["drift"]
    assert drift == [{"option": "hostname", "is": "metal", "wanted": "other"}]
    gone = ok(member(**NAMED, state="absent"))
    assert gone["changed"] and gone["machine"] is None
    assert "only a token of an admin can see it now" in gone["warnings"][0]
    assert not ok(member(**NAMED, state="absent"))["changed"]
    assert not [one for one in there.control.state()["machines"] if one["allocation"]]


def test_v2_is_told_once_to_free_what_it_frees_later(there: MetalApi, member: Runner) -> None:
    ok(member(**CREATE))
    there.control.tasks(delay=2)
    assert ok(member(**NAMED, state="absent", wait=False))["changed"]
    assert not [one for one in there.control.state()["machines"] if one["allocation"]]
    assert requests(there).count("POST /metalstack.api.v2.MachineService/Delete") == 1


def test_v1_and_v2_show_the_same_machine(there: MetalApi, member: Runner) -> None:
    two = ok(member(**CREATE, description="d", ssh_public_keys=[world.KEY]))["machine"]
    one = ok(Runner(there, "metal_machine")(**NAMED))["machine"]
    # v2 has labels instead of tags, and no system's
    assert {key for key in one if one[key] != two[key]} == {"tags"}


def test_an_admin_allocates_a_firewall_by_its_id(there: MetalApi, wall: Runner) -> None:
    made = ok(wall(**WALL))["firewall"]
    assert made["id"] == machine_id(2) and made["role"] == "firewall"
    assert made["firewall_rules"]["ingress"][0]["from"] == ["2001:db8::/32"]
    again = ok(wall(**WALL))
    assert not again["changed"] and again["drift"] == []
    gone = ok(wall(id=machine_id(2), state="absent", **QUICK))
    assert gone["changed"] and "warnings" not in gone
    events = {one["id"]: one["events"]["log"][0]["event"] for one in there.control.state()["machines"]}
    assert events[machine_id(2)] == "Waiting"


def test_rules_are_checked_before_anything_is_allocated(there: MetalApi, member: Runner, wall: Runner) -> None:
    said = failure(wall(**{**WALL, "networks": [{"network": world.TENANT}]}))
    assert said == "networks has no external network; v2 allocates firewalls only with at least one."
    assert "has no private network" in failure(member(**{**CREATE, "networks": [{"network": world.INTERNET}]}))
    assert "lower case" in failure(
        wall(**{**WALL, "firewall_rules": {"egress": [{"ports": [1], "to": ["::/0"], "comment": "A"}]}})
    )
    assert not [request for request in there.control.counts() if "/Create" in request]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reinstall": "always"}, "reinstall is always, but only the metal-api v1"),
        ({"networks": [{"network": "storage", "auto": False}]}, "auto false without ips, which the metal-api v2"),
        ({"id": machine_id(1)}, "there is no such machine that the token may see"),
    ],
)
def test_what_v2_cannot_do_is_told(member: Runner, options: dict[str, Any], says: str) -> None:
    assert says in failure(member(**{**CREATE, **options}))


def test_v2_needs_a_name_and_cannot_remove_machines(there: MetalApi, wall: Runner) -> None:
    assert failure(wall(**{**WALL, "name": None})).startswith("name is missing")
    run = Runner(there, "metal_machine", methods=[], rights=ADMIN)
    said = failure(run(id=machine_id(1), state="absent", remove_from_database=True))
    assert "only the metal-api v1 can do that" in said
