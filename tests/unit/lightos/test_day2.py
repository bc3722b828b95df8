# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The day 2 playbooks of LightOS against an emulated cluster: gates, interruptions, and how a run goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators.lightbits.process import Lightbits
from tests.support.storage_server import MadeUpServer
from tests.support.waiting import until
from tests.unit.lightbits.runner import writes

from .world import World


def volume(cluster: Lightbits, name: str, *nodes: str) -> dict[str, Any]:
    """Return a volume with a replica at each of these nodes."""
    known = {node["name"]: node["UUID"] for node in cluster.control.state()["nodes"]}
    return {"name": name, "size": 1 << 30, "replicaCount": len(nodes), "nodeList": [known[node] for node in nodes]}


@pytest.fixture
def world(tmp_path: Path, cluster: Lightbits) -> World:
    nodes = [f"server{number:02d}-0" for number in range(4)]
    volumes = [volume(cluster, f"v{number}", *(nodes[:number] + nodes[number + 1 :])) for number in range(4)]
    cluster.control.change_state(volumes=volumes)
    return World(tmp_path, cluster, servers=4, installed=True)


def work(world: World, *tasks: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a maintenance, whose work is noted in the order in which it is done."""
    path = world.directory / "work.yml"
    noted = {
        "name": "Note it",
        "ansible.builtin.shell": f"echo {{{{ inventory_hostname }}}} >> {world.directory / 'worked'}",
    }
    path.write_text(yaml.safe_dump([noted, *tasks]), encoding="utf-8")
    return {"lightos_maintenance_tasks": str(path)}


def worked(world: World) -> list[str]:
    path = world.directory / "worked"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def progress(world: World) -> dict[str, Any] | None:
    path = world.home / "maintenance.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return {key: found[key] for key in ("server", "phase", "done")}


def states(world: World) -> list[str]:
    return [server["state"] for server in world.cluster.control.state()["servers"]]


def switches(world: World) -> list[str]:
    """Return what was done to servers: disable or enable, and which."""
    names = {server["UUID"]: server["name"] for server in world.cluster.control.state()["servers"]}
    found = []
    for request in writes(world.cluster):
        parts = request.split("/")
        if parts[-1] in ("enable", "disable"):
            found.append(f"{parts[-1]} {names[parts[-2]]}")
    return found


def two(world: World, *tasks: dict[str, Any]) -> dict[str, Any]:
    """Return the same for the first two servers."""
    return {**work(world, *tasks), "lightos_maintenance_servers": ["server00", "server01"]}


@pytest.mark.newest
def test_maintenance_of_a_server(world: World) -> None:
    # as on a command line
    wanted = {**work(world), "lightos_maintenance_servers": "server01"}
    check = world.play("lightos_maintenance.yml", "--check", **wanted)
    assert check.code == 0, check.output
    assert (worked(world), writes(world.cluster), progress(world)) == ([], [], None)
    done = world.play("lightos_maintenance.yml", **wanted)
    assert done.code == 0, done.output
    assert worked(world) == ["server01"]
    assert switches(world) == ["disable server01", "enable server01"]
    assert (states(world), progress(world)) == (["Enabled"] * 4, None)


@pytest.mark.once
def test_maintenance_of_all_servers_goes_on_after_it_was_killed(world: World) -> None:
    gate = world.directory / "go"
    waiting = {"name": "Wait", "ansible.builtin.wait_for": {"path": str(gate), "timeout": 3000}}
    running = world.start("lightos_maintenance.yml", **work(world, waiting))
    until(lambda: worked(world) or running.poll() is not None, what="the first server to be maintained")
    assert running.poll() is None, running.communicate()[0]
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert states(world)[0] == "Disabled"
    check = world.play("lightos_maintenance.yml", "--check", **work(world, waiting), lightos_gate_timeout=2)
    assert check.code == 0, check.output
    assert check.shows("Goes on with server00 (disabling).")
    assert check.shows("server03 would be disabled when server00 is back.")
    gate.touch()
    done = world.play("lightos_maintenance.yml", **work(world, waiting))
    assert done.code == 0, done.output
    assert done.shows("Goes on with server00 (disabling).")
    assert worked(world) == ["server00", *world.names]
    assert switches(world) == [f"{what} {name}" for name in world.names for what in ("disable", "enable")]
    assert (states(world), progress(world)) == (["Enabled"] * 4, None)


@pytest.mark.once
def test_server_that_fails_in_the_middle_stops_the_run_and_the_next_one_goes_on(world: World) -> None:
    failing = {
        "name": "Lose another server",
        "ansible.builtin.uri": {
            "url": f"{world.cluster.emulator.ready['control']}/state",
            "method": "PATCH",
            "body_format": "json",
            "body": {"nodes": [{"name": "server03-0", "state": "Inactive"}]},
        },
    }
    stopped = world.play("lightos_maintenance.yml", **two(world, failing), lightos_gate_timeout=2)
    assert stopped.code != 0
    assert stopped.shows("server00 is back, but the maintenance stops here, since the cluster is not well:")
    assert stopped.shows("The node server03-0 is in the state Inactive.")
    assert worked(world) == ["server00"]
    assert states(world) == ["Enabled"] * 4
    assert progress(world) == {"server": "server00", "phase": "enabling", "done": []}

    # as long as it is not well, the next run does nothing but say so
    again = world.play("lightos_maintenance.yml", **two(world), lightos_gate_timeout=2)
    assert again.code != 0
    assert again.shows("The node server03-0 is in the state Inactive.")
    assert worked(world) == ["server00"]

    world.cluster.control.change_state(nodes=[{"name": "server03-0", "state": "Active"}])
    done = world.play("lightos_maintenance.yml", **two(world))
    assert done.code == 0, done.output
    assert worked(world) == ["server00", "server01"]
    assert (states(world), progress(world)) == (["Enabled"] * 4, None)


@pytest.mark.once
def test_gate_that_does_not_open_leaves_everything_as_it_is(world: World) -> None:
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    stopped = world.play("lightos_maintenance.yml", **two(world))
    assert stopped.code != 0
    assert stopped.shows("The maintenance does not begin:")
    assert stopped.shows("The node server02-0 is in the state Inactive.")
    assert (writes(world.cluster), worked(world), progress(world)) == ([], [], None)


@pytest.mark.once
def test_work_that_fails_and_a_server_that_may_not_go(world: World) -> None:
    broken = {"name": "Fail", "ansible.builtin.fail": {"msg": "no screwdriver"}}
    stopped = world.play("lightos_maintenance.yml", **two(world, broken))
    assert stopped.code != 0
    assert stopped.shows("The work on server00 has failed, so it stays disabled: no screwdriver")
    assert states(world)[0] == "Disabled"
    assert progress(world) == {"server": "server00", "phase": "disabling", "done": []}
    # the next run goes on with it; the other one may not go, since the only replica of a volume is there
    world.cluster.control.change_state(volumes=[volume(world.cluster, "single", "server01-0")])
    stopped = world.play("lightos_maintenance.yml", **two(world))
    assert stopped.code != 0
    assert stopped.shows("The maintenance stops before server01.")
    assert stopped.shows("it has the only replica of default/single")
    assert worked(world) == ["server00", "server00"]
    assert states(world) == ["Enabled"] * 4
    assert progress(world) == {"server": "", "phase": "", "done": ["server00"]}


@pytest.mark.once
def test_maintenance_that_cannot_be(world: World) -> None:
    # as -e gives it: a text, which is not read letter by letter
    nothing = world.play("lightos_maintenance.yml", lightos_maintenance_servers="server00, server9")
    assert nothing.code != 0
    assert nothing.shows("Nothing would be done: set lightos_maintenance_tasks to a file with tasks, or")
    assert "lightos_maintenance_servers has s," not in nothing.output
    assert nothing.shows(
        "lightos_maintenance_servers has server9, which is no server of the inventory; there are server00"
    )
    missing = world.play("lightos_maintenance.yml", lightos_maintenance_tasks="/no/where")
    assert missing.code != 0
    assert missing.shows("lightos_maintenance_tasks is /no/where, which is not there")
    (world.home / "maintenance.json").write_text(
        '{"server": "server99", "phase": "enabling", "done": []}', encoding="ascii"
    )
    replaced = world.play("lightos_maintenance.yml", **work(world))
    assert replaced.code != 0
    assert replaced.shows("The maintenance was interrupted at server99, which is no server of the inventory any more:")
    anew = world.play("lightos_maintenance.yml", "--check", **work(world), lightos_maintenance_restart=True)
    assert (anew.code, anew.shows("Goes on with")) == (0, False), anew.output
    assert writes(world.cluster) == []


@pytest.mark.once
def test_plays_that_write_files_of_prometheus_are_root() -> None:
    root = Path(__file__).parents[3]
    entries = {
        path.stem
        for path in (root / "roles/lightos/tasks").glob("*.yml")
        if "import_tasks: monitoring.yml" in path.read_text("utf-8")
    }
    plays = [
        (path.name, play)
        for path in sorted((root / "playbooks").glob("lightos_*.yml"))
        for play in yaml.safe_load(path.read_text("utf-8"))
        for task in play.get("tasks", [])
        if task.get("ansible.builtin.import_role", {}).get("tasks_from") in entries
    ]
    assert {name for name, _play in plays} == {"lightos_add_server.yml", "lightos_replace_server.yml"}
    assert [name for name, play in plays if play.get("become") is not True] == []


def test_page_for_the_on_call(world: World) -> None:
    world.environment["HOME"] = str(world.directory)
    done = world.play("lightos_info.yml", lightos_directory=f"~/{world.home.name}")
    assert done.code == 0, done.output
    for text in (
        "nothing is wrong",
        "server00: Enabled, health OK",
        "may be taken away",
        "GiB free",
        "good for 365.0 days",
    ):
        assert done.shows(text), done.output
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    (world.home / "maintenance.json").write_text('{"server": "server02", "phase": "disabling", "done": []}')
    done = world.play("lightos_info.yml")
    assert done.code == 0, done.output
    assert done.shows("SOMETHING IS WRONG")
    assert done.shows("- The node server02-0 is in the state Inactive.")
    assert done.shows("Maintenance: interrupted at server02 (disabling)")
    assert writes(world.cluster) == []


@pytest.mark.newest
def test_upgrade_with_a_gate_at_each_server(world: World) -> None:
    wanted = {
        "lightos_upgrade_version": "3.13.1",
        "lightos_upgrade_uri": "https://dl.example.com/secret-key/lightos-3-13-1-rhl-9/",
    }
    assert world.play("lightos_upgrade.yml").shows(
        "lightos_upgrade_version is not set: give the version to upgrade to."
    )
    check = world.play("lightos_upgrade.yml", "--check", **wanted)
    assert check.code == 0, check.output
    assert writes(world.cluster) == []
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    stopped = world.play("lightos_upgrade.yml", **wanted)
    assert stopped.code != 0
    assert stopped.shows("The upgrade stops at server00.")
    assert writes(world.cluster) == []
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Active"}])
    done = world.play("lightos_upgrade.yml", "-vvv", **wanted, lightos_verify_volume=False)
    assert done.code == 0, done.output
    assert "secret-key" not in done.output
    versions = {server["LightOSVersion"].partition("~")[0] for server in world.cluster.control.state()["servers"]}
    assert versions == {"3.13.1"}
    again = world.play("lightos_upgrade.yml", **wanted, lightos_verify_volume=False)
    assert (again.code, set(again.changed.values())) == (0, {0}), again.output


def credentials(world: World) -> list[str]:
    return sorted(one["ID"] for one in world.cluster.control.state()["credentials"] if one["projectName"] == "system")


def rotate(world: World, *tasks: dict[str, Any], to: str = "key-2") -> dict[str, Any]:
    """Return the variables of a rotation; the tasks give the new token to who uses it."""
    if not tasks:
        return {"lightos_rotate_to": to}
    consumers = world.directory / "consumers.yml"
    consumers.write_text(yaml.safe_dump(list(tasks)), encoding="utf-8")
    return {"lightos_rotate_to": to, "lightos_rotate_consumers": str(consumers)}


def switch(world: World) -> dict[str, Any]:
    """Return the task of a consumer that keeps the token in a file."""
    told = {"content": "{{ lightos_new_token }}", "dest": str(world.directory / "consumer"), "mode": "0600"}
    return {"name": "Switch", "ansible.builtin.copy": told, "no_log": True}


def token(world: World) -> str:
    return (world.home / "secrets/lightos-system-jwt").read_text(encoding="ascii")


@pytest.mark.newest
def test_rotation_of_the_credential(world: World) -> None:
    wanted = rotate(world, switch(world))
    check = world.play("lightos_rotate_credentials.yml", "--check", **wanted)
    assert check.code == 0, check.output
    assert writes(world.cluster) == []
    old = token(world)
    done = world.play("lightos_rotate_credentials.yml", "-vvv", **wanted)
    assert done.code == 0, done.output
    assert credentials(world) == ["key-2"]
    assert token(world) != old
    assert world.secrets() == {"key-key-2.pem": 0o600, "lightos-system-jwt": 0o600}
    assert (world.directory / "consumer").read_text(encoding="ascii") == token(world).strip()
    for secret in (old.strip(), token(world).strip(), "PRIVATE KEY"):
        assert secret not in done.output
    # as duros-controller reads it
    assert "BEGIN RSA PRIVATE KEY" in (world.home / "secrets/key-key-2.pem").read_text(encoding="ascii")
    again = world.play("lightos_rotate_credentials.yml", **wanted)
    assert (again.code, set(again.changed.values())) == (0, {0}), again.output
    assert again.shows("The token is of key-2 already, and no rotation is open.")
    assert not (world.home / "rotation.json").exists()


@pytest.mark.once
def test_rotation_that_is_not_complete_goes_on_and_no_other_one_begins(world: World) -> None:
    old = token(world)
    # without consumers both are trusted
    first = world.play("lightos_rotate_credentials.yml", "-vvv", **rotate(world))
    assert first.code == 0, first.output
    assert first.shows("so the credential root is still trusted")
    assert credentials(world) == ["key-2", "root"]
    new = token(world)
    assert new != old
    # a consumer that does not work keeps the old one
    failing = {"name": "Switch", "ansible.builtin.fail": {"msg": "not reached"}}
    assert world.play("lightos_rotate_credentials.yml", **rotate(world, failing)).code != 0
    assert credentials(world) == ["key-2", "root"]
    values_only = {"lightos_rotate_duros_controller": True, "duros_controller_mode": "gardener"}
    refused = world.play("lightos_rotate_credentials.yml", **rotate(world, to="key-3"), **values_only)
    assert refused.shows("The rotation to key-2 is not complete: run it with lightos_rotate_to=key-2 first.")
    assert refused.shows("so lightos_rotate_duros_controller only writes values: give lightos_rotate_consumers")
    done = world.play("lightos_rotate_credentials.yml", "-vvv", **rotate(world, switch(world)))
    assert done.code == 0, done.output
    assert credentials(world) == ["key-2"]
    assert (world.directory / "consumer").read_text(encoding="ascii") == new.strip()
    for secret in (old.strip(), new.strip(), "PRIVATE KEY"):
        assert secret not in first.output + done.output
    assert not (world.home / "rotation.json").exists()
    # an id is used once
    theirs = {"projectName": "system", "ID": "key-0", "type": "RS256PubKey", "payload": "of somebody"}
    world.cluster.control.change_state(credentials=[theirs])
    refused = world.play("lightos_rotate_credentials.yml", **rotate(world, switch(world), to="key-0"))
    assert refused.code != 0
    assert refused.shows("lightos_rotate_to is key-0, which was used before (the cluster knows it)"), refused.output
    assert credentials(world) == ["key-0", "key-2"]
    assert not (world.home / "rotation.json").exists()
    (world.home / "secrets/key-key-2.pem").unlink()
    missing = world.play("lightos_rotate_credentials.yml", **rotate(world, switch(world)))
    assert missing.shows("The token is of key-2 already, but the key ")
    assert world.play("lightos_info.yml").shows("Token: system:key-2, good for")


def further(world: World) -> None:
    """Have one more server in the inventory, with the hardware that it needs."""
    world.names.append("server04")
    made = MadeUpServer(world.directory / "hardware/server04")
    for device in range(2):
        made.nvme(f"nvme{device}", serial=f"4-{device}")


@pytest.mark.newest
def test_further_server(world: World) -> None:
    (world.home / "secrets/certificates").mkdir(mode=0o700)
    (world.home / "secrets/certificates/server.key").write_text("a certificate's key", encoding="ascii")
    further(world)
    check = world.play("lightos_add_server.yml", "--check")
    assert check.code == 0, check.output
    assert check.shows("The installer would add server04, and the targets and rules of Prometheus would follow.")
    targets = world.directory / "targets.json"
    wanted = {"lightos_prometheus_targets": str(targets), "lightos_verify_volume": False}
    done = world.play("lightos_add_server.yml", **wanted)
    assert "[add-server04] TASK [Install the server]" in done.output
    assert "[add-server04] server04 " in done.output
    assert "[add-server04] server00 " not in done.output
    assert [server["name"] for server in world.cluster.control.state()["servers"]] == world.names
    assert "8090" in targets.read_text(encoding="utf-8")
    assert not (world.work / "outputs").exists()
    assert done.shows("mgmt-endpoint of storage classes:")
    # the emulator has no fifth address at which it would answer, and that is noticed
    assert done.code != 0
    assert done.shows("The cluster has 5 servers, but only 4 addresses of its API.")


@pytest.mark.once
def test_further_server_is_not_added_as_long_as_anything_is_wrong(world: World) -> None:
    further(world)
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    stopped = world.play("lightos_add_server.yml")
    assert stopped.code != 0
    assert stopped.shows("server04 is not added:")
    assert stopped.shows("The node server02-0 is in the state Inactive.")
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Active"}])
    MadeUpServer(world.directory / "hardware/server04", system="debian")
    unready = world.play("lightos_add_server.yml")
    assert unready.code != 0
    assert unready.shows("server04 system It runs debian 9.4; LightOS needs one of")
    assert not world.work.exists()


@pytest.mark.newest
def test_replacement_of_a_dead_server(world: World) -> None:
    world.names.append("server04")
    (world.directory / "hardware/server04").mkdir()
    wrong = world.play("lightos_replace_server.yml", lightos_replace_server="server01", lightos_replace_with="server9")
    assert wrong.shows("lightos_replace_with is server9, which is no server of the inventory.")
    assert writes(world.cluster) == []
    wanted = {"lightos_replace_server": "server01", "lightos_replace_with": "server04"}
    world.host_variables["server04"] = {"lightos_rack": "rack-0"}
    # a cluster that somebody else has installed: which devices it took is of no interest
    together = world.play("lightos_replace_server.yml", **wanted, lightos_devices={})
    world.host_variables.clear()
    assert together.code != 0
    assert together.shows("server01 is not replaced. server04 is in a failure domain with server00 (rack-0), which has")
    assert together.shows("other replicas of the volumes of server01: give a server of another rack.")
    assert writes(world.cluster) == []
    # it is well, but another one is not: it must not go
    world.cluster.control.change_state(nodes=[{"name": "server02-0", "state": "Inactive"}])
    stopped = world.play("lightos_replace_server.yml", **wanted)
    assert stopped.code != 0
    assert stopped.shows("server01 is not replaced.")
    assert writes(world.cluster) == []
    world.cluster.control.change_state(
        nodes=[{"name": "server02-0", "state": "Active"}, {"name": "server01-0", "state": "Inactive"}]
    )
    done = world.play("lightos_replace_server.yml", **wanted)
    assert done.code == 0, done.output
    state = world.cluster.control.state()
    assert sorted(server["name"] for server in state["servers"]) == ["server00", "server02", "server03", "server04"]
    nodes = {node["UUID"]: node["name"] for node in state["nodes"]}
    kept = sorted(sorted(nodes[uuid] for uuid in one["nodeList"]) for one in state["volumes"])
    assert [names for names in kept if "server01-0" in names] == []
    assert any("server04-0" in names for names in kept)
    again = world.play("lightos_replace_server.yml", **wanted)
    assert (again.code, set(again.changed.values())) == (0, {0}), again.output


@pytest.mark.once
def test_nothing_is_removed_that_was_not_asked_for_by_its_uuid(world: World) -> None:
    for variables in ({}, {"lightos_cleanup": "yes"}):
        done = world.play("lightos_cleanup.yml", **variables)
        assert done.code != 0
        assert done.shows("lightos_cleanup is not the UUID of the cluster (lightos_cluster_id), so nothing is removed.")
    done = world.play("lightos_cleanup.yml", lightos_cleanup=world.variables["lightos_cluster_id"])
    assert done.code != 0
    assert done.shows("The cluster still has 4 volumes: delete them first.")
    # nobody can look
    (world.home / "secrets/lightos-system-jwt").unlink()
    done = world.play("lightos_cleanup.yml", lightos_cleanup=world.variables["lightos_cluster_id"])
    assert done.code != 0
    assert done.shows("but there is no token for it: set lightos_api_token_file."), done.output
    assert not world.work.exists()
