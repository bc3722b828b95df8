# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cache host is like before anything is changed: its ports, addresses, disk, programs, resolver and clock.

Everything here only reads. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import os
import re
import secrets
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    # (arguments) -> (exit code, standard output); (127, "") when there is no such program
    RunCommand = Callable[[Sequence[str]], tuple[int, str]]

_TCP_LISTEN = "0A"
_UDP_UNCONNECTED = "07"
_UNIT = re.compile(r"[^/]+\.(?:service|scope)$")
_CONTAINER = re.compile(r"/(?:docker|containers)/([0-9a-f]{12})[0-9a-f]{52}$")
_DNS_ERRORS = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}


@dataclass(frozen=True)
class Listener:
    """A socket that waits for connections (tcp) or packets (udp).

    ``address`` is as :mod:`ipaddress` writes it. ``program`` (``haproxy``), ``unit`` (``haproxy.service``) and ``pid``
    are None when they cannot be seen; ``unit`` is also the name of a container.
    """

    protocol: str
    address: str
    port: int
    program: str | None = None
    unit: str | None = None
    pid: int | None = None


@dataclass(frozen=True)
class Disk:
    """The file system of a directory. ``path`` is the directory or its nearest existing parent; the rest is in bytes.

    ``available`` is what is free for users; ``used`` is what the files of the cache take already.
    """

    path: str
    total: int
    available: int
    used: int


class Host:
    """Reads facts of the host it runs on. ``root`` stands for ``/``; ``timeout`` bounds each look-up, in seconds."""

    def __init__(self, run: RunCommand, *, root: Path = Path("/"), timeout: float = 5.0) -> None:
        self._run = run
        self._root = root
        self._timeout = timeout

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def listeners(self, ports: Iterable[int]) -> list[Listener]:
        """Return who listens on these ports."""
        wanted = set(ports)
        found = []
        for name, state in (
            ("tcp", _TCP_LISTEN),
            ("tcp6", _TCP_LISTEN),
            ("udp", _UDP_UNCONNECTED),
            ("udp6", _UDP_UNCONNECTED),
        ):
            found += [
                (name[:3], *entry) for entry in _sockets(self._root / "proc/net" / name, state) if entry[1] in wanted
            ]
        owners = self._owners({inode: user for _protocol, _address, _port, inode, user in found})
        return sorted(
            (
                Listener(protocol, address, port, *owners.get(inode, (None, None, None)))
                for protocol, address, port, inode, _user in found
            ),
            key=lambda listener: (listener.port, listener.protocol, listener.address, listener.pid or 0),
        )

    def _owners(self, inodes: dict[str, int]) -> dict[str, tuple[str | None, str | None, int]]:
        """Return (program, unit, pid) for each socket; the first process has it before the ones that it forks.

        ``inodes`` gives the user of each socket. In a container root may not see the files of other users' processes;
        then a socket belongs to the only service of its user, if there is just one.
        """
        wanted = {f"socket:[{inode}]": inode for inode in inodes}
        owners: dict[str, tuple[str | None, str | None, int]] = {}
        hidden: dict[int, dict[tuple[str | None, str | None], int]] = {}
        if not wanted:
            return owners
        for process in sorted((self._root / "proc").glob("[0-9]*"), key=lambda path: int(path.name)):
            links = _links(process / "fd")
            program, unit = _text(process / "comm").strip() or None, _unit(_text(process / "cgroup"))
            for target in links:
                inode = wanted.get(target)
                if inode is not None and inode not in owners:
                    owners[inode] = (program, unit, int(process.name))
            if not links and unit is not None:
                with contextlib.suppress(OSError):
                    hidden.setdefault(process.stat().st_uid, {}).setdefault((program, unit), int(process.name))
        for inode, user in inodes.items():
            services = hidden.get(user, {})
            if inode not in owners and len(services) == 1:
                [((program, unit), pid)] = services.items()
                owners[inode] = (program, unit, pid)
        return owners

    def addresses(self) -> list[str] | None:
        """Return the addresses of this host, None when they cannot be listed."""
        code, output = self._run(["ip", "-j", "addr", "show"])
        if code != 0:
            return None
        try:
            links = json.loads(output)
            found = [str(entry["local"]) for link in links for entry in link.get("addr_info", []) if "local" in entry]
        except (ValueError, TypeError, AttributeError):
            return None
        return sorted(set(found))

    def can_bind(self, address: str) -> bool:
        """Tell whether a program could listen on the address, which means that this host has it."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
        return True

    def disk(self, directory: str) -> Disk:
        """Return the file system that ``directory`` is on, or will be on."""
        path = self._root / directory.lstrip("/")
        used = sum(_allocated(path / name) for name in ("blobs", "staging"))
        while not path.is_dir():
            path = path.parent
        status = os.statvfs(path)
        shown = "/" + path.relative_to(self._root).as_posix() if path != self._root else "/"
        return Disk(shown, status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize, used)

    def systemd(self) -> int | None:
        """Return the version of the running systemd, None when this host is not run by systemd."""
        if not (self._root / "run/systemd/system").is_dir():
            return None
        code, output = self._run(["systemctl", "--version"])
        match = re.match(r"systemd ([0-9]+)", output) if code == 0 else None
        return int(match.group(1)) if match else None

    def python(self, program: str) -> tuple[int, int] | None:
        """Return the version of a Python interpreter, None when it does not run."""
        code, output = self._run([program, "-I", "-c", "import sys; print(*sys.version_info[:2])"])
        match = re.fullmatch(r"([0-9]+) ([0-9]+)\s*", output) if code == 0 else None
        return (int(match.group(1)), int(match.group(2))) if match else None

    def resolve(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the addresses of each name, as this host's resolver gives them; an empty list when it gives none."""
        found: dict[str, list[str]] = {name: [] for name in names}

        def look_up(name: str) -> None:
            try:
                answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                return
            found[name] = sorted({str(answer[4][0]) for answer in answers})

        # The resolver has its own, long timeouts: wait for all names together, and no longer than asked for.
        threads = [threading.Thread(target=look_up, args=(name,), daemon=True) for name in found]
        deadline = time.monotonic() + self._timeout
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return dict(found)

    def ask_dns(self, server: str, port: int, name: str) -> str | None:
        """Ask a DNS server for ``name``; return what is wrong with the answer, None when it is an answer."""
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        number = secrets.randbelow(65536)
        labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
        query = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.settimeout(self._timeout / 2)
                asking.connect((server, port))
                # a packet may be lost once
                for _attempt in range(2):
                    asking.send(query)
                    try:
                        answer = asking.recv(4096)
                        break
                    except socket.timeout:
                        continue
                else:
                    return "does not answer"
        except OSError as error:
            return f"cannot be asked: {error.strerror or error}"
        if len(answer) < 12 or answer[:2] != query[:2] or not answer[2] & 0x80:
            return "answers with something that is not DNS"
        code = answer[3] & 0x0F
        return f"answers with {_DNS_ERRORS[code]}" if code in _DNS_ERRORS else None

    def connects(self, server: str, port: int) -> str | None:
        """Open a TCP connection; return what is wrong, None when it works."""
        try:
            with socket.create_connection((server, port), self._timeout):
                return None
        except OSError as error:
            return f"takes no connection: {error.strerror or error}"

    def certificates(self, path: str) -> list[datetime]:
        """Return when each authority in a PEM file expires. Raises OSError with the reason when there are none."""
        file = self._root / path.lstrip("/")
        if file.is_dir():
            # a directory of hashed certificates is loaded by OpenSSL piece by piece
            return []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cafile=str(file))
        except ssl.SSLError:
            raise OSError(errno.EINVAL, "it holds no certificate in PEM format") from None
        ends = [str(certificate["notAfter"]) for certificate in context.get_ca_certs()]
        return [datetime.fromtimestamp(ssl.cert_time_to_seconds(end), timezone.utc) for end in ends]


def same_place(one: str, other: str) -> bool:
    """Tell whether two listeners on these addresses are in each other's way."""
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first == second:
        return True
    if first.version == second.version:
        return first.is_unspecified or second.is_unspecified
    # A listener on :: takes IPv4 as well, unless it asks not to, which cannot be seen from outside.
    six = first if first.version == 6 else second
    return six.is_unspecified


def _sockets(path: Path, state: str) -> list[tuple[str, int, str, int]]:
    """Return (address, port, inode, user) of the sockets in this state from a file as proc(5) describes it."""
    found = []
    for line in _text(path).splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state:
            address, _colon, port = fields[1].rpartition(":")
            found.append((_address(address), int(port, 16), fields[9], int(fields[7])))
    return found


def _address(digits: str) -> str:
    """Return the address that the kernel shows as 32-bit words in the order of this machine."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _unit(cgroups: str) -> str | None:
    """Return the systemd unit or the container of a process from its /proc/<pid>/cgroup."""
    for line in cgroups.splitlines():
        path = line.split(":", 2)[-1]
        unit = _UNIT.search(path)
        if unit:
            return unit.group(0)
    match = next(filter(None, (_CONTAINER.search(line) for line in cgroups.splitlines())), None)
    return f"container {match.group(1)}" if match else None


def _links(directory: Path) -> list[str]:
    """Return where the symbolic links of a directory lead. Processes end and close files while we look."""
    targets: list[str] = []
    try:
        names = os.listdir(directory)
    except OSError:
        # ended, or not ours to see
        return targets
    for name in names:
        with contextlib.suppress(OSError):
            targets.append(os.readlink(directory / name))
    return targets


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # ended, or a kernel without IPv6
        return ""


def _allocated(directory: Path) -> int:
    try:
        with os.scandir(directory) as entries:
            return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)
    except OSError:
        # a first installation, or a directory that another user may not read
        return 0
