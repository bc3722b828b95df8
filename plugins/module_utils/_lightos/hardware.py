# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storage server is made of, from its /sys, /proc, /etc and /run. Only reads.

``root`` stands for ``/``, so that a made-up server can be read as well. What cannot be found is None or missing: it is
the judge's business what that means. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_SECTOR = 512
_NAMESPACE = re.compile(r"nvme[0-9]+(?:c[0-9]+)?n[0-9]+")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))\s*")
_MEMORY = re.compile(r"(?:Node [0-9]+ )?([A-Za-z()_]+):\s+([0-9]+)(?: kB)?")


class Hardware:
    """Reads one server."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def operating_system(self) -> dict[str, Any]:
        """Return the distribution (of os-release) and the running kernel."""
        release: dict[str, str] = {}
        # /usr/lib has what the distribution has put there where /etc has none
        for path in ("etc/os-release", "usr/lib/os-release"):
            text = _text(self._root / path)
            if text:
                release = {match[1]: match[2] or match[3] or match[4] or "" for match in _ASSIGNMENT.finditer(text)}
                break
        return {
            "id": release.get("ID", "") or None,
            "like": release.get("ID_LIKE", "").split(),
            "version": release.get("VERSION_ID") or None,
            "name": release.get("PRETTY_NAME") or None,
            "kernel": _text(self._root / "proc/sys/kernel/osrelease").strip() or None,
        }

    def cpu(self) -> dict[str, Any]:
        """Return model and counts: sockets, physical cores of all, threads that are online."""
        places = set()
        threads = 0
        for entry in (self._root / "sys/devices/system/cpu").glob("cpu[0-9]*"):
            topology = entry / "topology"
            socket, core = _number(topology / "physical_package_id"), _number(topology / "core_id")
            if socket is not None and core is not None:
                threads += 1
                places.add((socket, core))
        model = re.search(r"^model name\s*:\s*(.+)$", _text(self._root / "proc/cpuinfo"), re.MULTILINE)
        return {
            "model": model[1].strip() if model else None,
            "sockets": len({socket for socket, _core in places}),
            "cores": len(places),
            "threads": threads,
        }

    def memory(self) -> dict[str, Any]:
        """Return bytes of memory, in all and available now."""
        lines = _memory(_text(self._root / "proc/meminfo"))
        return {"total": lines.get("MemTotal"), "available": lines.get("MemAvailable")}

    def numa_nodes(self) -> list[dict[str, Any]]:
        """Return the NUMA nodes: id, threads, memory in bytes."""
        nodes = []
        for path in (self._root / "sys/devices/system/node").glob("node[0-9]*"):
            nodes.append(
                {
                    "id": int(path.name[len("node") :]),
                    "threads": _count(_text(path / "cpulist")),
                    "memory": _memory(_text(path / "meminfo")).get("MemTotal"),
                }
            )
        return sorted(nodes, key=lambda node: int(node["id"]))

    def nvme_devices(self) -> list[dict[str, Any]]:
        """Return the namespaces of local NVMe controllers, by name, each with what uses it.

        Those that are reached by a network (NVMe over fabrics) are volumes of somebody, and not listed.
        """
        mounted, swaps = self._mounted(), self._swaps()
        alone = len(self.numa_nodes()) == 1
        found = {}
        for controller in (self._root / "sys/class/nvme").glob("nvme[0-9]*"):
            transport = _text(controller / "transport").strip() or "pcie"
            if transport != "pcie":
                continue
            numa = _numa_node(controller / "numa_node", controller / "device/numa_node", alone=alone)
            for entry in sorted(_names(controller)):
                if not _NAMESPACE.fullmatch(entry):
                    continue
                # With multipath the controller has a path (nvme0c1n1), the block device lies under the subsystem.
                name = re.sub(r"c[0-9]+(?=n)", "", entry)
                block = self._root / "sys/block" / name
                found[name] = {
                    "name": name,
                    "model": _text(controller / "model").strip() or None,
                    "serial": _text(controller / "serial").strip() or None,
                    "firmware": _text(controller / "firmware_rev").strip() or None,
                    "address": _text(controller / "address").strip() or None,
                    "size": (_number(block / "size") or 0) * _SECTOR,
                    "numa_node": numa,
                    "used_by": self._users(block, mounted, swaps),
                }
        return [found[name] for name in sorted(found, key=_natural)]

    def interfaces(self) -> list[dict[str, Any]]:
        """Return the network interfaces but loopback, by name; ``physical`` are those of a device."""
        alone = len(self.numa_nodes()) == 1
        found = []
        for path in sorted((self._root / "sys/class/net").glob("*"), key=lambda entry: _natural(entry.name)):
            if path.name == "lo" or not path.is_dir():
                continue
            speed = _number(path / "speed")
            found.append(
                {
                    "name": path.name,
                    "mac": _text(path / "address").strip() or None,
                    "mtu": _number(path / "mtu"),
                    "state": _text(path / "operstate").strip() or "unknown",
                    # the kernel says -1 for a link that is down
                    "speed": speed if speed is not None and speed > 0 else None,
                    "numa_node": _numa_node(path / "device/numa_node", alone=alone),
                    "physical": (path / "device").exists(),
                }
            )
        return found

    def _users(self, block: Path, mounted: dict[str, str], swaps: set[str]) -> list[str]:
        """Return what uses a block device, in words, its partitions included."""
        users = []
        for device in (block, *(block / name for name in sorted(_names(block), key=_natural))):
            if device != block and not (device / "partition").is_file():
                continue
            number = _text(device / "dev").strip()
            if device != block:
                users.append(f"partition {device.name}")
            if number in mounted:
                users.append(f"mounted at {mounted[number]}")
            if f"/dev/{device.name}" in swaps:
                users.append("swap")
            users += [f"held by {holder}" for holder in sorted(_names(device / "holders"))]
            users += self._signatures(number, partitions=device == block)
        return users

    def _signatures(self, number: str, *, partitions: bool) -> list[str]:
        """Return what udev has found on a device: data that nobody has mounted."""
        text = _text(self._root / f"run/udev/data/b{number}") if number else ""
        known = dict(line[2:].split("=", 1) for line in text.splitlines() if line.startswith("E:") and "=" in line)
        found = []
        if known.get("ID_FS_TYPE"):
            found.append(f"has a {known['ID_FS_TYPE']} signature")
        if partitions and known.get("ID_PART_TABLE_TYPE"):
            found.append(f"has a {known['ID_PART_TABLE_TYPE']} partition table")
        return found

    def _mounted(self) -> dict[str, str]:
        """Return where each device (as major:minor) is mounted."""
        places: dict[str, str] = {}
        for line in _text(self._root / "proc/self/mountinfo").splitlines():
            fields = line.split()
            if len(fields) > 4:
                places.setdefault(fields[2], fields[4])
        return places

    def _swaps(self) -> set[str]:
        lines = _text(self._root / "proc/swaps").splitlines()[1:]
        return {line.split()[0] for line in lines if line.split()}


def _numa_node(*paths: Path, alone: bool) -> int | None:
    """Return the node of a device. The kernel says -1 where firmware does not tell: with one node there is no doubt."""
    for path in paths:
        number = _number(path)
        if number is not None and number >= 0:
            return number
    return 0 if alone else None


def _memory(text: str) -> dict[str, int]:
    return {match[1]: int(match[2]) * 1024 for match in _MEMORY.finditer(text)}


def _count(cpus: str) -> int:
    """Return how many are in a list like 0-3,8."""
    total = 0
    for part in cpus.strip().split(","):
        first, _dash, last = part.partition("-")
        if first:
            total += int(last or first) - int(first) + 1
    return total


def _natural(name: str) -> list[tuple[int, str]]:
    """Order nvme10n1 after nvme9n1."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _names(directory: Path) -> list[str]:
    try:
        return [entry.name for entry in directory.iterdir()]
    except OSError:
        # no such thing on this server
        return []


def _number(path: Path) -> int | None:
    try:
        return int(_text(path).strip())
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # a file that this kernel does not have, or one that cannot be read while a link is down
        return ""
