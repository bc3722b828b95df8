# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make up a storage server: the files below /sys, /proc, /etc and /run that its kernel would show.

Use::

    server = MadeUpServer(tmp_path, sockets=2)
    server.nvme("nvme0", serial="A1", numa_node=0)
    server.mount("nvme0n1p1", "/")

Standard library alone, so that the hosts of a scenario can run it as well.
"""

from __future__ import annotations

from pathlib import Path

GIB = 1 << 30


class MadeUpServer:
    """A server below ``root``; it begins with an operating system, processors and memory."""

    def __init__(
        self, root: Path, *, sockets: int = 1, cores: int = 4, memory: int = 512 * GIB, system: str = "almalinux"
    ) -> None:
        self.root = root
        self.sockets = sockets
        self._devices = 0
        self.write("proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n")
        self.operating_system(system, "9.4")
        self.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9354 32-Core Processor\n\n")
        self.write(
            "proc/meminfo", f"MemTotal:       {memory // 1024} kB\nMemFree: 1 kB\nMemAvailable:   {memory // 2048} kB\n"
        )
        self.write("proc/self/mountinfo", "")
        self.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
        for socket in range(sockets):
            first = socket * cores
            for thread in (
                *range(first, first + cores),
                *range(sockets * cores + first, sockets * cores + first + cores),
            ):
                self.write(f"sys/devices/system/cpu/cpu{thread}/topology/physical_package_id", f"{socket}\n")
                self.write(f"sys/devices/system/cpu/cpu{thread}/topology/core_id", f"{thread % cores}\n")
            again = sockets * cores + first
            self.write(
                f"sys/devices/system/node/node{socket}/cpulist",
                f"{first}-{first + cores - 1},{again}-{again + cores - 1}\n",
            )
            self.write(
                f"sys/devices/system/node/node{socket}/meminfo",
                f"Node {socket} MemTotal:       {memory // sockets // 1024} kB\n",
            )
        self.interface("lo", mtu=65536, physical=False)

    def write(self, path: str, content: str) -> None:
        """Write a file below the root, with its directories."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    def operating_system(self, name: str, version: str) -> None:
        """Be this distribution."""
        like = "rhel centos fedora" if name in ("almalinux", "rocky") else "debian"
        text = f'NAME="x"\nID="{name}"\nID_LIKE="{like}"\nVERSION_ID="{version}"\nPRETTY_NAME="{name} {version}"\n'
        self.write("etc/os-release", text)

    def nvme(
        self,
        controller: str,
        *,
        serial: str,
        size: int = 3840 * 10**9,
        numa_node: int = 0,
        transport: str = "pcie",
        multipath: bool = False,
        partitions: int = 0,
    ) -> str:
        """Plug in a device with one namespace; returns its name. ``numa_node`` is -1 where firmware does not tell."""
        name = f"{controller}n1"
        path = f"sys/class/nvme/{controller}"
        for file, content in {
            "model": "SAMSUNG MZQL23T8HCLS",
            "serial": f"{serial}      ",
            "firmware_rev": "GDC5602Q",
            "transport": transport,
            "address": f"0000:{self._devices:02x}:00.0" if transport == "pcie" else "traddr=10.0.0.1",
            "numa_node": str(numa_node),
        }.items():
            self.write(f"{path}/{file}", f"{content}\n")
        number = self._devices * 16
        self._devices += 1
        shown = f"{controller}c{controller[4:]}n1" if multipath else name
        self.write(f"{path}/{shown}/size", f"{size // 512}\n")
        self.write(f"sys/block/{name}/size", f"{size // 512}\n")
        self.write(f"sys/block/{name}/dev", f"259:{number}\n")
        for partition in range(1, partitions + 1):
            self.write(f"sys/block/{name}/{name}p{partition}/partition", f"{partition}\n")
            self.write(f"sys/block/{name}/{name}p{partition}/dev", f"259:{number + partition}\n")
        return name

    def number(self, device: str) -> str:
        """Return major:minor of a device or a partition."""
        [path] = [*self.root.glob(f"sys/block/{device}/dev"), *self.root.glob(f"sys/block/*/{device}/dev")]
        return path.read_text(encoding="utf-8").strip()

    def mount(self, device: str, where: str) -> None:
        """Mount a device or a partition."""
        file = self.root / "proc/self/mountinfo"
        line = f"28 1 {self.number(device)} / {where} rw,relatime shared:1 - xfs /dev/{device} rw\n"
        file.write_text(file.read_text(encoding="utf-8") + line, encoding="utf-8")

    def swap(self, device: str) -> None:
        """Swap to a device or a partition."""
        file = self.root / "proc/swaps"
        file.write_text(file.read_text(encoding="utf-8") + f"/dev/{device} partition 8388604 0 -2\n", encoding="utf-8")

    def hold(self, device: str, holder: str) -> None:
        """Let another block device, such as md0, use a device."""
        (self.root / f"sys/block/{device}/holders/{holder}").mkdir(parents=True)

    def signature(self, device: str, **properties: str) -> None:
        """Let udev have found something on a device: ID_FS_TYPE, ID_PART_TABLE_TYPE."""
        text = "".join(f"E:{key}={value}\n" for key, value in properties.items())
        self.write(f"run/udev/data/b{self.number(device)}", f"N:{device}\n{text}")

    def interface(
        self,
        name: str,
        *,
        mtu: int = 9000,
        state: str = "up",
        speed: int = 100000,
        numa_node: int = 0,
        physical: bool = True,
    ) -> None:
        """Add a network interface."""
        values = {"mtu": mtu, "operstate": state, "speed": speed, "address": "aa:bb:cc:00:11:22"}
        for file, content in values.items():
            self.write(f"sys/class/net/{name}/{file}", f"{content}\n")
        if physical:
            self.write(f"sys/class/net/{name}/device/numa_node", f"{numa_node}\n")
