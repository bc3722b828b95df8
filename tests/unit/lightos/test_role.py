# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role lightos, from three hosts to a cluster, against an emulated cluster and a stand-in for the installer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.supervision import Job, Supervision
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.support import promtool

from .world import REPOSITORY, SECRET_FILE, YEAR, Run, World

WISHES = {
    "lightos_parameters": {"DurationToTurnIntoPermanentFailure": "2h"},
    "lightos_features": {"fail-in-place": True},
    "lightos_qos_policies": [{"name": "bronze", "limit": {"unit": "iops", "read": 2560, "write": 1280}}],
    "lightos_projects": [{"name": "tenant-1", "qos_policy": "bronze"}],
    "lightos_admin_endpoints": [{"port": 8443, "ips": ["10.0.1.5"]}],
}


@pytest.fixture
def world(tmp_path: Path, cluster: Lightbits) -> World:
    """Nothing is installed: nobody answers."""
    cluster.control.stop_servers(0, 1, 2, 3)
    return World(tmp_path, cluster)


def everything(world: World, run: Run) -> str:
    """Return all that was written anywhere but into the secrets."""
    logs = "".join(path.read_text(encoding="utf-8") for path in world.work.glob("*.log"))
    inventory = "".join(
        path.read_text(encoding="utf-8") for path in (world.work / "inventory").rglob("*") if path.is_file()
    )
    return run.output + logs + inventory


def rules_are_those_of_the_cluster(rules: Path, urls: Sequence[str]) -> None:
    """They fire for what is the matter with this cluster, and for nothing else."""
    assert "2 rules found" in promtool.accept(rules)
    # all servers are on this machine
    [address] = {urlsplit(url).hostname for url in urls}
    up = {f'up{{job="lightbox-exporter", instance="{address}:809{number}"}}': "1x30" for number in range(len(urls))}
    first, *others = up
    stranger = 'up{job="lightbox-exporter", instance="10.99.0.1:8090"}'
    promtool.fire(rules, up, "25m", [])
    promtool.fire(rules, {**up, first: "0x30", stranger: "0x30"}, "6m", [("LightOSServerSilent", f"{address}:8090")])
    promtool.fire(rules, {name: up[name] for name in others}, "16m", [("LightOSServersMissing", "")])
    promtool.fire(rules, {}, "16m", [("LightOSServersMissing", "")])


@pytest.mark.newest
def test_from_hosts_to_a_cluster_and_again(world: World, tmp_path: Path) -> None:
    monitoring = {
        "lightos_prometheus_targets": str(tmp_path / "targets.json"),
        "lightos_prometheus_rules": str(tmp_path / "rules.yml"),
    }
    check = world.play("lightos.yml", "--check", "--diff", **WISHES, **monitoring)
    assert check.code == 0, check.output
    assert check.shows("The installer would install LightOS on server00, server01, server02.")
    assert not world.home.exists()
    assert not world.work.exists()

    first = world.play("lightos.yml", "-vvvv", **WISHES, **monitoring)
    assert first.code == 0, first.output
    assert "[install] TASK [Install the server]" in first.output
    assert "[install] server00 " in first.output
    assert world.secrets() == {
        "certificates/ca-cert.pem": 0o600,
        "certificates/server.key": 0o600,
        "lightos-default-admin-jwt": 0o600,
        "lightos-system-jwt": 0o600,
    }
    assert world.home.stat().st_mode & 0o777 == 0o700
    assert (world.record()["state"], world.record()["servers"]) == ("installed", world.names)
    assert not (world.work / "outputs").exists()
    assert not (world.work / "variables.json").exists()
    told = everything(world, first)
    for secret in (
        REPOSITORY,
        "the-customers-key",
        SECRET_FILE,
        (world.home / "secrets/lightos-system-jwt").read_text(),
    ):
        assert secret not in told
    state = world.cluster.control.state()
    assert {policy["name"] for policy in state["policies"]} >= {"bronze"}
    projects = {project["name"]: project for project in state["projects"]}
    assert set(projects) == {"default", "system", "tenant-1"}
    [bronze] = [policy["UUID"] for policy in state["policies"] if policy["name"] == "bronze"]
    assert bronze in json.dumps(projects["tenant-1"]["defaultPolicies"])
    assert [volume for volume in state["volumes"] if volume["state"] != "Deleting"] == []
    assert "8090" in (tmp_path / "targets.json").read_text(encoding="utf-8")
    rules_are_those_of_the_cluster(tmp_path / "rules.yml", world.cluster.urls)

    second = world.play("lightos.yml", "--diff", **WISHES, **monitoring)
    assert second.code == 0, second.output
    assert set(second.changed.values()) == {0}, second.output
    # what does not answer any more is not installed again
    world.cluster.control.stop_servers(0, 1, 2, 3)
    dead = world.play("lightos.yml", **WISHES, **monitoring)
    assert dead.code != 0
    assert dead.shows("The cluster was installed at ")
    assert dead.shows("but none of its servers answers at")
    assert len(list(world.work.glob("*.log"))) == 1


@pytest.mark.once
def test_parts_of_a_cluster_that_is_installed(tmp_path: Path, cluster: Lightbits) -> None:
    world = World(tmp_path, cluster, servers=4, installed=True)
    done = world.play("lightos.yml", "--tags", "configure", **WISHES)
    assert (done.code, sum(done.changed.values()) > 0) == (0, True), done.output
    # a policy that is not there yet
    wished = {
        "lightos_qos_policies": [{"name": "gold", "limit": {"unit": "iops", "read": 25600, "write": 12800}}],
        "lightos_projects": [
            {"name": "tenant-1", "qos_policy": "gold"},
            {"name": "tenant-2", "qos_policy": "gold"},
        ],
    }
    predicted = world.play("lightos.yml", "--check", "--tags", "configure", **{**WISHES, **wished})
    assert (predicted.code, sorted(predicted.changed.values())) == (0, [0, 0, 0, 3]), predicted.output
    assert predicted.shows("The QoS policy gold would be that of the project tenant-1.")
    again = world.play("lightos.yml", "--check", "--diff", **WISHES)
    assert (again.code, set(again.changed.values())) == (0, {0}), again.output

    # what does not answer is not installed again, also without the preflight, and is not well
    cluster.control.stop_servers(0, 1, 2, 3)
    for arguments in (("--skip-tags", "preflight"), ("--tags", "verify")):
        dead = world.play("lightos.yml", *arguments)
        assert dead.code != 0
        assert dead.shows("There is a token of the cluster, but none of its servers answers at")
    assert not world.work.exists()


@pytest.mark.once
def test_installation_that_failed_is_run_again_and_keeps_its_secrets(world: World) -> None:
    (world.work.parent / "fail").touch()
    wait = world.work.parent / "wait"
    os.mkfifo(wait)
    late = world.play("lightos.yml", lightos_vault_password="a-vault-password", lightos_installer_timeout=0)
    assert late.code != 0
    assert late.shows("It goes on by itself; run this again to follow it."), late.output
    # it needs them until its end
    assert (world.work / "outputs").is_dir()
    wait.write_text("go\n", encoding="ascii")
    wait.unlink()
    failed = world.play("lightos.yml", lightos_vault_password="a-vault-password")
    assert failed.code != 0
    assert failed.shows("The installer (install) ended with the code 2.")
    assert failed.shows("told to fail")
    assert world.record()["state"] == "installing"
    assert not (world.work / "outputs").exists()
    # encrypted, and never in clear anywhere
    for path in ("lightos-system-jwt", "certificates/server.key"):
        assert (world.home / "secrets" / path).read_text(encoding="ascii").startswith("$ANSIBLE_VAULT;")
    # what is public can be used as it is, such as the authority that the API is checked by
    assert (world.home / "secrets/certificates/ca-cert.pem").read_text(encoding="ascii").startswith("-----BEGIN CERT")
    (world.work.parent / "fail").unlink()
    done = world.play("lightos.yml", lightos_vault_password="a-vault-password")
    assert done.code == 0, done.output
    assert world.record()["state"] == "installed"
    password = world.directory / "password"
    password.write_text("a-vault-password", encoding="ascii")
    view = [sys.executable, "-m", "ansible", "vault", "view", "--vault-password-file", str(password)]
    shown = subprocess.run(
        [*view, str(world.home / "secrets/certificates/server.key")], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == SECRET_FILE
    assert world.play("lightos.yml", lightos_vault_password="a-vault-password").code == 0


@pytest.mark.once
def test_installer_that_is_at_work_keeps_what_it_was_given(world: World) -> None:
    inventory = world.work / "inventory/hosts"
    inventory.parent.mkdir(parents=True)
    world.work.chmod(0o700)
    inventory.write_text("of the run that goes on", encoding="utf-8")
    gate = world.directory / "gate"
    os.mkfifo(gate)
    Supervision(world.work).begin(Job("cleanup", ["cat", str(gate)], "/"))
    try:
        refused = world.play("lightos.yml")
    finally:
        gate.write_text("", encoding="utf-8")
    assert refused.code != 0
    assert refused.shows("The installer is at work already, with cleanup; wait for its end, then run install again.")
    assert inventory.read_text(encoding="utf-8") == "of the run that goes on"
    assert sorted(path.name for path in world.work.iterdir() if path.is_dir()) == ["inventory"]


@pytest.mark.once
def test_all_problems_of_all_hosts_are_told_at_once_and_nothing_is_done(world: World) -> None:
    from tests.support.storage_server import MadeUpServer

    hardware = world.directory / "hardware"
    MadeUpServer(hardware / "server00", system="debian")
    for device in ("nvme1n1", "nvme2n1"):
        (hardware / "server01/sys/block" / device / "holders/md0").mkdir(parents=True)
    (hardware / "server02/sys/class/net/eth0/mtu").write_text("1500\n", encoding="ascii")
    done = world.play(
        "lightos.yml",
        lightos_installer_archive_checksum="sha256:" + "0" * 64,
        lightos_data_interfaces=[{"name": "eth0"}],
    )
    assert done.code != 0
    assert done.shows("Nothing was changed, because of 4 problem(s):")
    assert done.shows("lightos_installer_archive has the SHA-256")
    assert done.shows("server00 system It runs debian 9.4; LightOS needs one of")
    assert done.shows("server01 devices Instance 0 finds 1 unused NVMe devices for data; it needs 2")
    assert done.shows("server02 interface The interface eth0 has the MTU 1500; it needs 9000.")
    assert not world.home.exists()
    assert not world.work.exists()
    assert world.play("lightos.yml", "--tags", "verify").shows("There is no cluster to verify: nothing answers at")


@pytest.mark.once
def test_nothing_is_installed_over_a_cluster(world: World) -> None:
    # somebody answers, and nobody knows who
    world.cluster.control.stop_servers(1, 2, 3)
    unknown = world.play("lightos.yml")
    assert unknown.code != 0
    assert unknown.shows("but there is no token for it: set lightos_api_token_file.")
    # another cluster
    token = world.directory / "token"
    token.write_text(keys.token(), encoding="ascii")
    world.cluster.control.stop_servers()
    other = world.play("lightos.yml", lightos_cluster_id="0" * 8 + CLUSTER_REST, lightos_api_token_file=str(token))
    assert other.code != 0
    assert other.shows(
        "is that of the cluster 6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f, but lightos_cluster_id is 00000000"
    )
    stranger = {"lightos_cluster_id": "0" * 8 + CLUSTER_REST, "lightos_api_token_file": str(token)}
    configured = world.play("lightos.yml", "--tags", "configure", **WISHES, **stranger)
    assert configured.code != 0
    assert configured.shows("is that of the cluster 6bb5cf6b"), configured.output
    assert {project["name"] for project in world.cluster.control.state()["projects"]} == {"default", "system"}
    # a server that the cluster does not have
    world.names[2:] = ["server04"]
    (world.directory / "hardware/server04").mkdir()
    missing = world.play("lightos.yml", lightos_api_token_file=str(token))
    assert missing.code != 0
    assert missing.shows("The cluster does not have server04: add it with the playbook lightos_add_server.")
    # also without the preflight
    assert world.play("lightos.yml", "--skip-tags", "preflight", lightos_api_token_file=str(token)).code != 0
    assert not world.work.exists()


@pytest.mark.once
def test_token_without_a_cluster_that_answers_is_no_reason_to_install(world: World) -> None:
    token = world.directory / "token"
    token.write_text(keys.token(lifetime=YEAR), encoding="ascii")
    done = world.play("lightos.yml", lightos_api_token_file=str(token))
    assert done.code != 0
    assert done.shows("There is a token of the cluster, but none of its servers answers at")
    assert not world.work.exists()


@pytest.mark.once
def test_token_that_ends_soon_is_told(world: World) -> None:
    world.cluster.control.stop_servers()
    token = world.directory / "token"
    token.write_text(keys.token(lifetime=10 * 86400), encoding="ascii")
    world.environment["HOME"] = str(world.directory)
    soon = world.play("lightos.yml", "--tags", "preflight", lightos_api_token_file="~/token")
    assert soon.code == 0, soon.output
    assert soon.shows("The token is good for 10.0 days.")
    token.write_text(keys.token(lifetime=3600), encoding="ascii")
    late = world.play("lightos.yml", "--tags", "preflight", lightos_api_token_file=str(token))
    assert late.code != 0
    assert late.shows("The token of system:root is good for 0.0 days only: mint another one with lightbits_jwt.")


CLUSTER_REST = "-e5ab-4e0c-96b4-cbbe4b5b3b7f"
