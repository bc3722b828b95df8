# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_upgrade against the emulator: when it begins, that it never begins twice, and how it ends."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.version import meets, version_in
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

URI = "https://packages.example.com/key-of-the-customer/lightos-3-13-1-rhl-9/"
CLUSTER: Mapping[str, Any] = {"version": "3.13.1", "package_uri": URI}
SERVER: Mapping[str, Any] = {**CLUSTER, "server": "server00"}
STARTED_SERVER = re.compile(r"POST /servers/[\w-]+/upgrade")


@pytest.fixture
def upgrade(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_upgrade", defaults=tuple(QUICK.items()))


@pytest.fixture
def volume(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_volume", defaults=tuple(QUICK.items()))


def versions(cluster: Lightbits) -> list[str]:
    return [one["LightOSVersion"] for one in cluster.control.state()["servers"]]


def server_of(cluster: Lightbits, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in cluster.control.state()["servers"] if one["name"] == name)
    return found


def test_the_cluster(upgrade: Runner, volume: Runner, cluster: Lightbits) -> None:
    ok(volume(name="data", size="1GiB", replica_count=3))
    cluster.control.forget_requests()
    predicted = ok(upgrade(**CLUSTER, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(upgrade(**CLUSTER))
    assert done["diff"] == predicted["diff"]
    assert done["diff"]["before"]["versions"]["server02"] == "3.12.1~b1"
    assert (
        done["upgrade"]["versions"]
        == predicted["upgrade"]["versions"]
        == dict.fromkeys(("server00", "server01", "server02"), "3.13.1")
    )
    assert done["upgrade"]["cluster"]["versions"]["lowest"] == "3.13.1"
    assert (done["upgrade"]["cluster"]["step"], done["upgrade"]["cluster"]["status"]) == (3, "None")
    assert writes(cluster) == ["POST /cluster/upgrade"]
    assert not ok(upgrade(**CLUSTER))["changed"]


def test_one_server_and_then_the_rest(upgrade: Runner, cluster: Lightbits) -> None:
    done = ok(upgrade(**SERVER))
    assert done["upgrade"]["versions"] == {"server00": "3.13.1"}
    assert versions(cluster) == ["3.13.1", "3.12.1~b1", "3.12.1~b1"]
    assert not ok(upgrade(**SERVER))["changed"]
    cluster.control.forget_requests()
    rest = ok(upgrade(**CLUSTER))
    assert rest["diff"]["before"]["versions"] == {
        "server00": "3.13.1",
        "server01": "3.12.1~b1",
        "server02": "3.12.1~b1",
    }
    assert rest["upgrade"]["cluster"]["steps"] == 2, "what has the version is left out"
    assert writes(cluster) == ["POST /cluster/upgrade"]


@pytest.mark.parametrize("wish", [SERVER, CLUSTER], ids=["server", "cluster"])
def test_an_upgrade_that_goes_on_is_waited_for(upgrade: Runner, cluster: Lightbits, wish: Mapping[str, Any]) -> None:
    cluster.control.pace(paused=True)
    begun = ok(upgrade(**wish, wait=False))
    assert begun["changed"] and begun["upgrade"]["servers"]["server00"]["status"] == "Upgrading"
    for again in (upgrade(**wish, wait=False), upgrade(**wish, check_mode=True)):
        assert not ok(again)["changed"]
    said = failure(upgrade(**{**wish, "wait_timeout": 0}))
    assert "Waited 0 s for the" in said and "to be upgraded to 3.13.1, in vain; the last state was: " in said
    assert "server00 3.12.1~b1, Upgrading (step 1 of 3)" in said
    assert len(writes(cluster)) == 1
    cluster.control.pace(paused=False)
    assert not ok(upgrade(**wish))["changed"]
    assert len(writes(cluster)) == 1, "it was never started again"
    assert versions(cluster)[0] == "3.13.1"


def test_a_server_may_wait_for_the_upgrade_of_the_cluster(upgrade: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    ok(upgrade(**CLUSTER, wait=False))
    cluster.control.pace(paused=False)
    assert not ok(upgrade(**{**SERVER, "server": "server02"}))["changed"]
    assert versions(cluster)[2] == "3.13.1"
    assert writes(cluster) == ["POST /cluster/upgrade"]


def test_the_rest_follows_when_the_server_of_somebody_else_is_done(upgrade: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    ok(upgrade(**SERVER, wait=False))
    assert "wait is false, but the server server00 is being upgraded" in failure(upgrade(**CLUSTER, wait=False))
    predicted = ok(upgrade(**CLUSTER, check_mode=True))
    assert predicted["changed"]
    assert predicted["warnings"] == [
        "the server server00 is being upgraded. Whether the rest may follow shows after that."
    ]
    cluster.control.pace(paused=False)
    assert ok(upgrade(**CLUSTER))["changed"]
    assert versions(cluster) == ["3.13.1"] * 3


def test_an_upgrade_to_something_else_has_to_end_first(upgrade: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    ok(upgrade(**CLUSTER, wait=False))
    other = {"version": "3.14.0", "package_uri": "https://packages.example.com/lightos-3-14-0-rhl-9/"}
    assert "but the cluster is being upgraded to 3.13.1: wait for the end of that." in failure(upgrade(**other))
    said = failure(upgrade(**other, server="server00"))
    assert "but the cluster is being upgraded to 3.13.1" in said
    assert writes(cluster) == ["POST /cluster/upgrade"]


@pytest.mark.parametrize(
    ("version", "uri", "said"),
    [
        ("3.15.0", "https://p.example.com/x", "takes versions from 3.10.1 to 3.14.9."),
        ("3.10.0", "https://p.example.com/x", "but newer ones are there, and nothing goes back: server00 (3.12.1~b1)"),
        ("3.11.5", "https://p.example.com/x", "but newer ones are there"),
        ("3.13.2", URI, "version is 3.13.2, but package_uri is a repository of 3.13.1."),
        ("3.13", URI, "version is '3.13'; it must be like 3.13.1 or 3.13.1~b1127."),
        ("3.13.1", "packages/lightos", "package_uri is no address of a package repository"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_versions_that_cannot_be(
    upgrade: Runner, cluster: Lightbits, version: str, uri: str, said: str, check_mode: bool
) -> None:
    message = failure(upgrade(version=version, package_uri=uri, check_mode=check_mode))
    assert said in message
    assert "key-of-the-customer" not in message
    assert writes(cluster) == []


def test_the_sentence_about_versions_tells_the_oldest(upgrade: Runner) -> None:
    assert failure(upgrade(version="3.15.0", package_uri="https://p.example.com/x")) == (
        "version is 3.15.0, but the cluster, whose oldest server has 3.12.1, takes versions from 3.10.1 to 3.14.9."
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"force": True}, "force is given without server"),
        ({"server": "server00", "acknowledge_data_at_risk": ["default/a"]}, "is given without force=true"),
        ({"proxy": {"url": "proxy:3128"}}, "proxy.url is no address of a proxy"),
        ({"proxy": {"url": "http://me:secret@proxy:3128"}}, "user name and password are options of their own"),
    ],
)
def test_wrong_options(upgrade: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    message = failure(upgrade(**CLUSTER, **options))
    assert said in message and "secret" not in message
    assert cluster.control.requests() == []


def test_a_server_that_is_not_there(upgrade: Runner) -> None:
    said = failure(upgrade(**{**SERVER, "server": "server9"}))
    assert said.startswith("server is 'server9', but the cluster has no such server; it has: server00,")


@pytest.mark.parametrize("wish", [{**SERVER, "server": "server02"}, CLUSTER], ids=["server", "cluster"])
@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"servers": [{"name": "server01", "state": "Disabled"}]}, "the server server01 is in the state Disabled"),
        ({"servers": [{"name": "server01", "_unhealthy": True}]}, "the server server01 has the health Error"),
        ({"nodes": [{"name": "server01-0", "state": "Inactive"}]}, "the node server01-0 is in the state Inactive"),
        ({"nodes": [{"name": "server01-0", "readOnly": True}]}, "the node server01-0 is read-only"),
    ],
)
def test_the_gate(
    upgrade: Runner, cluster: Lightbits, wish: Mapping[str, Any], sections: dict[str, Any], reason: str
) -> None:
    cluster.control.change_state(**sections)
    for check_mode in (True, False):
        said = failure(upgrade(**wish, check_mode=check_mode))
        assert said.startswith("version is 3.13.1, but the ") and " may not be upgraded: " in said
        assert reason in said
    assert writes(cluster) == []


def test_single_replicas_are_named_and_have_to_be_acknowledged(
    upgrade: Runner, volume: Runner, cluster: Lightbits
) -> None:
    ok(volume(name="single", size="1GiB", replica_count=1))
    cluster.control.forget_requests()
    reason = "without a second replica, and away during the upgrade, are the volumes default/single"
    assert reason in failure(upgrade(**CLUSTER))
    assert reason in failure(upgrade(**SERVER))
    assert "acknowledge_data_at_risk does not name default/single" in failure(upgrade(**SERVER, force=True))
    assert writes(cluster) == []
    done = ok(upgrade(**SERVER, force=True, acknowledge_data_at_risk=["default/single"]))
    assert reason in done["warnings"][0]
    assert versions(cluster)[0] == "3.13.1"


def test_a_failed_upgrade_is_told_and_can_be_tried_again(upgrade: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(servers=[{"name": "server01", "_upgrade_error": "no space left"}])
    said = failure(upgrade(**CLUSTER))
    assert said.startswith("Waiting for the cluster to be upgraded to 3.13.1 is given up: the upgrade of ")
    assert "failed (no space left)" in said
    assert versions(cluster) == ["3.13.1", "3.12.1~b1", "3.12.1~b1"]
    cluster.control.change_state(servers=[{"name": "server01", "_upgrade_error": ""}])
    again = ok(upgrade(**CLUSTER))
    assert "The last upgrade of the cluster, to 3.13.1, failed: no space left." in again["warnings"]
    assert versions(cluster) == ["3.13.1"] * 3


def test_one_that_fails_while_it_is_waited_for(upgrade: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(servers=[{"name": "server00", "_upgrade_error": "no space left"}])
    cluster.control.pace(paused=True)
    ok(upgrade(**SERVER, wait=False))
    cluster.control.pace(paused=False)
    assert "the upgrade of the server server00 failed (no space left)" in failure(upgrade(**SERVER))


def test_a_package_of_another_version(upgrade: Runner, cluster: Lightbits) -> None:
    """The address names no version that we could compare, and the repository has another one."""
    uri = "https://packages.example.com/lightos-latest/3.13.0/"
    said = failure(upgrade(version="3.13.1", package_uri=uri, server="server00"))
    assert "it has ended, but another version is there: server00 3.13.0" in said
    assert len(writes(cluster)) == 1


@pytest.mark.parametrize("wish", [SERVER, CLUSTER], ids=["server", "cluster"])
@pytest.mark.parametrize(
    "action", [{"action": "reset", "when": "after"}, {"action": "status", "status": 503, "when": "after"}]
)
def test_a_lost_answer_starts_nothing_twice(
    upgrade: Runner, cluster: Lightbits, wish: Mapping[str, Any], action: dict[str, Any]
) -> None:
    cluster.control.add_fault(**action, path="/upgrade$", count=1)
    assert ok(upgrade(**wish))["changed"]
    assert len(writes(cluster)) == 1


def test_two_operators_start_one_upgrade(upgrade: Runner, cluster: Lightbits) -> None:
    for round_ in range(6):
        cluster.control.replace_state()
        cluster.control.pace(step=0.01 * (round_ % 3 + 1))
        cluster.control.forget_requests()
        gate = threading.Barrier(2)

        def operate(_number: int, gate: threading.Barrier = gate) -> dict[str, Any]:
            gate.wait()
            return upgrade(**CLUSTER)

        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(operate, range(2)))
        assert not [result for result in results if result.get("failed")], results
        accepted = [one for one in cluster.control.requests() if one["method"] == "POST" and one["status"] == 200]
        assert len(accepted) == 1
        assert versions(cluster) == ["3.13.1"] * 3


def test_somebody_else_goes_between_the_plan_and_the_start(upgrade: Runner, cluster: Lightbits) -> None:
    """The reading directly before the request sees what the plan could not see."""
    cluster.control.add_fault(
        "change",
        path="/api/v2/cluster$",
        skip=2,
        count=1,
        change={"servers": [{"name": "server01", "state": "Disabled"}]},
    )
    assert "the server server01 is in the state Disabled" in failure(upgrade(**CLUSTER))
    assert writes(cluster) == []


@pytest.mark.parametrize("form", ["refused", "kept"])
def test_the_key_of_the_customer_and_the_password_are_never_shown(
    upgrade: Runner, cluster: Lightbits, form: str
) -> None:
    proxy = {"url": "http://proxy.example.com:3128", "username": "me", "password": "pass-of-the-proxy"}
    if form == "refused":
        body = json.dumps({"code": 3, "message": f"invalid InstallPkgUri {URI} by {proxy}"})
        cluster.control.add_fault(
            "status", path="/upgrade$", status=400, body=body, content_type="application/json", count=1
        )
        result = upgrade(**CLUSTER, proxy=proxy)
        assert "invalid InstallPkgUri" in failure(result)
    else:
        result = ok(upgrade(**CLUSTER, proxy=proxy))
    assert "key-of-the-customer" not in json.dumps(result)
    assert "pass-of-the-proxy" not in json.dumps(result)


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("3.13.1", "3.13.1", True),
        ("3.13.1~b1127", "3.13.1", True),
        ("3.13.1", "3.13.1~b1127", True),
        ("3.13.1~b1127", "3.13.1~b1127", True),
        ("3.13.1~b1126", "3.13.1~b1127", False),
        ("3.13.10", "3.13.1", False),
        ("", "3.13.1", False),
        ("unknown", "3.13.1", False),
    ],
)
def test_versions(found: str, wanted: str, same: bool) -> None:
    assert meets(found, wanted) is same


@pytest.mark.parametrize(
    ("address", "version"),
    [
        ("https://dl.example.com/abc/lightos-3-13-1-rhl-9/rpm/el/9", "3.13.1"),
        ("https://dl.example.com/LightOS_3.13.1/", "3.13.1"),
        ("https://dl.example.com/lightos/v3.13.1/", "3.13.1"),
        ("https://dl.example.com/2026-01-31/lightos/", ""),
        ("https://10.10.10.10/repository/", ""),
    ],
)
def test_versions_in_addresses(address: str, version: str) -> None:
    assert version_in(address) == version
