# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real parts: kube-apiserver, kube-controller-manager and duros-controller, built from their Go modules, and etcd.

A binary's name carries the hash of what it is made from (the go.mod and go.sum of its folder here): a second run finds
it, an edit makes a new one. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import golang
from .base import BUILD, ROOT, KubernetesError, last_lines, run, say

HERE = Path(__file__).resolve().parent
BINARIES = BUILD / "bin"
EVERY = 15.0


@dataclass(frozen=True)
class Tool:
    """A program; `folder` has its go.mod."""

    name: str
    package: str
    folder: str
    module: str
    #: the variable of the program that its release sets to the version
    variable: str

    @property
    def flags(self) -> tuple[str, ...]:
        """Of the build. Without symbols and what debuggers want it takes less, and a binary is a third smaller."""
        found = re.search(
            rf"^\s*{re.escape(self.module)} (\S+)", (HERE / self.folder / "go.mod").read_text(), re.MULTILINE
        )
        if found is None:
            raise KubernetesError(f"{self.folder}/go.mod does not name {self.module}.")
        return ("-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags=-s -w -X {self.variable}={found[1]}")

    @property
    def path(self) -> Path:
        """Where it is when it is built."""
        return BINARIES / f"{self.name}-{self.digest}"

    @property
    def digest(self) -> str:
        """Of all that decides what it is."""
        state = hashlib.sha256(f"{self.package} {self.flags} {platform.machine()}".encode())
        for name in ("go.mod", "go.sum"):
            state.update((HERE / self.folder / name).read_bytes())
        return state.hexdigest()[:16]


def _of_kubernetes(name: str) -> Tool:
    version = "k8s.io/component-base/version.gitVersion"
    return Tool(name, f"k8s.io/kubernetes/cmd/{name}", "control_plane", "k8s.io/kubernetes", version)


API_SERVER = _of_kubernetes("kube-apiserver")
CONTROLLER_MANAGER = _of_kubernetes("kube-controller-manager")
_CONTROLLER_MODULE = "github.com/metal-stack/duros-controller"
DUROS_CONTROLLER = Tool(
    "duros-controller", _CONTROLLER_MODULE, "duros_controller", _CONTROLLER_MODULE, "github.com/metal-stack/v.Version"
)
TOOLS = (API_SERVER, CONTROLLER_MANAGER, DUROS_CONTROLLER)


@dataclass(frozen=True)
class Definitions:
    """CustomResourceDefinitions that come with a module which duros-controller is built from."""

    name: str
    module: str
    pattern: str

    @property
    def path(self) -> Path:
        """The folder they are in when it is built."""
        return BINARIES / f"{self.name}-{DUROS_CONTROLLER.digest}"


#: What the real controller is given, to compare what we give it; and what a cluster has that takes snapshots.
DUROS_DEFINITION = Definitions("duros-crd", _CONTROLLER_MODULE, "config/crd/bases/*.yaml")
SNAPSHOT_DEFINITIONS = Definitions(
    "snapshot-crds",
    "github.com/kubernetes-csi/external-snapshotter/client/v6",
    "config/crd/snapshot.storage.k8s.io_*.yaml",
)
DEFINITIONS = (DUROS_DEFINITION, SNAPSHOT_DEFINITIONS)


def ensure() -> None:
    """Make what is missing. Two at once wait for each other."""
    BINARIES.mkdir(parents=True, exist_ok=True)
    with (BUILD / ".lock").open("w") as lock:
        _wait_for(lock)
        etcd()
        for tool in TOOLS:
            if not tool.path.exists():
                _build(tool)
        for definitions in DEFINITIONS:
            if not definitions.path.exists():
                _copy(definitions)
        _remove_older()


def _wait_for(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("somebody else is building, waiting for that ...")
        with _telling(lambda: "still waiting", time.monotonic()):
            fcntl.flock(lock, fcntl.LOCK_EX)


def _build(tool: Tool) -> None:
    go, folder = golang.find(), HERE / tool.folder
    say(f"building {tool.name}, some minutes the first time ...")
    began = time.monotonic()
    with _telling(lambda: f"fetching the modules of {tool.name}", began):
        packages = _go([go, "list", "-deps", tool.package], folder).split()
    unfinished = tool.path.with_suffix(".unfinished")
    command = ["nice", str(go), "build", "-v", *tool.flags, "-o", str(unfinished), tool.package]
    lines: list[str] = []
    with (
        _telling(lambda: f"building {tool.name}: {len(lines)} of at most {len(packages)} packages", began),
        subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        lines.extend(line for line in process.stderr)
    if process.returncode != 0:
        raise KubernetesError(f"{tool.name} cannot be built: {last_lines(''.join(lines))}")
    unfinished.rename(tool.path)
    say(f"{tool.name} is built: {tool.path.stat().st_size >> 20} MiB after {time.monotonic() - began:.0f} s")


def _go(command: list[str | Path], folder: Path) -> str:
    try:
        return run(command, cwd=folder, env=golang.ENVIRONMENT, timeout=1800)
    except KubernetesError as error:
        raise KubernetesError(f"{error} See that Go modules can be fetched (GOPROXY, HTTPS_PROXY).") from None


def _environment() -> dict[str, str]:
    return {**os.environ, **golang.ENVIRONMENT}


@contextlib.contextmanager
def _telling(what: object, began: float) -> Iterator[None]:
    """Say every now and then how far it is; `what` is asked each time."""
    finished = threading.Event()

    def tell() -> None:
        while not finished.wait(EVERY):
            say(f"{what() if callable(what) else what}, {time.monotonic() - began:.0f} s so far")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _copy(definitions: Definitions) -> None:
    folder = HERE / DUROS_CONTROLLER.folder
    source = Path(_go([golang.find(), "list", "-m", "-f", "{{.Dir}}", definitions.module], folder).strip())
    files = sorted(source.glob(definitions.pattern))
    if not files:
        raise KubernetesError(f"{definitions.module} has no {definitions.pattern}.")
    unfinished = definitions.path.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for file in files:
        shutil.copyfile(file, unfinished / file.name)
    unfinished.rename(definitions.path)


def etcd() -> Path:
    """The machine's etcd, or that of Debian's package, unpacked only: installed, it would run as a service here."""
    found = shutil.which("etcd")
    if found is not None:
        return Path(found)
    target = BUILD / "etcd"
    binary = target / "usr" / "bin" / "etcd"
    if binary.exists():
        return binary
    packages = BUILD / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    run([ROOT / "tools" / "debian-packages", "download", packages, "etcd-server"], timeout=1800)
    for package in packages.glob("*.deb"):
        run(["dpkg-deb", "--extract", package, target.with_suffix(".unfinished")])
    target.with_suffix(".unfinished").rename(target)
    shutil.rmtree(packages)
    return binary


def _remove_older() -> None:
    """Those of an earlier definition are of no use any more."""
    kept = {one.path.name for one in (*TOOLS, *DEFINITIONS)}
    for path in BINARIES.iterdir():
        if path.name not in kept and re.fullmatch(r".*-[0-9a-f]{16}(\.unfinished)?", path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
