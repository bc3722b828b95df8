# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are disabled, fail and come back, and what that does to volumes and to the health of the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits import keys

from .raw import Raw

NO_RISK, IN_RISK, SOURCE = "NoRiskOfServiceLoss", "InRiskOfServiceLoss", "SourceOfRiskOfServiceLoss"


def health(api: Raw) -> dict[str, Any]:
    """The health of the cluster."""
    found: dict[str, Any] = api.ok("GET", "/cluster")["health"]
    return found


def risks(api: Raw) -> list[str]:
    """The risk state of every server."""
    return [server["RiskOfServiceLossState"] for server in api.ok("GET", "/servers")["servers"]]


def on_server(api: Raw, volume: dict[str, Any], *, held: bool) -> int:
    """The number of the first server that has (not) a replica of the volume."""
    return next(number for number in range(4) if (api.node(number)["UUID"] in volume["nodeList"]) is held)


def test_lists(api: Raw) -> None:
    servers = api.ok("GET", "/servers")["servers"]
    assert [server["name"] for server in servers] == ["server00", "server01", "server02", "server03"]
    one = servers[2]
    assert api.ok("GET", f"/servers/{one['UUID']}") == one
    assert api.ok("GET", f"/servers?UUID={one['UUID']}") == {"servers": [one]}
    assert api.ok("GET", "/servers?Name=server09") == {}
    assert len(api.ok("GET", f"/servers?RiskOfServiceLoss={NO_RISK}")["servers"]) == 4
    assert api.ok("GET", f"/servers?RiskOfServiceLoss={IN_RISK}") == {}
    api.refused(404, 5, "GET", "/servers/nothing")


def test_a_server_goes_and_comes_back(api: Raw) -> None:
    volume = api.volume("v1")
    number = on_server(api, volume, held=True)
    assert health(api) == {"state": "OK", "numHealthyVolumes": 1}
    api.control.pace(paused=True)
    before = api.server(number)
    api.of_server(number, "disable", permanentFailureTimeout="7200s")
    server = api.server(number)
    assert (server["state"], server["ServerPermanenetFailureTimeout"]) == ("Disabling", "7200s")
    assert server["ETag"] != before["ETag"]
    assert api.node(number)["state"] == "Active"
    for action in ("enable", "disable"):
        api.refused(409, 10, "POST", f"/servers/{server['UUID']}/{action}", {})
    api.stage()
    assert (api.server(number)["state"], api.node(number)["state"]) == ("Disabled", "Inactive")
    assert health(api) == {"state": "Warning", "numDegradedVolumes": 1, "numInactiveNodes": 1}
    assert api.get_volume(volume["UUID"])["protectionState"] == "Degraded"
    api.of_server(number, "disable")  # nothing more to do
    assert api.server(number)["state"] == "Disabled"
    assert api.of_server(number, "enable")["state"] == "Enabling"
    api.stage()
    node = api.node(number)
    assert (api.server(number)["state"], node["state"], node["powerupProgress"]) == ("Enabled", "Activating", 50)
    assert "ServerPermanenetFailureTimeout" not in api.server(number)
    api.stage()
    assert (api.node(number)["state"], api.node(number)["powerupProgress"]) == ("Active", 100)
    assert api.get_volume(volume["UUID"])["protectionState"] == "Degraded", "it has to be rebuilt first"
    api.stage()
    assert api.get_volume(volume["UUID"])["protectionState"] == "FullyProtected"
    assert health(api) == {"state": "OK", "numHealthyVolumes": 1}


def test_most_servers_have_to_stay(api: Raw) -> None:
    """Four servers can lose one without any volume, not two: etcd needs a majority."""
    assert risks(api) == [NO_RISK] * 4
    api.of_server(0, "disable")
    api.calm()
    assert risks(api) == [SOURCE, IN_RISK, IN_RISK, IN_RISK]
    message = api.refused(400, 9, "POST", f"/servers/{api.server(1)['UUID']}/disable", {})
    assert "risk of service loss" in message
    assert api.server(1)["state"] == "Enabled"
    api.of_server(0, "enable")
    api.calm()
    assert risks(api) == [NO_RISK] * 4


def test_a_server_that_is_being_disabled_counts_as_gone(api: Raw) -> None:
    api.control.pace(paused=True)
    api.of_server(0, "disable")
    api.refused(400, 9, "POST", f"/servers/{api.server(1)['UUID']}/disable", {})


def test_volumes_put_servers_at_risk(api: Raw) -> None:
    single = api.volume("single", 1)
    number = on_server(api, single, held=True)
    expected = [IN_RISK if one == number else NO_RISK for one in range(4)]
    assert risks(api) == expected
    path = f"/servers/{api.server(number)['UUID']}/disable"
    api.refused(400, 9, "POST", path, {})
    api.refused(400, 9, "POST", path, {"forceDisable": True})  # misspelt, and so without any effect
    api.ok("POST", path, {"ForceDisable": True})
    api.calm()
    assert api.get_volume(single["UUID"])["protectionState"] == "NotAvailable"
    assert health(api)["state"] == "Error"
    assert health(api)["numNotAvailableVolumes"] == 1


def test_two_of_three_replicas_are_needed_to_write(api: Raw) -> None:
    volume = api.volume("v1")
    gone = [
        {"name": f"server{n:02}-0", "state": "Inactive"} for n in range(4) if n != on_server(api, volume, held=False)
    ]
    api.control.change_state(nodes=gone[:1])
    assert api.get_volume(volume["UUID"])["protectionState"] == "Degraded"
    api.control.change_state(nodes=gone[:2])
    assert api.get_volume(volume["UUID"])["protectionState"] == "ReadOnly"
    assert health(api)["numReadOnlyVolumes"] == 1
    api.control.change_state(nodes=gone)
    assert api.get_volume(volume["UUID"])["protectionState"] == "NotAvailable"


def test_a_failed_node_makes_its_server_the_source_of_risk(api: Raw) -> None:
    api.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    assert risks(api) == [IN_RISK, IN_RISK, SOURCE, IN_RISK]
    assert [server.get("health") for server in api.ok("GET", "/servers")["servers"]] == ["OK", "OK", "Error", "OK"]
    api.of_server(2, "disable")  # nothing is lost by that which is not lost already
    api.calm()
    assert api.server(2)["state"] == "Disabled"


def test_health_of_servers(api: Raw) -> None:
    serial = "SERVER01-0"
    api.control.change_state(
        servers=[{"name": "server00", "_unhealthy": True}],
        devices=[{"serial": serial, "state": "Failed"}],
        nodes=[{"name": "server02-0", "readOnly": True}, {"name": "server03-0", "inLocalRebuild": True}],
    )
    servers = api.ok("GET", "/servers")["servers"]
    assert [server["health"] for server in servers] == ["Error", "Warning", "Error", "Warning"]


@pytest.mark.parametrize("timeout", ["3599s", "1s", "-1s", "1h", "x"])
def test_refused_timeouts(api: Raw, timeout: str) -> None:
    before = api.server()
    path = f"/servers/{before['UUID']}/disable"
    api.refused(400, 3, "POST", path, {"permanentFailureTimeout": timeout})
    assert api.server() == before


@pytest.mark.parametrize(
    ("body", "lost_after"),
    [({}, 3600), ({"permanentFailureTimeout": "7200s"}, 7200), ({"permanentFailureTimeout": "0s"}, None)],
)
def test_a_node_that_is_away_too_long_is_lost(api: Raw, body: dict[str, str], lost_after: int | None) -> None:
    api.of_server(0, "disable", **body)
    api.calm()
    node = api.node(0)["UUID"]
    later = Raw(api.url, api.control, keys.token(lifetime=10**7))
    api.control.shift_clock((lost_after or 10**6) - 60)
    assert "permanentFailure" not in later.ok("GET", f"/nodes/{node}")
    api.control.shift_clock((lost_after or 10**6) + 60)
    assert later.ok("GET", f"/nodes/{node}").get("permanentFailure", False) is (lost_after is not None)


def test_the_clusters_own_timeout_can_be_changed(api: Raw) -> None:
    name = "DurationToTurnIntoPermanentFailure"
    api.ok("PUT", f"/clusterConfig/{name}", {"configParam": {"name": name, "value": "20m"}})
    api.of_server(0, "disable")
    api.calm()
    api.control.shift_clock(1260)
    assert api.node(0)["permanentFailure"] is True
    api.of_server(0, "enable")
    api.calm()
    assert "permanentFailure" not in api.node(0)


def test_a_state_that_never_arrives(api: Raw) -> None:
    api.control.pace(paused=True)
    api.of_server(0, "disable")
    for _time in range(20):
        assert api.server(0)["state"] == "Disabling"
    api.control.pace(paused=False)
    api.calm()
    assert api.server(0)["state"] == "Disabled"


def test_adding_and_removing_a_server(api: Raw) -> None:
    api.control.pace(paused=True)
    body = {"serverEndpoints": ["http://10.10.10.104:2380"], "extendCluster": True}
    assert api.ok("POST", "/servers", body)["state"] == "Creating"
    assert (api.server(4)["state"], api.node(4)["state"]) == ("Creating", "Unattached")
    api.stage()
    assert (api.server(4)["state"], api.node(4)["state"]) == ("Enabled", "Active")
    api.refused(409, 6, "POST", "/servers", body)
    api.refused(409, 6, "POST", "/servers", {"serverEndpoints": ["http://x:2380"], "serverUUID": api.server(0)["UUID"]})
    api.refused(400, 3, "POST", "/servers", {"serverEndpoints": ["http://x:2380", "http://y:2380"]})
    api.refused(400, 3, "POST", "/servers", {})
    uuid = api.server(4)["UUID"]
    api.ok("DELETE", f"/servers/{uuid}")
    assert api.server(4)["state"] == "Deleting"
    api.stage()
    api.refused(404, 5, "GET", f"/servers/{uuid}")
    assert len(api.ok("GET", "/nodes")["nodes"]) == 4
    assert len(api.ok("GET", "/nvmeDevices")["NvmeDevices"]) == 16
    # The addresses of the others are still their own.
    first = api.server(0)
    api.ok("DELETE", f"/servers/{first['UUID']}")
    api.stage()
    assert first["ApiEndpoints"][0] not in api.ok("GET", "/clusterinfo")["apiEndpoints"]
    assert api.server(1)["ApiEndpoints"] == api.ok("GET", "/clusterinfo")["apiEndpoints"][:1]


def test_a_server_with_volumes_is_not_removed(api: Raw) -> None:
    volume = api.volume("v1")
    number = on_server(api, volume, held=True)
    path = f"/servers/{api.server(number)['UUID']}"
    api.refused(400, 9, "DELETE", path)
    api.ok("DELETE", f"{path}?forceDelete=true")
    assert api.server(number)["state"] == "Deleting", "until the volume is gone"
    api.ok("DELETE", f"/projects/default/volumes/{volume['UUID']}")
    api.calm()
    api.refused(404, 5, "GET", path)


def test_a_server_with_a_single_replica_is_never_removed(api: Raw) -> None:
    number = on_server(api, api.volume("single", 1), held=True)
    api.refused(400, 9, "DELETE", f"/servers/{api.server(number)['UUID']}?forceDelete=true")
    assert api.server(number)["state"] == "Enabled"
