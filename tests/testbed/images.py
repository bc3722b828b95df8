# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images: Debian 12 and 13 hosts made by mmdebstrap, and what is built on top of them.

debian12, debian13     a host on which a role installs what it needs
server12, server13     the same with sshd, chrony and systemd-networkd: a server in the rack
store, control         Debian 12 with the emulators' Python packages: of the image cache's world, of a storage world

An image's tag is the hash of what defines it: a second run finds it, an edit makes a new one. No registry is needed.
The hosts bring the packages the roles install as a local apt repository, not installed: a role installs them for real,
though nothing can leave the test network.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import platform
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .engine import BUILD, LABEL, TestbedError, docker, inspect, install, progress, say

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
CONSTRAINTS = HERE.parent / "requirements" / "constraints.txt"
REPOSITORY_NAME = "metalstack-provisioning"

#: What every host has: what a Debian server has by itself, and what tests look with.
INSTALLED = (
    "systemd,systemd-sysv,dbus,python3,python3-apt,apt,ca-certificates,openssl,iproute2,iputils-ping,procps,"
    "curl,bind9-dnsutils,nftables,netcat-openbsd,sudo,tzdata"
)
#: What roles may install: downloaded with recommendations into /srv/packages.
OFFERED = "haproxy nginx unbound unbound-anchor dns-root-data openssh-server chrony"


@dataclass(frozen=True)
class Suite:
    name: str
    version: int
    python: str

    @property
    def repository(self) -> str:
        return f"{REPOSITORY_NAME}/debian{self.version}"


BOOKWORM = Suite("bookworm", 12, "3.11")
TRIXIE = Suite("trixie", 13, "3.13")
SUITES = (BOOKWORM, TRIXIE)


def _digest(*parts: bytes | str | Path) -> str:
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if file.is_file() and "__pycache__" not in file.parts:
                    state.update(f"{file.relative_to(HERE.parent)} {file.stat().st_mode & 0o111:o}\0".encode())
                    state.update(file.read_bytes())
        else:
            state.update(part.encode() if isinstance(part, str) else part)
        state.update(b"\0")
    return state.hexdigest()[:16]


def host_image(suite: Suite) -> str:
    """Name of the image of a Debian host."""
    return f"{suite.repository}:{_digest(INSTALLED, OFFERED, suite.name, FILES / 'host', platform.machine())}"


@dataclass(frozen=True)
class Layer:
    """An image on top of another one: the Dockerfile in files/<name>, and how those who wait are told what it is."""

    name: str
    what: str
    base: str
    files: str

    @property
    def image(self) -> str:
        """Its name in the engine, by all that defines it."""
        more = [CONSTRAINTS] if self.name == "emulators" else []
        return f"{REPOSITORY_NAME}/{self.name}:{_digest(image_name(self.base), FILES / self.files, *more)}"


#: In the order in which they are built.
LAYERS = (
    Layer("emulators", "base image of what runs emulators", "debian12", "emulators"),
    Layer("store", "image of the store", "emulators", "store"),
    Layer("control", "image of the control host", "emulators", "control"),
    Layer("server12", "image of a Debian 12 server", "debian12", "server"),
    Layer("server13", "image of a Debian 13 server", "debian13", "server"),
)


def image_name(name: str) -> str:
    """What the engine calls the image debian12, debian13, or that of a layer."""
    layers = {layer.name: layer for layer in LAYERS}
    if name in layers:
        return layers[name].image
    return host_image({f"debian{suite.version}": suite for suite in SUITES}[name])


def _build_host(suite: Suite, image: str) -> None:
    hook = FILES / "host" / "customize.py"
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--quiet",
        "--skip=cleanup/apt/lists",
        f"--include={INSTALLED}",
        f'--customize-hook={shlex.quote(sys.executable)} {shlex.quote(str(hook))} "$1" {OFFERED}',
        suite.name,
        "-",
    ]
    # its own session: at the end of a failure mmdebstrap hangs up on its whole process group
    raw, log = f"{REPOSITORY_NAME}/raw:{suite.name}", BUILD / f"mmdebstrap-{suite.name}.log"
    with (
        progress(f"building the image of a Debian {suite.version} host"),
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, start_new_session=True) as bootstrap,
    ):
        importing = subprocess.run(
            ["docker", "import", "-", raw], stdin=bootstrap.stdout, capture_output=True, text=True, check=False
        )
        if bootstrap.stdout is not None:
            bootstrap.stdout.close()
        if importing.returncode != 0:
            raise TestbedError(f"docker import of {image} failed: {importing.stderr.strip()}")
        if bootstrap.wait() != 0:
            docker("image", "rm", raw)
            last = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("E:")][-2:]
            raise TestbedError(f"mmdebstrap {suite.name} failed: {' '.join(last)} (all of it: {log})")
        # `docker import` knows neither label nor signal
        definition = f'FROM {raw}\nLABEL {LABEL}=image\nSTOPSIGNAL SIGRTMIN+3\nCMD ["/usr/local/lib/testbed/init"]\n'
        docker("build", "--quiet", "--network", "none", "--tag", image, "-", data=definition, timeout=600)
        docker("image", "rm", raw)


def _emulator_packages(target: Path) -> None:
    """The emulators' Python packages for the store's Python, fetched by the pip of this one, configured as it is."""
    machine = platform.machine()
    platforms = [f"--platform=manylinux2014_{machine}", f"--platform=manylinux_2_28_{machine}"]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), "--only-binary=:all:",
        f"--python-version={BOOKWORM.python}", "--implementation=cp", *platforms,
        "--requirement", str(FILES / "emulators" / "requirements.txt"), "--constraint", str(CONSTRAINTS),
    ]  # fmt: skip
    with progress("fetching the Python packages of the emulators"):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TestbedError(f"pip could not fetch the emulator's packages: {result.stderr.strip().splitlines()[-1:]}")


def _build_layer(layer: Layer) -> None:
    context = BUILD / f"{layer.name}-context"
    if context.exists():
        shutil.rmtree(context)
    shutil.copytree(FILES / layer.files, context)
    if layer.name == "emulators":
        _emulator_packages(context / "site-packages")
    with progress(f"building the {layer.what}"):
        docker(
            "build", "--quiet", "--network", "none", "--label", f"{LABEL}=image",
            "--build-arg", f"BASE={image_name(layer.base)}", "--tag", layer.image, str(context),
            timeout=600,
        )  # fmt: skip
    shutil.rmtree(context)


def _remove_older(image: str) -> None:
    """Images of the same name with another hash, a day old, are of no use any more, unless a world still has them."""
    repository = image.partition(":")[0]
    used = set(docker("ps", "--all", "--format", "{{.Image}}").split())
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    for other in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
        if other == image or other in used:
            continue
        created = docker("image", "inspect", "--format", "{{.Created}}", other).strip()
        if created[:19] < yesterday.isoformat()[:19]:
            docker("image", "rm", other)


def ensure() -> None:
    """Build what is not there yet."""
    BUILD.mkdir(parents=True, exist_ok=True)
    missing = [suite for suite in SUITES if inspect("image", host_image(suite)) is None]
    if missing and shutil.which("mmdebstrap") is None:
        install(["mmdebstrap", "debian-archive-keyring"], "mmdebstrap (it makes the Debian images)")
    with ThreadPoolExecutor(len(SUITES)) as pool:
        list(pool.map(lambda suite: _build_host(suite, host_image(suite)), missing))
    for suite in missing:
        _remove_older(host_image(suite))
    for layer in LAYERS:
        if inspect("image", layer.image) is None:
            _build_layer(layer)
            _remove_older(layer.image)


def remove() -> None:
    """Remove every image of the test-bed."""
    found = docker("image", "ls", "--quiet", "--filter", f"label={LABEL}=image").split()
    if found:
        docker("image", "rm", "--force", *sorted(set(found)))
        say(f"removed {len(set(found))} images")
