# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world: one partition's cache hosts and a machine, and the internet they know, on a network nothing can leave.

========  =======================  ==========================================================================
store     .10 .11 .12 .13          images.metal-stack.io, github.com, the external DNS, the metal-api
cache-1   .21                      Debian 12
cache-2   .22                      Debian 13, /var/lib/image-cache is a file system of its own, of 256 MiB
cache-3   .23                      Debian 12, for scale-out
client    .31                      a machine of the partition; its name servers are cache-1 and cache-2
foreign   .200                     a host outside of the partition's networks (same name servers)
========  =======================  ==========================================================================

Two environment variables allow a second world beside the first: TESTBED_WORLD (its name, default "image-cache") and
TESTBED_NETWORK (the first three numbers of its network, default "172.30.53").
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import content, engine, images, pki
from .engine import BUILD, LABEL, REPOSITORY, TestbedError, docker, inspect, say

STORE_NAMES = {
    "images.metal-stack.io": 10,
    "release-assets.githubusercontent.example": 10,
    "elsewhere.example": 10,
    "github.com": 11,
    "dns.testbed.example": 12,
    "api.metal.example": 13,
}
METAL_API_PORT = 8443
CONTROL_PORT = 8090


@dataclass(frozen=True)
class Host:
    name: str
    number: int
    image: str = ""
    more_addresses: tuple[int, ...] = ()
    resolvers: tuple[int, ...] = (12,)
    volumes: tuple[str, ...] = ()


#: A small file system for the cache of cache-2, so that a disk can be full. The store has it mounted as well, which
#: keeps a tmpfs alive while cache-2 is stopped.
SMALL_DISK = "small-disk"

HOSTS = (
    Host("store", 10, "store", more_addresses=(11, 12, 13), volumes=(f"{SMALL_DISK}:/srv/kept",)),
    Host("cache-1", 21, "debian12"),
    Host("cache-2", 22, "debian13", volumes=(f"{SMALL_DISK}:/var/lib/image-cache",)),
    Host("cache-3", 23, "debian12"),
    Host("client", 31, "debian12", resolvers=(21, 22)),
    Host("foreign", 200, "debian12", resolvers=(21, 22)),
)


def _image(name: str) -> str:
    if name == "store":
        return images.store_image()
    return images.host_image({"debian12": images.BOOKWORM, "debian13": images.TRIXIE}[name])


class World:
    def __init__(self, name: str | None = None, network: str | None = None, hosts: tuple[Host, ...] = HOSTS) -> None:
        self.name = name or os.environ.get("TESTBED_WORLD") or "image-cache"
        self.network = network or os.environ.get("TESTBED_NETWORK") or "172.30.53"
        self.hosts = hosts
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,20}", self.name):
            raise TestbedError(f"TESTBED_WORLD={self.name!r}: a name is up to 21 lower-case letters, digits and dashes")
        if not re.fullmatch(r"(\d{1,3}\.){2}\d{1,3}", self.network):
            raise TestbedError(f"TESTBED_NETWORK={self.network!r}: give the first three numbers, such as 172.30.54")
        #: everything about this world that is not in the engine: certificates, keys of the metal-api, its initial state
        self.directory = BUILD / self.name

    # -- names ---------------------------------------------------------------------------------------------------------
    @property
    def prefix(self) -> str:
        return f"metalstack-provisioning-{self.name}"

    @property
    def label(self) -> str:
        return f"{LABEL}.world={self.name}"

    def container(self, host: str) -> str:
        if host not in {one.name for one in self.hosts}:
            raise TestbedError(f"the world has no host {host!r}, only {', '.join(one.name for one in self.hosts)}")
        return f"{self.prefix}-{host}"

    def address(self, number: int) -> str:
        return f"{self.network}.{number}"

    # -- life ----------------------------------------------------------------------------------------------------------
    def up(self) -> None:
        """Bring the world up from nothing; what an earlier world of this name left behind goes first."""
        started = time.monotonic()
        engine.ensure()
        engine.allow_inotify()
        images.ensure()
        self.down(quiet=True)
        self._prepare_directory()
        docker("network", "create", "--internal", "--subnet", f"{self.network}.0/24", "--label", self.label,
               "--label", LABEL, self.prefix)  # fmt: skip
        docker("volume", "create", "--label", self.label, "--label", LABEL, "--driver", "local", "--opt", "type=tmpfs",
               "--opt", "device=tmpfs", "--opt", "o=size=256m,mode=0755", f"{self.prefix}-{SMALL_DISK}")  # fmt: skip
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(self._start, self.hosts))
            list(pool.map(lambda host: self.wait_booted(host.name), self.hosts))
        self._fill_store()
        names = ", ".join(host.name for host in self.hosts)
        say(f"the world {self.name} is up after {time.monotonic() - started:.1f} s: {names}")

    def down(self, quiet: bool = False) -> None:
        """Remove the world's containers, volumes and network."""
        containers = docker("ps", "--all", "--quiet", "--filter", f"label={self.label}").split()
        if containers:
            docker("rm", "--force", "--volumes", *containers)
        for kind in ("volume", "network"):
            found = docker(kind, "ls", "--quiet", "--filter", f"label={self.label}").split()
            if found:
                docker(kind, "rm", *found)
        if self.directory.exists():
            shutil.rmtree(self.directory)
        if containers and not quiet:
            say(f"the world {self.name} is gone")

    def exec(self, host: str, *command: str, data: str | None = None, timeout: float | None = 120) -> str:
        """Run a command as root on a host, return what it printed."""
        return docker("exec", *(["--interactive"] if data is not None else []), self.container(host), *command,
                      data=data, timeout=timeout)  # fmt: skip

    def store(self, *command: str, data: str | None = None) -> str:
        """Run testbed-store with these words."""
        return self.exec("store", "testbed-store", *command, data=data)

    def status(self) -> list[tuple[str, str, str]]:
        """(host, addresses, state) of each."""
        rows = []
        for host in self.hosts:
            found = inspect("container", self.container(host.name))
            state = found["State"]["Status"] if found is not None else "absent"  # type: ignore[index]
            rows.append((host.name, ", ".join(map(self.address, (host.number, *host.more_addresses))), str(state)))
        return rows

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _prepare_directory(self) -> None:
        (self.directory / "pki").mkdir(parents=True)
        self.directory.chmod(0o700)
        pki.make(self.directory / "pki", STORE_NAMES, "dns.testbed.example")
        # keys as a provider has them: random, different in every world
        keys = {name: secrets.token_hex(24) for name in ("view", "edit", "admin")}
        (self.directory / "metal-api-keys.json").write_text(json.dumps(keys))
        # what playbooks of scenarios read
        (self.directory / "content.json").write_text(json.dumps(content.names(), indent=1))
        # what the store reads from /etc/testbed
        store = self.directory / "store"
        store.mkdir()
        (store / "metal-api-state.json").write_text(json.dumps(content.metal_api(), indent=1))
        dns = self.address(12)
        (store / "unbound-interfaces.conf").write_text(f"interface: {dns}@53\ninterface: {dns}@853\n")
        # a short lifetime, so that a cache outlives it while the internet is away
        names = [f'local-data: "{name}. 2 IN A {self.address(number)}"\n' for name, number in STORE_NAMES.items()]
        (store / "unbound-names.conf").write_text("".join(names))
        # the control endpoint is for the store's own loopback only
        arguments = [
            "--listen", f"{self.address(13)}:{METAL_API_PORT}", "--control-listen", f"127.0.0.1:{CONTROL_PORT}",
            "--tls-cert", "/etc/testbed/pki/good.pem", "--tls-key", "/etc/testbed/pki/good.key",
            "--base-path", "/metal/", "--state", "/etc/testbed/metal-api-state.json",
            "--key-file", "/etc/testbed/metal-api-keys.json",
        ]  # fmt: skip
        (store / "metal-api.env").write_text(f"METAL_API_ARGUMENTS={' '.join(arguments)}\n")
        shutil.copy(self.directory / "metal-api-keys.json", store)

    def _start(self, host: Host) -> None:
        more = [f"{self.address(number)}/24" for number in host.more_addresses]
        options = [
            "--name", self.container(host.name), "--hostname", host.name, "--network", self.prefix,
            "--ip", self.address(host.number), "--label", self.label, "--label", LABEL,
            "--env", f"TESTBED_RESOLVERS={' '.join(map(self.address, host.resolvers))}",
            "--env", f"TESTBED_ADDRESSES={' '.join(more)}",
            # what systemd needs in a container, on cgroup v1 and v2, without --privileged
            "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined",
            "--security-opt", "apparmor=unconfined", "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec", "--stop-signal", "SIGRTMIN+3",
        ]  # fmt: skip
        for volume in host.volumes:
            options += ["--volume", f"{self.prefix}-{volume}"]
        options += ["--volume", f"{REPOSITORY}/tests/testbed/tools:/opt/testbed/tools:ro"]
        if host.name == "store":
            emulators = REPOSITORY / "tests" / "emulators"
            options += ["--volume", f"{emulators}:/opt/testbed/repository/tests/emulators:ro"]
        docker("create", *options, _image(host.image))
        if host.name == "store":
            docker("cp", f"{self.directory}/pki", f"{self.container('store')}:/etc/testbed/pki")
            docker("cp", f"{self.directory}/store/.", f"{self.container('store')}:/etc/testbed")
        else:
            trusted = "/usr/local/share/ca-certificates/testbed.crt"
            docker("cp", f"{self.directory}/pki/ca.pem", f"{self.container(host.name)}:{trusted}")
        docker("start", self.container(host.name))

    def wait_booted(self, host: str, timeout: float = 60) -> None:
        """Wait until systemd has started all it should."""
        deadline = time.monotonic() + timeout
        state = ""
        while time.monotonic() < deadline:
            # is-system-running exits with 1 for anything but "running"
            state = self.exec(host, "sh", "-c", "systemctl is-system-running --wait 2>&1 || true").strip()
            if state == "running":
                return
            if state == "degraded":
                failed = self.exec(host, "systemctl", "--failed", "--plain", "--no-legend")
                raise TestbedError(f"{host} booted, but failed: {failed.strip()}")
            time.sleep(0.1)
        raise TestbedError(f"{host} does not boot: {state}")

    def _fill_store(self) -> None:
        self.store("put-all", data=json.dumps(content.files()))
        self.exec("store", "systemctl", "start", "testbed-metal-api.service")
        deadline = time.monotonic() + 30
        while self.exec("store", "sh", "-c", f"curl -s http://127.0.0.1:{CONTROL_PORT}/-/control/clock || true") == "":
            if time.monotonic() > deadline:
                said = self.exec(
                    "store", "journalctl", "--quiet", "--output=cat", "--lines=3", "--unit=testbed-metal-api"
                )
                raise TestbedError(f"the metal-api emulator does not start: {said.strip()}")
            time.sleep(0.1)
