# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds the services of a storage server: addresses, ports, names, time, space. Only reads.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._image_cache.preflight_host import Host

if TYPE_CHECKING:
    from .._image_cache.preflight_host import RunCommand


class Surroundings:
    """Reads the host it runs on; programs are run by ``run``, and files are read below ``root``."""

    def __init__(self, run: RunCommand, *, root: Path = Path("/"), timeout: float = 5.0) -> None:
        self._run = run
        self._root = root
        self._host = Host(run, root=root, timeout=timeout)

    def addresses(self) -> dict[str, list[str]] | None:
        """Return the addresses of each interface, with their prefix lengths; None when they cannot be listed."""
        code, output = self._run(["ip", "-j", "addr", "show"])
        if code != 0:
            return None
        try:
            return {
                str(link["ifname"]): [
                    f"{entry['local']}/{entry['prefixlen']}"
                    for entry in link.get("addr_info", [])
                    if "local" in entry and entry.get("scope") != "link"
                ]
                for link in json.loads(output)
            }
        except (ValueError, TypeError, AttributeError, KeyError):
            return None

    def clock(self) -> dict[str, Any]:
        """Return whether the clock is synchronised (None: nobody knows), who says so, and its offset in seconds."""
        code, output = self._run(["chronyc", "-n", "-c", "tracking"])
        fields = output.strip().split(",")
        if code == 0 and len(fields) >= 14:
            try:
                offset = float(fields[4])
            except ValueError:
                offset = None
            return {"synchronised": fields[13] != "Not synchronised", "source": "chrony", "offset": offset}
        code, output = self._run(["timedatectl", "show", "--property", "NTPSynchronized", "--value"])
        if code == 0 and output.strip() in ("yes", "no"):
            return {"synchronised": output.strip() == "yes", "source": "timedatectl", "offset": None}
        return {"synchronised": None, "source": None, "offset": None}

    def listeners(self, ports: Sequence[int]) -> list[dict[str, Any]]:
        """Return who listens on these TCP ports."""
        return [
            {
                "address": listener.address,
                "port": listener.port,
                "program": listener.program,
                "unit": listener.unit,
                "pid": listener.pid,
            }
            for listener in self._host.listeners(ports)
            if listener.protocol == "tcp"
        ]

    def resolve(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the addresses of each name, as the host's own resolver gives them; none for an unknown one."""
        return self._host.resolve(names)

    def space(self, paths: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return total and available bytes of the file system that each path is on, or will be on."""
        found = {}
        for wanted in paths:
            path = self._root / wanted.lstrip("/")
            while not path.exists() and path != path.parent:
                path = path.parent
            status = os.statvfs(path)
            found[wanted] = {
                "total": status.f_blocks * status.f_frsize,
                "available": status.f_bavail * status.f_frsize,
            }
        return found
