# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_verify against an emulated cluster."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits

from .runner import QUICK, Runner, requests, writes


@pytest.fixture
def verify(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_verify", defaults=tuple(QUICK.items()))


def left(cluster: Lightbits) -> tuple[list[str], list[Any], list[str]]:
    """Return projects, volumes that live, and projects with credentials."""
    state = cluster.control.state()
    return (
        sorted(one["name"] for one in state["projects"]),
        [one for one in state["volumes"] if one.get("state") != "Deleting"],
        [one["projectName"] for one in state["credentials"]],
    )


def test_healthy_cluster(cluster: Lightbits, verify: Runner) -> None:
    before = left(cluster)
    done = verify(servers=["server00", "server02"])
    assert not done.get("failed"), done
    assert (done["changed"], done["problems"]) == (False, [])
    assert [one["health"] for one in done["endpoints"]] == ["OK", "OK", "OK"]
    assert sorted(done["seconds"]) == ["created", "protected", "removed"]
    assert left(cluster) == before
    made = [request for request in writes(cluster) if request.startswith("POST")]
    assert len(made) == 3
    assert made[0] == "POST /projects"


def test_check_mode_and_without_a_volume_nothing_is_made(cluster: Lightbits, verify: Runner) -> None:
    assert verify(check_mode=True)["seconds"] == {}
    assert verify(volume=False)["seconds"] == {}
    assert writes(cluster) == []
    assert requests(cluster).count("GET /cluster") == 6


def test_server_that_is_silent_is_noticed_although_the_others_answer(cluster: Lightbits, verify: Runner) -> None:
    cluster.control.stop_servers(1)
    done = verify()
    assert done["failed"]
    address = cluster.urls[1].removeprefix("http://")
    assert [one for one in done["problems"] if one.startswith(f"The server at {address} does not answer")]
    assert writes(cluster) == []


def test_cluster_that_is_not_well(cluster: Lightbits, verify: Runner) -> None:
    cluster.control.change_state(nodes=[{"name": "server01-0", "state": "Inactive"}])
    done = verify(servers=["server00", "server09"])
    assert done["failed"]
    assert done["problems"][0] == "The cluster has no server server09."
    assert "says that the health of the cluster is Warning." in done["msg"]


def test_volume_that_is_never_protected_fails_and_nothing_is_left(cluster: Lightbits, verify: Runner) -> None:
    before = left(cluster)
    done = verify(replica_count=3, size="900TiB")
    assert done["failed"]
    assert left(cluster) == before


def test_what_an_interrupted_run_has_left_is_removed_later(cluster: Lightbits, verify: Runner) -> None:
    def project(name: str, age: float) -> dict[str, str]:
        made = (datetime.now(timezone.utc) - timedelta(hours=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"name": name, "description": f"lightbits_verify, {made}"}

    cluster.control.change_state(
        projects=[
            project("lightbits-verify-0ld", 7),
            project("lightbits-verify-new", 1),
            {"name": "lightbits-verify-mine", "description": "of somebody"},
        ],
        volumes=[{"name": "verify", "projectName": "lightbits-verify-0ld", "size": 1 << 30}],
    )
    assert not verify().get("failed")
    assert left(cluster)[:2] == (["default", "lightbits-verify-mine", "lightbits-verify-new", "system"], [])


def test_wrong_interval(verify: Runner) -> None:
    assert verify(wait_interval=0)["msg"] == "wait_interval is 0; it must be more than 0 seconds."
