# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world: a cluster of Kubernetes and a Lightbits cluster beside it, in the background on this machine.

TESTBED_WORLD names it, as for the worlds of the test-bed. With KUBECONFIG the cluster that it names is used: then no
control plane and no node are started, and that cluster's own nodes run what is deployed.

A world without a Lightbits cluster uses that of a storage world of the test-bed. Its servers are containers, which only
this machine reaches, so KUBECONFIG does not count there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.controlclient import ControlClient
from tests.testbed import pki

from . import binaries, certificates
from .api import Api
from .base import BUILD, KubernetesError, say
from .controlplane import ControlPlane
from .processes import Processes

SERVERS = 3
_TOKEN_DAYS = 60
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class World:
    """Everything of it is below `directory`, for its owner only; what a test wants to know is in `facts.json`."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or os.environ.get("TESTBED_WORLD") or "duros-controller"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", self.name):
            raise KubernetesError(f"TESTBED_WORLD={self.name!r}: a name is lower-case letters, digits and dashes.")
        self.directory = BUILD / "worlds" / self.name
        self.processes = Processes(self.directory)
        self._facts = self.directory / "facts.json"

    @property
    def facts(self) -> dict[str, Any]:
        """See `up`; KubernetesError when the world is not there."""
        if not self._facts.exists():
            raise KubernetesError(f"there is no world {self.name}: `python -m tests.kubernetes up` makes it.")
        facts: dict[str, Any] = json.loads(self._facts.read_text())
        return facts

    def api(self) -> Api:
        """The cluster's API server, as an administrator."""
        return Api(Path(self.facts["kubeconfig"]), self.directory)

    def up(self, address: str = "127.0.0.1", *, snapshots: bool = True, lightbits: bool = True) -> dict[str, Any]:
        """Bring it up from nothing, on this address of this machine; returns its facts.

        :param snapshots: define the kinds of VolumeSnapshots, as a cluster that takes snapshots has them.
        :param lightbits: with a Lightbits cluster; without one there is only the key that a provider makes for
            duros-controller, `admin_key`.
        """
        began = time.monotonic()
        binaries.ensure()
        self.down()
        (self.directory / "pki").mkdir(parents=True, mode=0o700)
        self.directory.chmod(0o700)
        certificates.make(self.directory / "pki", sorted({address, "127.0.0.1"}))
        try:
            given = os.environ.get("KUBECONFIG") if lightbits else None
            facts = self._use_kubernetes(given, address) if given else self._start_kubernetes(address)
            facts |= self._start_lightbits(address) if lightbits else self._make_admin_key()
            if snapshots:
                self.define(binaries.SNAPSHOT_DEFINITIONS, Api(Path(facts["kubeconfig"]), self.directory))
        except BaseException:
            self.processes.stop()
            raise
        certificates.private(self._facts, json.dumps(facts, indent=1).encode())
        say(f"the world {self.name} is up after {time.monotonic() - began:.1f} s")
        return facts

    def down(self) -> None:
        """Stop and remove all of it."""
        self.processes.stop()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def define(self, definitions: binaries.Definitions, api: Api) -> None:
        """Apply CustomResourceDefinitions that come with a module, and wait until they are established."""
        for file in sorted(definitions.path.glob("*.yaml")):
            document = yaml.safe_load(file.read_text())
            if api.send("GET", f"{_CRDS}/{document['metadata']['name']}").status_code == 404:
                api.apply(_CRDS, document)
            _wait_established(api, document["metadata"]["name"])

    def _use_kubernetes(self, given: str, address: str) -> dict[str, Any]:
        api = Api(Path(given), self.directory)
        api("GET", "/version")
        say(f"the cluster of KUBECONFIG={given} is used; its nodes have to reach {address}")
        return {"kubeconfig": given, "server": api.server, "audit_log": "", "own_cluster": False}

    def _start_kubernetes(self, address: str) -> dict[str, Any]:
        control_plane = ControlPlane(self.directory, self.processes, address)
        api = control_plane.start()
        command = [sys.executable, "-m", "tests.kubernetes.node", self.directory]
        self.processes.start("node", command)
        log = self.processes.log("node")
        self.processes.wait("node", lambda: "ready" in log.read_text().split(), "the node")
        return {
            "kubeconfig": str(control_plane.kubeconfig),
            "server": api.server,
            "audit_log": str(self.directory / "audit.log"),
            "own_cluster": True,
        }

    def _make_admin_key(self) -> dict[str, Any]:
        path = self.directory / "duros-controller.pem"
        certificates.admin_key(path)
        return {"admin_key": str(path)}

    def _start_lightbits(self, address: str) -> dict[str, Any]:
        """A cluster of three servers with TLS, its administrators' key and tokens, and what is given by mistake."""
        directory = self.directory / "lightbits"
        (directory / "secrets").mkdir(parents=True, mode=0o700)
        # token and key as the role lightos leaves them
        root = certificates.root_key(directory / "secrets" / "key-root.pem", directory / "root-key.pub")
        certificates.mistakes(directory, root)
        tokens = {"secrets/lightos-system-jwt": _TOKEN_DAYS, "second-token": _TOKEN_DAYS + 1, "expired-token": -1}
        for name, days in tokens.items():
            token = keys.token(key=root, lifetime=days * 86400, subject="lightos-client")
            certificates.private(directory / name, token.encode())
        ca = pki.authority("Lightbits")
        pki.write(ca, directory, "ca")
        pki.write(pki.issue(ca, [address, "localhost"]), directory, "server")
        command: list[object] = [
            sys.executable, "-m", "tests.emulators.lightbits", "--root-public-key", directory / "root-key.pub",
            "--servers", str(SERVERS), *(word for _server in range(SERVERS) for word in ("--listen", f"{address}:0")),
            "--control-listen", "127.0.0.1:0",
            "--tls-cert", directory / "server.pem", "--tls-key", directory / "server.key",
        ]  # fmt: skip
        ready = self._start_emulator("lightbits", command, "the Lightbits cluster")
        endpoints = [url.removeprefix("https://") for url in ready["urls"]]
        return {
            "lightbits_endpoints": endpoints,
            **self._start_proxy(directory, address, endpoints[0]),
            "lightbits_control": ready["control"],
            "lightbits_ca": str(directory / "ca.pem"),
            "lightbits_id": ControlClient(ready["control"]).state()["cluster"]["UUID"],
            "lightbits_directory": str(directory),
        }

    def _start_proxy(self, lightbits: Path, address: str, to: str) -> dict[str, Any]:
        """What some providers have before the cluster for duros-controller; its certificates are in its directory."""
        directory = lightbits / "proxy"
        directory.mkdir(mode=0o700)
        certificates.proxy(directory, [address])
        command: list[object] = [
            sys.executable, "-m", "tests.kubernetes.proxy", "--host", address, "--to", to,
            "--ca", lightbits / "ca.pem", "--client-ca", directory / "ca.pem",
            "--cert", directory / "server.pem", "--key", directory / "server.key",
        ]  # fmt: skip
        endpoint = self._start_emulator("proxy", command, "the proxy before it")["endpoint"]
        return {"lightbits_proxy": endpoint, "lightbits_proxy_directory": str(directory)}

    def _start_emulator(self, name: str, command: list[object], what: str) -> dict[str, Any]:
        """Start it; what the line says that it prints when it serves."""
        self.processes.start(name, command)
        log = self.processes.log(name)

        def lines() -> list[str]:
            return [line for line in log.read_text().splitlines(keepends=True) if line.startswith("{")]

        self.processes.wait(name, lambda: any(line.endswith("\n") for line in lines()), what)
        ready: dict[str, Any] = json.loads(lines()[0])
        return ready


def _wait_established(api: Api, name: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        conditions = api("GET", f"{_CRDS}/{name}").get("status", {}).get("conditions") or []
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        time.sleep(0.05)
    raise KubernetesError(f"{name} is not established after 60 s.")


def every() -> list[World]:
    """All worlds that are there."""
    directory = BUILD / "worlds"
    return [World(path.name) for path in sorted(directory.iterdir())] if directory.exists() else []
