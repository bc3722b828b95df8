# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_nvme_device against the emulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, requests, writes

ADD: dict[str, Any] = {"serial": "SPARE", "node": "server01-0"}


@pytest.fixture
def device(cluster: Lightbits) -> Runner:
    """With a device in server01 that nobody uses."""
    server = next(one for one in cluster.control.state()["servers"] if one["name"] == "server01")
    cluster.control.change_state(devices=[{"serial": "SPARE", "serverUUID": server["UUID"]}])
    return Runner(cluster, "lightbits_nvme_device", defaults=tuple(QUICK.items()))


def spare(cluster: Lightbits) -> dict[str, Any]:
    return next(one for one in cluster.control.state()["devices"] if one["serial"] == "SPARE")


@pytest.mark.parametrize("emit_defaults", [False, True])
def test_attach(device: Runner, cluster: Lightbits, emit_defaults: bool) -> None:
    cluster.control.manners(emit_defaults=emit_defaults)
    predicted = ok(device(**ADD, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(device(**ADD))
    assert done["diff"] == predicted["diff"]
    assert done["diff"] == {
        "before": {"serial": "SPARE", "node": None},
        "after": {"serial": "SPARE", "node": "server01-0"},
    }
    found = done["device"]
    assert (found["node"], found["state"], found["usage"], found["size"]) == ("server01-0", "Healthy", "Data", 4 << 40)
    assert writes(cluster) == ["POST /nvmeDevices"]
    cluster.control.forget_requests()
    assert not ok(device(**ADD))["changed"]
    assert requests(cluster) == ["GET /nvmeDevices", "GET /nodes"]
    cluster.control.manners()


def test_a_device_that_never_gets_well(device: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    said = failure(device(**{**ADD, "wait_timeout": 0}))
    assert said == (
        "Waited 0 s for the device SPARE to be attached, in vain; the last state was: Adding, attached to server01-0."
    )
    assert "in vain" in failure(device(**{**ADD, "wait_timeout": 0})), "a second run waits as well"
    cluster.control.pace(paused=False)
    assert not ok(device(**ADD))["changed"]
    assert writes(cluster) == ["POST /nvmeDevices"]


def test_without_waiting(device: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    done = ok(device(**ADD, wait=False))
    assert done["changed"] and (done["device"]["state"], done["device"]["node"]) == ("Adding", "server01-0")
    assert not ok(device(**ADD, wait=False))["changed"]


def test_a_device_that_fails(device: Runner, cluster: Lightbits) -> None:
    ok(device(**ADD))
    cluster.control.change_state(devices=[{"serial": "SPARE", "state": "Failed"}])
    done = ok(device(**ADD))
    assert not done["changed"]
    assert done["warnings"] == ["The device SPARE is attached to server01-0, but in the state Failed."]


def test_a_device_that_fails_while_it_is_attached(device: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(device, **ADD)
        while spare(cluster)["state"] != "Adding" and not result.done():
            pass
        cluster.control.change_state(devices=[{"serial": "SPARE", "state": "Failed"}])
        assert "is given up: the device has failed; the last state was: Failed" in failure(result.result())


@pytest.mark.parametrize(
    ("state", "options", "said"),
    [
        (
            {},
            {"serial": "SPARES"},
            "serial is 'SPARES', but the cluster has no such device; those that are attached to no node: SPARE.",
        ),
        ({}, {"node": "server01"}, "node is 'server01', but the cluster has no such node; it has: server00-0, server0"),
        (
            {},
            {"serial": "SERVER00-0"},
            "node is server01-0, but the device SERVER00-0 is attached to server00-0, from which the API cannot take",
        ),
        ({}, {"node": "server00-0"}, "but the device SPARE is in another server, that of server01-0."),
        (
            {"nodes": [{"name": "server01-0", "state": "Inactive"}]},
            {},
            "but the node is in the state Inactive, and only an active one takes devices.",
        ),
        (
            {"nodes": [{"name": "server01-0", "maxNvmeDevices": 4}]},
            {},
            "but the node is full: it has 4 devices, of at most 4.",
        ),
        ({"devices": [{"serial": "SPARE", "deviceUsage": "OS"}]}, {}, "is in use for something else (OS)."),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_refusals(
    device: Runner, cluster: Lightbits, state: dict[str, Any], options: dict[str, Any], said: str, check_mode: bool
) -> None:
    cluster.control.change_state(**state)
    assert said in failure(device(**{**ADD, **options}, check_mode=check_mode))
    assert writes(cluster) == []


def test_somebody_else_is_attaching_it(device: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(devices=[{"serial": "SPARE", "state": "Adding"}])
    assert "is just being attached to a node by somebody else" in failure(device(**ADD, wait=False))
    assert "in vain; the last state was: Adding, attached to no node" in failure(device(**{**ADD, "wait_timeout": 0}))
    assert writes(cluster) == []


@pytest.mark.parametrize("led", ["locate", "rebuild", "locate-off"])
def test_lights_are_set_in_every_run(device: Runner, cluster: Lightbits, led: str) -> None:
    predicted = ok(device(serial="SPARE", led=led, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    for _unused in range(2):
        done = ok(device(serial="SPARE", led=led))
        assert done["changed"] and done["diff"] == predicted["diff"] and done["device"]["led"] == led
    assert spare(cluster)["_led"] == led
    assert spare(cluster)["nodeUUID"] == ""
    assert writes(cluster) == ["POST /nvmeDevices/SPARE"] * 2


def test_attach_and_light(device: Runner, cluster: Lightbits) -> None:
    predicted = ok(device(**ADD, led="locate-off", check_mode=True))
    done = ok(device(**ADD, led="locate-off"))
    assert done["diff"] == predicted["diff"] and done["device"]["state"] == "Healthy"
    assert writes(cluster) == ["POST /nvmeDevices", "POST /nvmeDevices/SPARE"]


LOST: list[dict[str, Any]] = [
    {"action": "reset", "when": "after"},
    {"action": "status", "status": 503, "when": "after"},
    {"action": "status", "status": 500, "when": "after"},
    {"action": "status", "status": 409},
]


@pytest.mark.parametrize("fault", LOST)
def test_attached_once(device: Runner, cluster: Lightbits, fault: dict[str, Any]) -> None:
    cluster.control.add_fault(method="POST", count=1, **fault)
    done = ok(device(**ADD))
    assert done["changed"] and done["device"]["state"] == "Healthy"
    assert done["diff"]["before"]["node"] is None
    assert len(writes(cluster)) == (2 if fault.get("status") == 409 else 1)


@pytest.mark.parametrize("fault", LOST)
def test_lit_once_it_is_known(device: Runner, cluster: Lightbits, fault: dict[str, Any]) -> None:
    cluster.control.add_fault(method="POST", path="/nvmeDevices/SPARE", count=1, **fault)
    assert ok(device(**ADD, led="locate"))["device"]["led"] == "locate"
    assert spare(cluster)["_led"] == "locate"
    assert writes(cluster) == ["POST /nvmeDevices", "POST /nvmeDevices/SPARE", "POST /nvmeDevices/SPARE"]
