# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades of a server and of the whole cluster, and the eviction of data."""

from __future__ import annotations

import pytest

from .raw import URI, Raw


def versions(api: Raw) -> list[str]:
    """The version of every server."""
    return [server["LightOSVersion"] for server in api.ok("GET", "/servers")["servers"]]


def test_upgrade_of_a_server(api: Raw) -> None:
    api.volume("v1")
    api.control.pace(paused=True)
    api.of_server(0, "upgrade", InstallPkgUri=URI, ProxyInfo={"URL": "http://proxy:3128"})
    upgrade = api.server(0)["LastUpgrade"]
    assert (upgrade["Status"], upgrade["TargetVersion"], upgrade["ProgressStep"]) == ("Upgrading", "3.13.1", 1)
    api.refused(409, 10, "POST", f"/servers/{api.server(0)['UUID']}/upgrade", {"InstallPkgUri": URI})
    api.refused(409, 10, "POST", f"/servers/{api.server(0)['UUID']}/disable", {})
    api.stage()
    assert (api.server(0)["LastUpgrade"]["Status"], api.node(0)["state"]) == ("Rebooting", "Inactive")
    api.refused(400, 9, "POST", f"/servers/{api.server(1)['UUID']}/disable", {})
    api.stage()
    assert (api.server(0)["LastUpgrade"]["Status"], api.node(0)["state"]) == ("Recovering", "Activating")
    api.control.pace(paused=False)
    api.calm()
    server = api.server(0)
    assert (server["LastUpgrade"]["Status"], server["LightOSVersion"], server["state"]) == ("None", "3.13.1", "Enabled")
    assert server["LastUpgrade"]["EndTime"] >= server["LastUpgrade"]["StartTime"]
    cluster = api.ok("GET", "/cluster")
    assert (cluster["MinVersionInCluster"], cluster["health"]["state"]) == ("3.12.1", "OK")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "lightos-3-13-1",
        "ftp://packages.example.com/lightos-3-13-1/",
        "https://packages.example.com/lightos/",
        "https://packages.example.com/lightos-3-14-10-rhl-9/",
        "https://packages.example.com/lightos-3-10-0-rhl-9/",
    ],
    ids=["none", "no URL", "scheme", "no version", "too new", "too old"],
)
def test_refused_packages(api: Raw, uri: str) -> None:
    before = api.control.state()
    api.refused(400, 3, "POST", f"/servers/{api.server(0)['UUID']}/upgrade", {"InstallPkgUri": uri})
    api.refused(400, 3, "POST", "/cluster/upgrade", {"InstallPkgUri": uri})
    assert api.control.state() == before


def test_upgrade_at_risk_needs_force(api: Raw) -> None:
    api.of_server(1, "disable")
    api.calm()
    path = f"/servers/{api.server(0)['UUID']}/upgrade"
    api.refused(400, 9, "POST", path, {"InstallPkgUri": URI})
    api.ok("POST", path, {"InstallPkgUri": URI, "ForceUpgrade": True})
    api.calm()
    assert api.server(0)["LightOSVersion"] == "3.13.1"


def test_upgrade_that_fails(api: Raw) -> None:
    api.control.change_state(servers=[{"name": "server00", "_upgrade_error": "no space left"}])
    api.of_server(0, "upgrade", InstallPkgUri=URI)
    api.calm()
    server = api.server(0)
    assert (server["LastUpgrade"]["Status"], server["LastUpgrade"]["ErrorMessage"]) == (
        "UpgradeFailed",
        "no space left",
    )
    assert (server["LightOSVersion"], server["state"], api.node(0)["state"]) == ("3.12.1~b1", "Enabled", "Active")
    api.control.change_state(servers=[{"name": "server00", "_upgrade_error": ""}])
    api.of_server(0, "upgrade", InstallPkgUri=URI)
    api.calm()
    assert api.server(0)["LightOSVersion"] == "3.13.1"


def test_upgrade_of_the_cluster_is_one_after_the_other(api: Raw) -> None:
    api.volume("v1")
    api.control.pace(paused=True)
    api.ok("POST", "/cluster/upgrade", {"InstallPkgUri": URI})
    api.refused(409, 10, "POST", "/cluster/upgrade", {"InstallPkgUri": URI})
    steps = set()
    while api.control.state()["waiting"]:
        away = [node["name"] for node in api.ok("GET", "/nodes")["nodes"] if node["state"] != "Active"]
        assert len(away) <= 1
        cluster = api.ok("GET", "/cluster")
        assert cluster["health"].get("numReadOnlyVolumes", 0) == 0
        steps.add(cluster["lastUpgrade"].get("ProgressStep", 0))
        api.stage()
    upgrade = api.ok("GET", "/clusterinfo")["lastUpgrade"]
    assert (upgrade["Status"], upgrade["ProgressStep"], upgrade["ProgressTotal"]) == ("None", 4, 4)
    assert steps >= {0, 1, 2, 3}
    assert versions(api) == ["3.13.1"] * 4
    assert api.ok("GET", "/cluster")["MinVersionInCluster"] == "3.13.1"


def test_upgrade_of_the_cluster_waits_while_a_server_is_away(api: Raw) -> None:
    api.of_server(3, "disable")
    api.calm()
    api.control.pace(paused=True)
    api.ok("POST", "/cluster/upgrade", {"InstallPkgUri": URI, "UUIDs": [api.server(0)["UUID"]]})
    api.stage(10)
    assert versions(api) == ["3.12.1~b1"] * 4
    assert api.ok("GET", "/cluster")["lastUpgrade"]["Status"] == "Upgrading"
    api.of_server(3, "enable")
    api.control.pace(paused=False)
    api.calm()
    assert versions(api) == ["3.13.1", *["3.12.1~b1"] * 3]


def test_upgrade_of_the_cluster_ends_with_the_first_failure(api: Raw) -> None:
    api.control.change_state(servers=[{"name": "server01", "_upgrade_error": "no space left"}])
    api.ok("POST", "/cluster/upgrade", {"InstallPkgUri": URI})
    api.calm()
    upgrade = api.ok("GET", "/cluster")["lastUpgrade"]
    assert (upgrade["Status"], upgrade["ErrorMessage"], upgrade["ProgressStep"]) == (
        "UpgradeFailed",
        "no space left",
        1,
    )
    assert versions(api) == ["3.13.1", *["3.12.1~b1"] * 3]


def test_upgrade_of_unknown_servers(api: Raw) -> None:
    api.refused(404, 5, "POST", "/cluster/upgrade", {"InstallPkgUri": URI, "UUIDs": ["nothing"]})
    api.refused(404, 5, "POST", "/servers/nothing/upgrade", {"InstallPkgUri": URI})


def allow_eviction(api: Raw) -> None:
    api.ok("POST", "/featureFlags/evict-data/enable", {})


def test_eviction_moves_all_data(api: Raw) -> None:
    allow_eviction(api)
    volumes = [api.volume(f"v{number}", 2) for number in range(8)]
    node = api.node(0)["UUID"]
    assert any(node in volume["nodeList"] for volume in volumes)
    api.control.pace(paused=True)
    api.of_server(0, "disable", evictData=True)
    assert api.server(0)["LastEviction"]["status"] == "Evicting"
    api.refused(409, 10, "POST", f"/servers/{api.server(1)['UUID']}/disable", {"evictData": True, "ForceDisable": True})
    seen = []
    while api.server(0)["state"] == "Disabling":
        api.stage()
        seen.append(api.server(0)["LastEviction"].get("progress", 0))
        assert "numDegradedVolumes" not in api.ok("GET", "/cluster")["health"]
    assert seen == sorted(seen)
    assert {25, 50, 75, 100} <= set(seen)
    server = api.server(0)
    assert (server["state"], server["LastEviction"]["status"]) == ("Disabled", "Completed")
    for volume in volumes:
        found = api.get_volume(volume["UUID"])
        assert node not in found["nodeList"]
        assert (len(set(found["nodeList"])), found["protectionState"]) == (2, "FullyProtected")
    api.control.pace(paused=False)
    api.calm()
    assert {api.get_volume(volume["UUID"])["state"] for volume in volumes} == {"Available"}


def test_eviction_has_preconditions(api: Raw) -> None:
    path = f"/servers/{api.server(0)['UUID']}/disable"
    assert "evict-data" in api.refused(400, 9, "POST", path, {"evictData": True})
    allow_eviction(api)
    for number in range(4):
        api.volume(f"single{number}", 1)
    assert "single replica" in api.refused(400, 9, "POST", path, {"evictData": True, "ForceDisable": True})
    api.of_server(3, "disable", ForceDisable=True)
    api.calm()
    assert "at least 4" in api.refused(400, 9, "POST", path, {"evictData": True, "ForceDisable": True})
    assert api.server(0)["state"] == "Enabled"


def test_eviction_respects_failure_domains(api: Raw) -> None:
    allow_eviction(api)
    volume = api.volume("v1", 2)
    api.control.change_state(nodes=[{"name": f"server{n:02}-0", "failureDomains": ["rack"]} for n in range(4)])
    number = next(n for n in range(4) if api.node(n)["UUID"] == volume["nodeList"][0])
    api.of_server(number, "disable", evictData=True)
    api.calm()
    server = api.server(number)
    assert (server["state"], server["LastEviction"]["status"]) == ("Enabled", "Failed")
    assert "v1" in server["LastEviction"]["errorMessage"]


def test_eviction_can_be_aborted(api: Raw) -> None:
    allow_eviction(api)
    api.control.pace(paused=True)
    api.of_server(0, "disable", evictData=True)
    api.stage()
    assert api.of_server(0, "enable")["LastEviction"]["status"] == "Aborting"
    api.control.pace(paused=False)
    api.calm()
    assert (api.server(0)["state"], api.server(0)["LastEviction"]["status"]) == ("Enabled", "Aborted")
    assert api.node(0)["state"] == "Active"


def test_eviction_that_fails(api: Raw) -> None:
    allow_eviction(api)
    api.control.change_state(servers=[{"name": "server00", "_eviction_error": "stuck"}])
    api.of_server(0, "disable", evictData=True)
    api.calm()
    server = api.server(0)
    assert (server["state"], server["LastEviction"]["status"]) == ("Enabled", "Failed")
    assert server["LastEviction"]["errorMessage"] == "stuck"
