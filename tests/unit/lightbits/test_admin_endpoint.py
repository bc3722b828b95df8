# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_admin_endpoint against the emulator."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests, writes

CREATE: dict[str, Any] = {"port": 8443, "ips": ["10.0.1.10", "10.0.1.9"]}


@pytest.fixture
def endpoint(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_admin_endpoint")


def endpoints(cluster: Lightbits) -> dict[int, list[str]]:
    return {one["port"]: one["ips"] for one in cluster.control.state()["admin_endpoints"]}


def test_life(endpoint: Runner, cluster: Lightbits) -> None:
    predicted = ok(endpoint(**CREATE, check_mode=True))
    assert predicted["changed"] and endpoints(cluster) == {}
    made = ok(endpoint(**CREATE))
    assert (made["diff"], made["admin_endpoint"]) == (predicted["diff"], predicted["admin_endpoint"])
    assert made["admin_endpoint"] == {"port": 8443, "ips": ["10.0.1.9", "10.0.1.10"]}
    cluster.control.forget_requests()
    assert not ok(endpoint(**CREATE))["changed"]
    assert not ok(endpoint(port=8443))["changed"]
    assert requests(cluster) == ["GET /adminEndpoints/8443"] * 2

    wish = {"port": 8443, "ips": ["10.0.1.10"]}
    predicted = ok(endpoint(**wish, check_mode=True))
    changed = ok(endpoint(**wish))
    assert changed["diff"] == predicted["diff"] and endpoints(cluster) == {8443: ["10.0.1.10"]}

    predicted = ok(endpoint(port=8443, state="absent", check_mode=True))
    assert predicted["changed"] and endpoints(cluster) != {}
    gone = ok(endpoint(port=8443, state="absent"))
    assert gone["admin_endpoint"] is None and gone["diff"] == predicted["diff"]
    assert not ok(endpoint(port=8443, state="absent"))["changed"]


@pytest.mark.parametrize(
    "same",
    [
        ["fd00:0:0::5", "10.0.0.1"],
        ["10.0.0.1", "FD00::5", "10.0.0.1"],
    ],
)
def test_addresses_are_a_set(endpoint: Runner, same: list[str]) -> None:
    ok(endpoint(port=8443, ips=["10.0.0.1", "fd00::5"]))
    assert not ok(endpoint(port=8443, ips=same))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": 0, "ips": ["10.0.0.1"]}, "port is 0, but a port is a number from 1 to 65535."),
        ({"port": 65536, "state": "absent"}, "port is 65536"),
        ({"port": 8443, "ips": []}, "ips is empty: name the addresses"),
        ({"port": 8443, "ips": ["10.0.0.0/24"]}, "ips has '10.0.0.0/24', which is no IP address"),
        ({"port": 8443, "ips": ["host"]}, "ips has 'host'"),
    ],
)
def test_wrong_options(endpoint: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(endpoint(**options))
    assert cluster.control.requests() == []


def test_what_a_new_one_needs(endpoint: Runner, cluster: Lightbits) -> None:
    assert failure(endpoint(port=8443)).startswith("ips is missing: the admin endpoint with the port 8443 does not")
    assert writes(cluster) == []


def test_a_port_that_is_in_use(endpoint: Runner, cluster: Lightbits) -> None:
    assert "invalid port 4420" in failure(endpoint(port=4420, ips=["10.0.0.1"]))
    assert endpoints(cluster) == {}


def test_nobody_closes_his_own_port(endpoint: Runner, cluster: Lightbits) -> None:
    own = urlsplit(cluster.urls[0]).port
    ok(endpoint(port=own, ips=["10.0.0.1"]))
    cluster.control.forget_requests()
    assert "state is absent, but the task talks to" in failure(endpoint(port=own, state="absent"))
    assert writes(cluster) == []


@pytest.mark.parametrize("old_status", [False, True])
def test_somebody_else_is_faster(endpoint: Runner, cluster: Lightbits, old_status: bool) -> None:
    cluster.control.manners(old_status=old_status)
    ok(endpoint(**CREATE))
    for wish in ({"ips": ["10.0.0.1"]}, {"state": "absent"}):
        cluster.control.clear_faults()
        cluster.control.add_fault("race", method="PUT|DELETE", count=1)
        cluster.control.forget_requests()
        assert ok(endpoint(port=8443, **wish))["changed"]
        assert len(writes(cluster)) == 2, "refused for its old ETag, read again, done"
    assert endpoints(cluster) == {}
    cluster.control.manners()


@pytest.mark.parametrize("fault", [{"action": "reset", "when": "after"}, {"action": "status", "status": 409}])
def test_lost_answers_and_conflicts(endpoint: Runner, cluster: Lightbits, fault: dict[str, Any]) -> None:
    for wish in (CREATE, {"port": 8443, "ips": ["10.0.0.1"]}, {"port": 8443, "state": "absent"}):
        cluster.control.clear_faults()
        cluster.control.add_fault(method="POST|PUT|DELETE", count=1, **fault)
        assert ok(endpoint(**wish))["changed"]
        assert not ok(endpoint(**wish))["changed"]
    assert endpoints(cluster) == {}
