# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Emulators that run on hosts of a world: what their units read, and how they are started."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from .engine import TestbedError
from .world import World

METAL_API_PORT = 8443
#: Control endpoint of the metal-api, on the loopback of its host.
CONTROL_PORT = 8090
#: Control endpoint of the Lightbits cluster, for the agents of all servers, and the servers' own ports behind them.
LIGHTBITS_CONTROL_PORT = 8091
FIRST_SERVER_PORT = 9000
SERVERS = 16
KEYS_FILE = "metal-api-keys.json"


def prepare_metal_api(world: World, directory: Path, address: str, state: Mapping[str, object]) -> None:
    """Write what the metal-api reads from /etc/testbed into `directory`: v1 below /metal/, TLS by pki/good.pem."""
    # keys as a provider has them: random, different in every world
    keys = {name: secrets.token_hex(24) for name in ("view", "edit", "admin")}
    (world.directory / KEYS_FILE).write_text(json.dumps(keys))
    shutil.copy(world.directory / KEYS_FILE, directory)
    (directory / "metal-api-state.json").write_text(json.dumps(state, indent=1))
    arguments = [
        "--listen", f"{address}:{METAL_API_PORT}", "--control-listen", f"127.0.0.1:{CONTROL_PORT}",
        "--tls-cert", "/etc/testbed/pki/good.pem", "--tls-key", "/etc/testbed/pki/good.key",
        "--base-path", "/metal/", "--state", "/etc/testbed/metal-api-state.json",
        "--key-file", f"/etc/testbed/{KEYS_FILE}",
    ]  # fmt: skip
    (directory / "metal-api.env").write_text(f"METAL_API_ARGUMENTS={' '.join(arguments)}\n")


def start_metal_api(world: World, host: str) -> None:
    """Start the metal-api on a host and wait until it answers."""
    start(world, host, "testbed-metal-api.service", f"127.0.0.1:{CONTROL_PORT}")


def prepare_lightbits(directory: Path, address: str) -> None:
    """Write what the Lightbits emulator reads: no cluster yet, room for as many servers as LightOS has at most."""
    listen = [word for number in range(SERVERS) for word in ("--listen", f"{address}:{FIRST_SERVER_PORT + number}")]
    arguments = ["--not-installed", *listen, "--control-listen", f"{address}:{LIGHTBITS_CONTROL_PORT}"]
    (directory / "lightbits.env").write_text(f"LIGHTBITS_ARGUMENTS={' '.join(arguments)}\n")


def start_lightbits(world: World, host: str, address: str) -> None:
    """Start the Lightbits emulator on a host and wait until it answers."""
    start(world, host, "testbed-lightbits.service", f"{address}:{LIGHTBITS_CONTROL_PORT}")


def start(world: World, host: str, unit: str, control: str) -> None:
    """Start the unit of an emulator and wait until its control endpoint answers; TestbedError with what it said."""
    world.exec(host, "systemctl", "start", unit)
    deadline = time.monotonic() + 60
    while world.exec(host, "sh", "-c", f"curl -s http://{control}/-/control/clock || true") == "":
        if time.monotonic() > deadline:
            said = world.exec(host, "journalctl", "--quiet", "--output=cat", "--lines=3", f"--unit={unit}")
            raise TestbedError(f"{unit} does not start on {host}: {said.strip()}")
        time.sleep(0.1)
