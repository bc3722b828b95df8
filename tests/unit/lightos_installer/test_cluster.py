# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of an emulated cluster that are as present as their agents, on this machine; and the installer's archive."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.lightbits.controlclient import ControlClient
from tests.emulators.lightos_installer.archive import LIGHT_APP, build
from tests.emulators.process import running
from tests.support.playbook import ROOT, settings
from tests.support.waiting import until
from tests.unit.lightbits_emulator.raw import Raw
from tests.unit.lightbits_emulator.rpcclient import RpcClient

from .conftest import CLUSTER, servers, write_inventory

AGENT = LIGHT_APP / "roles/install-lightos/files/lightos_agent.py"
SECRETS = LIGHT_APP / "roles/secrets/files/make_secrets.py"
WRITER = ROOT / "tests/testbed/tools/writer.py"
NAMES = ("server00", "server01", "server02")
DATA = 4420


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _number in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Rack:
    """Three machines of a cluster, all on the loopback address, each with ports of its own."""

    def __init__(self, directory: Path, control: ControlClient) -> None:
        self.directory = directory
        self.control = control
        self.secrets = directory / "lightos-certificates"
        self._ports: dict[str, dict[str, int]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def agent(self, *words: str, given: object = None, fails: bool = False) -> str:
        """What the program of the agent prints."""
        done = subprocess.run(
            [sys.executable, str(AGENT), f"--control={self.control.address('')}", *words],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return (done.stderr if fails else done.stdout).strip()

    def make_secrets(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(SECRETS), words[0], str(self.secrets), *words[1:]],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def found(self, cluster: str = CLUSTER, *, fails: bool = False) -> str:
        return self.agent("found", f"--key={self.secrets / 'root-key.pub'}", f"--cluster={cluster}", fails=fails)

    def install(self, name: str) -> None:
        """What the installer does to one machine, as far as it is no matter of packages."""
        node = {"instanceID": 0, "data_ip": "127.0.0.1", "failure_domains": [name], "ec_enabled": False}
        place = f"127.0.0.{11 + NAMES.index(name)}"
        described = {
            "name": name,
            "version": "3.12.1",
            "nodes": [{**node, "data_ip": place, "devices": 6, "max_devices": 12}],
        }
        listened = ("443", "4420", "8009", "22226", "8090", "2379", "2380", "4001", "4007")
        self._ports[name] = dict(zip(listened, free_ports(len(listened))))
        wanted = {
            "nodes": [node],
            "certificate": str(self.secrets / f"{name}-cert.pem"),
            "key": str(self.secrets / f"{name}-key.pem"),
            "listen": "127.0.0.1",
            "ports": self._ports[name],
        }
        self.agent(
            "configure", name, str(self.directory / f"{name}.json"), given={"server": described, "settings": wanted}
        )
        self.start(name)

    def start(self, name: str) -> None:
        command = [sys.executable, str(AGENT), "serve", str(self.directory / f"{name}.json")]
        self._processes[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self.present, lambda names: name in names, f"{name} to be in the cluster")

    def kill(self, name: str) -> None:
        """As if the machine had lost its power."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(self.present, lambda names: name not in names, f"{name} to be away")

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def present(self) -> list[str]:
        listed: Any = self.control.call("GET", "/installation")
        return [one["name"] for one in listed["servers"] if one["present"]]

    def port(self, name: str, port: int) -> int:
        return self._ports[name][str(port)]

    def token(self) -> str:
        """The installer's."""
        token = self.directory / "lightos-system-jwt"
        if not token.exists():
            self.make_secrets("token", "system:cluster-admin", str(token))
        return token.read_text(encoding="ascii").strip()

    def api(self, name: str) -> Raw:
        """The API of one server with that token, by the certificate of that server."""
        trusted = ssl.create_default_context(cafile=self.secrets / "ca-cert.pem")
        return Raw(f"https://127.0.0.1:{self.port(name, 443)}", self.control, self.token(), trusted=trusted)

    def rpc(self, name: str) -> RpcClient:
        """The same by gRPC."""
        ca = str(self.secrets / "ca-cert.pem")
        return RpcClient(f"https://127.0.0.1:{self.port(name, 443)}", self.token(), ca=ca)


@pytest.fixture(scope="module")
def emulator() -> Iterator[ControlClient]:
    places = [word for _number in range(4) for word in ("--listen", "127.0.0.1:0")]
    with ExitStack() as stack:
        process = stack.enter_context(running("tests.emulators.lightbits", "--not-installed", *places))
        yield stack.enter_context(closing(ControlClient(process.ready["control"])))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, emulator: ControlClient) -> Iterator[Rack]:
    """Three servers that are installed."""
    emulator.pace(step=0.05)
    rack = Rack(tmp_path_factory.mktemp("rack"), emulator)
    assert rack.make_secrets("keys", *(f"{name}=127.0.0.1" for name in NAMES)) == "changed"
    rack.found()
    try:
        for name in NAMES:
            rack.install(name)
        emulator.settle()
        yield rack
    finally:
        rack.stop()


def test_secrets_are_made_once_and_for_their_owner(cluster: Rack) -> None:
    names = [f"{name}=127.0.0.1" for name in NAMES]
    before = {path.name: path.read_bytes() for path in cluster.secrets.iterdir()}
    assert {"ca-cert.pem", "root-key.pem", "root-key.pub", "server00-key.pem"} <= set(before)
    assert {path.stat().st_mode & 0o777 for path in cluster.secrets.iterdir()} == {0o600}
    assert cluster.make_secrets("keys", *names) == ""
    assert {path.name: path.read_bytes() for path in cluster.secrets.iterdir()} == before


def test_servers_make_a_healthy_cluster(cluster: Rack) -> None:
    for name in NAMES:
        api = cluster.api(name)
        found = api.ok("GET", "/cluster")
        assert (found["UUID"], found["health"]["state"]) == (CLUSTER, "OK")
    listed = cluster.api("server01").ok("GET", "/servers")["servers"]
    assert [(one["name"], one["state"], one["LightOSVersion"]) for one in listed] == [
        (name, "Enabled", "3.12.1") for name in NAMES
    ]
    assert cluster.api("server00").ok("GET", "/clusterinfo")["apiEndpoints"] == [
        "127.0.0.11:443",
        "127.0.0.12:443",
        "127.0.0.13:443",
    ]


def test_every_server_answers_by_grpc_as_well(cluster: Rack) -> None:
    for name in NAMES:
        with cluster.rpc(name) as rpc:
            assert rpc("GetClusterInfo")[1] == [CLUSTER.encode()]


def test_the_program_of_the_agent_tells_what_the_emulator_refuses(cluster: Rack) -> None:
    cluster.found()
    other = "11111111-1111-4111-8111-111111111111"
    assert cluster.found(other, fails=True) == (
        f"there is a cluster already, and its UUID is {CLUSTER}: clean it up first"
    )
    cluster.control.call("PUT", "/installation/fault", {"server": "server01", "phase": "configure"})
    never = cluster.directory / "never.json"
    said = cluster.agent("configure", "server01", str(never), given={"server": {}, "settings": {}}, fails=True)
    assert said == "the installation of server01 fails at configure, as it was told to"
    assert not never.exists()
    cluster.agent("phase", "server01", "configure")


def test_the_program_of_the_agent_writes_files_for_whom_they_are(cluster: Rack) -> None:
    secret, program = cluster.directory / "new/key.pem", cluster.directory / "new/agent"
    for text in ("first", "second"):
        cluster.agent("software", given={str(secret): ["0600", text], str(program): ["0755", text]})
        assert [path.read_text(encoding="utf-8") for path in (secret, program)] == [text] * 2
    assert [path.stat().st_mode & 0o777 for path in (secret, program)] == [0o600, 0o755]


def test_a_server_whose_agent_dies_is_missed_and_catches_up_when_it_is_back(cluster: Rack) -> None:
    """All the time a client that has a path to every server writes, and loses nothing."""
    cluster.control.call("PUT", "/availability")
    api = cluster.api("server00")
    volume = api.volume("busy", 3)["UUID"]
    end = cluster.directory / "end"
    paths = [f"127.0.0.1:{cluster.port(name, DATA)}" for name in NAMES]
    writer = [sys.executable, str(WRITER), f"--until={end}", f"--volumes={volume}", *paths]

    def record() -> Any:
        return cluster.control.call("GET", "/availability")

    def go_on(count: int) -> None:
        before = record()["writes"]
        until(lambda: record()["writes"] >= before + count, what="the client to write")

    with subprocess.Popen(writer, stdout=subprocess.PIPE, text=True) as client:
        go_on(len(NAMES))
        cluster.kill("server01")
        go_on(5)
        node = api.ok("GET", "/nodes?name=server01-0")["nodes"][0]
        assert (node["state"], node["status"]) == ("Inactive", "ConnectivityProblem")
        assert api.get_volume(volume)["protectionState"] == "Degraded"
        assert api.ok("GET", "/cluster")["health"]["state"] == "Warning"
        with pytest.raises(OSError):
            cluster.api("server01").ok("GET", "/version")
        cluster.start("server01")
        until(lambda: api.get_volume(volume)["protectionState"], "FullyProtected".__eq__)
        until(lambda: api.ok("GET", "/cluster")["health"]["state"], "OK".__eq__)
        end.touch()
        found = json.loads(client.communicate()[0])
    assert (client.returncode, found["lost"], set(found["refused"])) == (0, [], {paths[1]})
    assert set(found["taken"]) == set(paths)
    told = record()
    assert (told["away"], told["most_away"]) == ({"server01": 1}, ["server01"])
    assert (told["degraded"], told["unavailable"], told["lost_writes"]) == (["busy"], {}, [])

    # two of three have to agree, and that is noticed
    cluster.kill("server01")
    cluster.kill("server02")
    end.unlink()
    with subprocess.Popen(writer, stdout=subprocess.PIPE, text=True) as client:
        until(lambda: record()["lost_writes"], what="a lost write")
        end.touch()
        found = json.loads(client.communicate()[0])
    assert client.returncode == 1
    assert found["lost"][0] == f"{paths[0]}: error: volume busy is ReadOnly"


def test_a_cleanup_leaves_nothing(cluster: Rack) -> None:
    cluster.agent("clean")
    listed: Any = cluster.control.call("GET", "/installation")
    assert (listed["founded"], listed["servers"], listed["phases"]) == (False, [], [])


def test_the_archive_is_the_same_each_time_and_holds_everything(tmp_path: Path) -> None:
    first = build(tmp_path / "first", "3.12.1~b1", "http://10.0.0.5:8091")
    assert first.name == "light-app-install-environment-3.12.1~b1.tgz"
    assert first.read_bytes() == build(tmp_path / "second", "3.12.1~b1", "http://10.0.0.5:8091").read_bytes()
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert first.with_name(f"{first.name}.sha256").read_text(encoding="ascii") == f"{digest}  {first.name}\n"
    with tarfile.open(first) as archive:
        names = archive.getnames()
        held = archive.extractfile("light-app/emulator.json")
        assert held is not None
        assert json.load(held) == {"control": "http://10.0.0.5:8091", "version": "3.12.1~b1"}
    wanted = (
        "playbooks/deploy-lightos.yml",
        "playbooks/cleanup-lightos-playbook.yml",
        "roles/check-inventory/tasks/main.yml",
        "ansible/inventories/cluster_example/hosts",
    )
    for name in wanted:
        assert f"light-app/{name}" in names
    assert not [name for name in names if "__pycache__" in name]
    with pytest.raises(ValueError, match=re.escape("a version is like 3.12.1 or 3.12.1~b1, not '3.12'")):
        build(tmp_path, "3.12", "http://10.0.0.5:8091")


def test_a_wrong_inventory_stops_the_installer_before_any_server(tmp_path: Path, emulator: ControlClient) -> None:
    emulator.call("DELETE", "/installation")
    archive = build(tmp_path, "3.12.1", emulator.address(""))
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(tmp_path)], check=True)
    inventory = write_inventory(tmp_path / "inventory", servers())
    file = inventory / "host_vars/server01.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("name: server01", "name: server1"), encoding="utf-8")
    outputs = {
        "system_jwt_path": tmp_path / "system",
        "lightos_default_admin_jwt": tmp_path / "default",
        "certificates_directory": tmp_path / "certificates",
        "local_repo_base_url": "https://repository.example.com",
    }
    options = [word for name, value in outputs.items() for word in ("-e", f"{name}={value}")]
    command = [
        sys.executable,
        "-m",
        "ansible",
        "playbook",
        "-i",
        str(inventory / "hosts"),
        "playbooks/deploy-lightos.yml",
    ]
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path / "light-app",
        env=settings(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "name is 'server1', but must be that of the file and of hosts" in done.stdout
    assert "Read the addresses of the server" not in done.stdout
    assert not (tmp_path / "certificates").exists()
    listed: Any = emulator.call("GET", "/installation")
    assert (listed["founded"], listed["phases"]) == (False, [])
