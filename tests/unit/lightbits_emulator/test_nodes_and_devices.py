# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and their replacement, NVMe devices, and what is set for the whole cluster."""

from __future__ import annotations

import pytest

from .raw import Raw


def spare(api: Raw) -> str:
    """The UUID of the node of a server that takes no part yet."""
    api.ok("POST", "/servers", {"serverEndpoints": ["http://10.10.10.104:2380"]})
    api.calm()
    node = api.node(4)
    assert node["state"] == "Unattached"
    return str(node["UUID"])


def test_lists(api: Raw) -> None:
    node = api.node(1)
    assert api.ok("GET", f"/nodes/{node['UUID']}") == node
    assert api.ok("GET", f"/nodes?UUID={node['UUID']}") == {"nodes": [node]}
    assert api.ok("GET", "/nodes?failureDomain=server01") == {"nodes": [node]}
    assert api.ok("GET", "/nodes?name=nothing") == {}
    api.refused(400, 3, "GET", f"/nodes?name={node['name']}&failureDomain=server01")
    api.refused(404, 5, "GET", "/nodes/nothing")
    assert node["numManagedDevices"] == 4


def test_a_spare_node_is_no_reason_to_worry(api: Raw) -> None:
    spare(api)
    assert api.ok("GET", "/cluster")["health"] == {"state": "OK"}
    assert {server["health"] for server in api.ok("GET", "/servers")["servers"]} == {"OK"}


def test_replace_a_node(api: Raw) -> None:
    volume = api.volume("v1")
    source, target = volume["nodeList"][0], spare(api)
    number = next(n for n in range(4) if api.node(n)["UUID"] == source)
    path = f"/nodes/{source}/replace"
    api.refused(400, 3, "POST", path, {"TargetNodeUUID": target})  # it is still active
    api.of_server(number, "disable")
    api.calm()
    api.refused(400, 3, "POST", path, {"TargetNodeUUID": volume["nodeList"][1]})  # it is in use
    api.refused(404, 5, "POST", path, {"TargetNodeUUID": "nothing"})
    api.control.pace(paused=True)
    api.ok("POST", path, {"TargetNodeUUID": target})
    assert (api.node(number)["state"], api.node(4)["state"]) == ("Detaching", "Attaching")
    api.refused(429, 8, "POST", path, {"TargetNodeUUID": target})
    api.stage()
    assert (api.node(number)["state"], api.node(4)["state"]) == ("Unattached", "Active")
    moved = api.get_volume(volume["UUID"])
    assert moved["nodeList"] == [target, *volume["nodeList"][1:]]
    assert moved["protectionState"] == "Degraded"
    api.stage()
    assert api.get_volume(volume["UUID"])["protectionState"] == "FullyProtected"
    assert api.ok("GET", "/cluster")["health"]["state"] == "OK"


def test_replace_an_active_node(api: Raw) -> None:
    target = spare(api)
    api.ok("POST", f"/nodes/{api.node(0)['UUID']}/replace", {"TargetNodeUUID": target, "ReplaceWhileActive": True})
    api.calm()
    assert (api.node(0)["state"], api.node(4)["state"]) == ("Unattached", "Active")


def test_devices(api: Raw) -> None:
    server, node = api.server(1), api.node(1)
    of_node = api.ok("GET", f"/nvmeDevices?nodeUUID={node['UUID']}")["NvmeDevices"]
    assert of_node == api.ok("GET", f"/nvmeDevices?serverUUID={server['UUID']}&deviceUsages=Data")["NvmeDevices"]
    assert [device["serial"] for device in of_node] == [f"SERVER01-{number}" for number in range(4)]
    assert api.ok("GET", "/nvmeDevices?deviceUsages=Journal&deviceUsages=OS") == {}
    api.refused(404, 5, "GET", "/nvmeDevices/nothing")


def test_add_a_device(api: Raw) -> None:
    server, node, other = api.server(1), api.node(1), api.node(2)
    body = {"serialNumber": "SPARE", "nodeUUID": node["UUID"]}
    api.refused(404, 5, "POST", "/nvmeDevices", body)
    api.control.change_state(devices=[{"serial": "SPARE", "serverUUID": server["UUID"]}])
    assert api.ok("GET", "/nvmeDevices/SPARE")["deviceUsage"] == "UnManaged"
    assert "nodeUUID" not in api.ok("GET", "/nvmeDevices/SPARE")
    managed = api.ok("GET", "/cluster")["statistics"]["managedPhysicalStorage"]
    api.refused(400, 3, "POST", "/nvmeDevices", {**body, "nodeUUID": other["UUID"]})
    api.control.change_state(nodes=[{"name": "server01-0", "maxNvmeDevices": 4}])
    api.refused(400, 3, "POST", "/nvmeDevices", body)
    api.control.change_state(nodes=[{"name": "server01-0", "maxNvmeDevices": 12, "state": "Inactive"}])
    api.refused(400, 3, "POST", "/nvmeDevices", body)
    api.control.change_state(nodes=[{"name": "server01-0", "state": "Active"}])
    api.control.pace(paused=True)
    api.ok("POST", "/nvmeDevices", body)
    assert api.ok("GET", "/nvmeDevices/SPARE")["state"] == "Adding"
    api.refused(409, 10, "POST", "/nvmeDevices", body)
    api.stage()
    device = api.ok("GET", "/nvmeDevices/SPARE")
    assert (device["state"], device["nodeUUID"], device["deviceUsage"]) == ("Healthy", node["UUID"], "Data")
    assert api.node(1)["numManagedDevices"] == 5
    assert int(api.ok("GET", "/cluster")["statistics"]["managedPhysicalStorage"]) == int(managed) + (4 << 40)
    api.refused(400, 3, "POST", "/nvmeDevices", body)


def test_lights(api: Raw) -> None:
    body = {"serverUUID": api.server(0)["UUID"], "ledPattern": "locate"}
    api.ok("POST", "/nvmeDevices/SERVER00-0", body)
    assert api.control.state()["devices"][0]["_led"] == "locate"
    api.refused(400, 3, "POST", "/nvmeDevices/SERVER00-0", {**body, "ledPattern": "blink"})
    api.refused(400, 3, "POST", "/nvmeDevices/SERVER01-0", body)


def test_parameters(api: Raw) -> None:
    name = "EvictionNoProgressTimeout"
    assert {"name": name, "value": "30m"} in api.ok("GET", "/clusterConfig")["values"]
    api.ok("PUT", f"/clusterConfig/{name}", {"configParam": {"name": name, "value": "1h"}})
    assert api.ok("GET", f"/clusterConfig/{name}") == {"name": name, "value": "1h"}
    api.refused(400, 3, "PUT", f"/clusterConfig/{name}", {"name": name, "value": "2h"})
    api.refused(404, 5, "GET", "/clusterConfig/Nothing")
    bad = {"configParam": {"name": "DurationToTurnIntoPermanentFailure", "value": "soon"}}
    api.refused(400, 3, "PUT", "/clusterConfig/DurationToTurnIntoPermanentFailure", bad)


def test_flags(api: Raw) -> None:
    api.ok("POST", "/featureFlags/evict-data/enable", {})
    assert api.ok("GET", "/featureFlags")["featureFlags"]["evict-data"] == {"name": "evict-data", "enabled": True}
    api.ok("POST", "/featureFlags/evict-data/disable", {})
    assert api.ok("GET", "/featureFlags/evict-data") == {"name": "evict-data"}
    api.refused(501, 12, "POST", "/featureFlags/event-log/disable", {})
    api.refused(404, 5, "GET", "/featureFlags/nothing")


def test_admin_endpoints(api: Raw) -> None:
    made = api.ok("POST", "/adminEndpoints", {"port": 8443, "ips": ["10.0.0.1", "fd00:0::1"]})
    assert made == {"port": 8443, "ips": ["10.0.0.1", "fd00::1"], "ETag": "0"}
    assert api.ok("GET", "/adminEndpoints") == {"adminEndpoints": [made]}
    api.refused(409, 6, "POST", "/adminEndpoints", {"port": 8443})
    api.refused(400, 9, "PUT", "/adminEndpoints/8443", {"ips": []}, If_Match="7")
    assert api.ok("PUT", "/adminEndpoints/8443", {"ips": ["10.0.0.2"]}, If_Match="0")["ips"] == ["10.0.0.2"]
    api.ok("DELETE", "/adminEndpoints/8443")
    api.refused(404, 5, "GET", "/adminEndpoints/8443")
    assert api.ok("GET", "/adminEndpoints") == {}


@pytest.mark.parametrize("body", [{}, {"port": 0}, {"port": 65536}, {"port": 443}, {"port": 8443, "ips": ["x"]}])
def test_refused_admin_endpoints(api: Raw, body: dict[str, object]) -> None:
    api.refused(400, 3, "POST", "/adminEndpoints", body)
