# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world: hosts with systemd in Docker containers on networks that nothing can leave.

What kind of world it is (which hosts, what runs on them) is said by a class on top of this one: `imagecache.py` and
`storage.py`. Two environment variables allow a second world beside the first: TESTBED_WORLD (its name) and
TESTBED_NETWORK (the first three numbers of its networks). The worlds of `make demo` and `make bench` follow them as
well: see `World.beside`.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from . import engine, images
from .engine import BUILD, LABEL, REPOSITORY, TestbedError, docker, inspect, say

#: Words for `docker create` of a host that runs emulators; its image is on top of `emulators`.
EMULATORS = ["--volume", f"{REPOSITORY}/tests/emulators:/opt/testbed/repository/tests/emulators:ro"]
#: What keeps the bytecode of modules.
PAYLOADS = REPOSITORY / "tests/support/payloads"
#: The certificate of the world's authority on its hosts, not trusted until somebody says so.
TRUSTED = "/usr/local/share/ca-certificates/testbed.crt"
#: In a world's directory: its kind, so that `exec` and `status` know it.
KIND_FILE = "kind"


@dataclass(frozen=True)
class Network:
    """A network of the engine. `part` is what follows the first three numbers; the first of a world has no name.

    `gateway` is the address of the machine that everything runs on: it reaches all hosts, and they nothing behind it.
    """

    name: str
    part: str
    mtu: int = 1500
    gateway: int = 1

    @property
    def length(self) -> int:
        """Prefix length."""
        return int(self.part.partition("/")[2])


@dataclass(frozen=True)
class Host:
    """A host, with the last numbers of its addresses; `image` is a name of `images.py`.

    `further` are its addresses in the world's second network and those after it: eth1, eth2.
    """

    name: str
    number: int
    image: str = ""
    more_addresses: tuple[int, ...] = ()
    resolvers: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    further: tuple[int, ...] = ()


class World:
    """What all kinds of worlds have in common. A kind sets the attributes and fills in what the methods leave open."""

    #: what `python -m tests.testbed up KIND` calls it, and how the world is named and addressed when nobody says so
    kind = ""
    default_name = ""
    default_network = ""
    networks: tuple[Network, ...] = (Network("", "0/24"),)
    hosts: tuple[Host, ...] = ()
    #: name servers of hosts that name none
    resolvers: tuple[int, ...] = ()

    def __init__(
        self, name: str | None = None, network: str | None = None, hosts: tuple[Host, ...] | None = None
    ) -> None:
        self.name = name or os.environ.get("TESTBED_WORLD") or self.default_name
        self.network = network or os.environ.get("TESTBED_NETWORK") or self.default_network
        if hosts is not None:
            self.hosts = hosts
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,20}", self.name):
            raise TestbedError(f"TESTBED_WORLD={self.name!r}: a name is up to 21 lower-case letters, digits and dashes")
        if not re.fullmatch(r"(\d{1,3}\.){2}\d{1,3}", self.network):
            raise TestbedError(f"TESTBED_NETWORK={self.network!r}: give the first three numbers, such as 172.30.54")
        #: everything about this world that is not in the engine: certificates, keys, initial states
        self.directory = BUILD / self.name

    @classmethod
    def beside(cls, purpose: str, network: str, hosts: tuple[Host, ...] | None = None, after: int = 0) -> Self:
        """A world for something else than a scenario: "bench", or "mine-bench" with TESTBED_WORLD=mine.

        So one person's worlds stay together, apart from another's. `network` is what TESTBED_NETWORK changes; a second
        world at the same time is so many networks `after` that one.
        """
        own, given = os.environ.get("TESTBED_WORLD"), os.environ.get("TESTBED_NETWORK")
        if given:
            network = re.sub(r"\d+$", lambda last: str(int(last[0]) + after), given)
        return cls(f"{own}-{purpose}" if own else purpose, network, hosts)

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
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o700)
        (self.directory / KIND_FILE).write_text(self.kind)
        self.prepare_directory()
        for network in self.networks:
            docker("network", "create", "--internal", "--subnet", f"{self.network}.{network.part}",
                   "--gateway", self.address(network.gateway), "--opt", f"com.docker.network.driver.mtu={network.mtu}",
                   "--label", self.label, "--label", LABEL, self._network(network))  # fmt: skip
        self.prepare_engine()
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(self._start, self.hosts))
            list(pool.map(lambda host: self.wait_booted(host.name), self.hosts))
        self.finish()
        names = ", ".join(host.name for host in self.hosts)
        say(f"the world {self.name} is up after {time.monotonic() - started:.1f} s: {names}")

    def down(self, quiet: bool = False) -> None:
        """Remove the world's containers, volumes and networks."""
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

    def status(self) -> list[tuple[str, str, str]]:
        """(host, addresses, state) of each."""
        rows = []
        for host in self.hosts:
            found = inspect("container", self.container(host.name))
            state = found["State"]["Status"] if found is not None else "absent"  # type: ignore[index]
            numbers = (host.number, *host.more_addresses, *host.further)
            rows.append((host.name, ", ".join(map(self.address, numbers)), str(state)))
        return rows

    def access(self) -> dict[str, str]:
        """More for the environment of ansible-playbook, with which it reaches the APIs of this world."""
        return {}

    # -- what a kind of world fills in ---------------------------------------------------------------------------------
    def prepare_directory(self) -> None:
        """Write certificates, keys, initial states into `self.directory`, which is empty."""

    def prepare_engine(self) -> None:
        """Make volumes and the like, before any container is there."""

    def options(self, host: Host) -> list[str]:  # noqa: ARG002
        """More words for `docker create` of this host."""
        return []

    def prepare_host(self, host: Host) -> None:
        """Copy files into the container, which is not started yet."""

    def finish(self) -> None:
        """What is left to do when all hosts have booted."""

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _network(self, network: Network) -> str:
        return f"{self.prefix}-{network.name}" if network.name else self.prefix

    def _kept_bytecode(self) -> list[str]:
        """Modules import from kept bytecode on the hosts where they do so on this machine."""
        if str(PAYLOADS) not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
            return []
        return [
            "--volume", f"{PAYLOADS}:/opt/testbed/payloads:ro",
            "--env", "PYTHONPATH=/opt/testbed/payloads", "--env", "PAYLOADS_CACHE=/var/cache/testbed-payloads",
        ]  # fmt: skip

    def _start(self, host: Host) -> None:
        first = self.networks[0]
        more = [f"{self.address(number)}/{first.length}" for number in host.more_addresses]
        resolvers = host.resolvers or self.resolvers
        options = [
            "--name", self.container(host.name), "--hostname", host.name, "--network", self._network(first),
            "--ip", self.address(host.number), "--label", self.label, "--label", LABEL,
            "--env", f"TESTBED_RESOLVERS={' '.join(map(self.address, resolvers))}",
            "--env", f"TESTBED_ADDRESSES={' '.join(more)}",
            # what systemd needs in a container, on cgroup v1 and v2, without --privileged
            "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined",
            "--security-opt", "apparmor=unconfined", "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec", "--stop-signal", "SIGRTMIN+3",
        ]  # fmt: skip
        for volume in host.volumes:
            options += ["--volume", f"{self.prefix}-{volume}"]
        options += ["--volume", f"{REPOSITORY}/tests/testbed/tools:/opt/testbed/tools:ro", *self.options(host)]
        options += self._kept_bytecode()
        docker("create", *options, images.image_name(host.image))
        for network, number in zip(self.networks[1:], host.further):
            docker("network", "connect", "--ip", self.address(number), self._network(network),
                   self.container(host.name))  # fmt: skip
        self.prepare_host(host)
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
