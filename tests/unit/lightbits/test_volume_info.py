# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_volume_info against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits import client as client_module
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests

HOST = "nqn.2014-08.org.nvmexpress:uuid:2"
# each on two of three servers in turn: 00+01, 01+02, 02+00
VOLUMES: list[dict[str, Any]] = [
    {"name": "b", "size": 1 << 30, "labels": [{"key": "owner", "value": "db"}, {"key": "tier", "value": "1"}]},
    {"name": "a", "size": 2 << 30, "projectName": "tenant", "labels": [{"key": "owner", "value": "db"}]},
    {
        "name": "c",
        "size": 1 << 30,
        "projectName": "tenant",
        "connectedHosts": [HOST, "nqn.1"],
        "statistics": {"logicalUsedStorage": 5 << 20, "physicalUsedStorage": 3 << 20},
        "rebuildProgress": "40",
    },
]


@pytest.fixture
def volumes(cluster: Lightbits) -> Runner:
    cluster.control.replace_state(projects=[{"name": "tenant"}], volumes=VOLUMES)
    cluster.control.forget_requests()
    return Runner(cluster, "lightbits_volume_info")


def titles(found: dict[str, Any]) -> list[str]:
    return [f"{one['project']}/{one['name']}" for one in ok(found)["volumes"]]


def test_all_of_them_in_order(volumes: Runner, cluster: Lightbits) -> None:
    found = ok(volumes())
    assert found["changed"] is False
    assert titles(found) == ["default/b", "tenant/a", "tenant/c"]
    first, _second, last = found["volumes"]
    assert first["size"] == 1 << 30 and first["labels"] == {"owner": "db", "tier": "1"}
    assert (first["connected_hosts"], first["logical_used"], first["rebuild_progress"]) == ([], 0, "None")
    assert last["connected_hosts"] == ["nqn.1", HOST]
    assert (last["logical_used"], last["physical_used"], last["rebuild_progress"]) == (5 << 20, 3 << 20, "40")
    assert "servers" not in first
    assert requests(cluster) == ["GET /volumes"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"project": "tenant"}, ["tenant/a", "tenant/c"]),
        ({"name": "b"}, ["default/b"]),
        ({"name": "x"}, []),
        ({"labels": {"owner": "db"}}, ["default/b", "tenant/a"]),
        ({"labels": {"owner": "db", "tier": 1}}, ["default/b"]),
        ({"labels": {"owner": "other"}}, []),
        ({"protection": ["Degraded"]}, []),
        ({"protection": ["Degraded", "FullyProtected"], "project": "default"}, ["default/b"]),
        ({"server": "server00"}, ["default/b", "tenant/c"]),
        ({"server": "server01", "project": "tenant"}, ["tenant/a"]),
    ],
)
def test_filters(volumes: Runner, options: dict[str, Any], expected: list[str]) -> None:
    assert titles(volumes(**options)) == expected


def test_what_is_weak(volumes: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(nodes=[{"name": "server00-0", "state": "Inactive"}])
    assert titles(volumes(protection=["Degraded"])) == ["default/b", "tenant/c"]


def test_where_they_are(volumes: Runner) -> None:
    found = ok(volumes(placement=True))["volumes"]
    assert [one["servers"] for one in found] == [
        ["server00", "server01"],
        ["server01", "server02"],
        ["server00", "server02"],
    ]


def test_a_server_that_is_not_there(volumes: Runner) -> None:
    assert failure(volumes(server="server09")) == (
        "server is 'server09', but the cluster has no such server with nodes; it has: server00, server01, server02."
    )


@pytest.mark.usefixtures("volumes")
def test_what_a_tenant_may(cluster: Lightbits) -> None:
    tenant = Runner(cluster, "lightbits_volume_info", token=keys.token(["tenant:viewer"]))
    assert titles(tenant(project="tenant")) == ["tenant/a", "tenant/c"]
    for options in ({}, {"project": "tenant", "placement": True}, {"project": "default"}):
        assert "the token (roles: tenant:viewer) may not do this" in failure(tenant(**options))


def test_a_project_that_is_not_there(volumes: Runner) -> None:
    assert "project not found" in failure(volumes(project="nobody"))


def test_all_pages_are_read(volumes: Runner, cluster: Lightbits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    assert titles(volumes()) == ["default/b", "tenant/a", "tenant/c"]
    assert requests(cluster) == ["GET /volumes"] * 2


def test_what_makes_no_sense(volumes: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(volumes=[{"name": "c", "connectedHosts": "nobody"}])
    assert "A volume of the Lightbits API cannot be understood: its connectedHosts are not" in failure(volumes())
