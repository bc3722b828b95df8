# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight reads of a host: from a made-up /proc, and from this machine's own sockets."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import preflight_host
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.preflight_host import (
    Host,
    Listener,
    same_place,
)

CONTAINER = "0123456789ab" + "c" * 52


def no_program(_arguments: Sequence[str]) -> tuple[int, str]:
    return 127, ""


def answering(*expected: str, code: int = 0, output: str) -> Callable[[Sequence[str]], tuple[int, str]]:
    def run(arguments: Sequence[str]) -> tuple[int, str]:
        assert list(arguments)[: len(expected)] == list(expected)
        return code, output

    return run


def kernel_address(address: str) -> str:
    packed = ipaddress.ip_address(address).packed
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


class Proc:
    """A /proc below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc" / "net").mkdir(parents=True)
        self.tables: dict[str, list[str]] = {}

    def socket(self, table: str, address: str, port: int, inode: int, state: str = "", user: int = 0) -> None:
        state = state or ("0A" if table.startswith("tcp") else "07")
        lines = self.tables.setdefault(table, ["  sl  local_address rem_address   st tx_queue rx_queue ..."])
        remote = kernel_address("::" if table.endswith("6") else "0.0.0.0")
        lines.append(
            f"   {len(lines)}: {kernel_address(address)}:{port:04X} {remote}:0000 {state} 00000000:00000000 "
            f"00:00000000 00000000 {user:5}        0 {inode} 1 0000000000000000 100 0 0 10 0"
        )
        (self.root / "proc" / "net" / table).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def process(self, pid: int, program: str, cgroup: str, *inodes: int) -> None:
        directory = self.root / "proc" / str(pid)
        (directory / "fd").mkdir(parents=True)
        (directory / "comm").write_text(program + "\n", encoding="utf-8")
        (directory / "cgroup").write_text(cgroup, encoding="utf-8")
        for number, inode in enumerate(inodes):
            (directory / "fd" / str(number)).symlink_to(f"socket:[{inode}]")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_listeners_with_program_and_unit(proc: Proc) -> None:
    proc.socket("tcp", "10.0.0.1", 80, 11)
    proc.socket("tcp", "10.0.0.1", 80, 12, state="01")
    proc.socket("tcp", "0.0.0.0", 22, 13)
    proc.socket("tcp6", "::", 443, 14)
    proc.socket("tcp6", "::ffff:10.0.0.1", 8089, 15)
    proc.socket("udp", "127.0.0.53", 53, 16)
    proc.socket("udp", "10.0.0.1", 53, 17, state="01")
    proc.socket("udp6", "fd00::1", 53, 18)
    proc.process(30, "haproxy", "0::/system.slice/haproxy.service\n", 11, 14)
    proc.process(4, "systemd-resolve", "4:pids:/x\n1:name=systemd:/system.slice/systemd-resolved.service\n", 16)
    proc.process(31, "haproxy-child", "0::/system.slice/haproxy.service\n", 11)
    proc.process(200, "nginx", f"12:pids:/docker/{CONTAINER}\n", 15)
    (proc.root / "proc" / "77").mkdir()
    assert Host(no_program, root=proc.root).listeners([53, 80, 443, 8089]) == [
        Listener("udp", "127.0.0.53", 53, "systemd-resolve", "systemd-resolved.service", 4),
        Listener("udp", "fd00::1", 53),
        Listener("tcp", "10.0.0.1", 80, "haproxy", "haproxy.service", 30),
        Listener("tcp", "::", 443, "haproxy", "haproxy.service", 30),
        Listener("tcp", "10.0.0.1", 8089, "nginx", "container 0123456789ab", 200),
    ]


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("", None),
        ("0::/\n", None),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        (f"0::/system.slice/docker-{CONTAINER}.scope\n", f"docker-{CONTAINER}.scope"),
        (f"1:name=systemd:/docker/{CONTAINER}/system.slice/haproxy.service\n", "haproxy.service"),
        (f"1:name=systemd:/docker/{CONTAINER}\n", "container 0123456789ab"),
        ("0::/system.slice/system-openvpn.slice/openvpn@a.service\n", "openvpn@a.service"),
    ],
)
def test_units(proc: Proc, cgroup: str, unit: str | None) -> None:
    proc.socket("tcp", "0.0.0.0", 80, 11)
    proc.process(5, "x", cgroup, 11)
    [listener] = Host(no_program, root=proc.root).listeners([80])
    assert listener.unit == unit


def test_a_socket_whose_process_hides_its_files_belongs_to_the_only_service_of_its_user(proc: Proc) -> None:
    """In a container root may not see the files of other users' processes."""
    me = os.getuid()
    proc.socket("tcp", "10.0.0.1", 8089, 11, user=me)
    proc.socket("tcp", "10.0.0.1", 80, 12, user=me + 1)
    proc.process(7, "nginx", "0::/system.slice/nginx.service\n")
    proc.process(8, "nginx", "0::/system.slice/nginx.service\n")
    proc.process(9, "kthreadd", "0::/\n")
    assert Host(no_program, root=proc.root).listeners([80, 8089]) == [
        Listener("tcp", "10.0.0.1", 80),
        Listener("tcp", "10.0.0.1", 8089, "nginx", "nginx.service", 7),
    ]
    # a second service of the user: now it could be either
    proc.process(10, "php-fpm", "0::/system.slice/php-fpm.service\n")
    assert Host(no_program, root=proc.root).listeners([8089]) == [Listener("tcp", "10.0.0.1", 8089)]


def test_a_host_without_proc(tmp_path: Path) -> None:
    assert Host(no_program, root=tmp_path).listeners([80]) == []


def test_this_process_is_found_on_the_real_proc() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as packets:
        packets.bind(("127.0.0.1", 0))
        tcp, udp = server.getsockname()[1], packets.getsockname()[1]
        found = {(item.protocol, item.port): item for item in Host(no_program).listeners([tcp, udp])}
    comm = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    for listener in (found["tcp", tcp], found["udp", udp]):
        assert (listener.address, listener.pid, listener.program) == ("127.0.0.1", os.getpid(), comm)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_addresses_of_the_kernel(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    read = ipaddress.ip_address(preflight_host._address(kernel_address(str(address))))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert read == (mapped or address)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::", "10.0.0.1", True),
        ("10.0.0.1", "::", True),
        ("fd00::1", "::", True),
        ("fd00::1", "0.0.0.0", False),
        ("fd00::1", "10.0.0.1", False),
        ("fd00::1", "fd00::2", False),
    ],
)
def test_what_is_in_the_way(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same


def test_own_addresses() -> None:
    output = json.dumps(
        [
            {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1"}]},
            {"ifname": "eth0", "addr_info": [{"local": "10.0.0.1"}, {"local": "fd00::1"}, {"peer": "x"}]},
            {"ifname": "eth1"},
            {},
        ]
    )
    assert Host(answering("ip", "-j", output=output)).addresses() == ["10.0.0.1", "127.0.0.1", "fd00::1"]


@pytest.mark.parametrize("output", ["", "x", "{}", "[1]", "null", '[{"addr_info": 5}]', '{"a": 1}'])
def test_own_addresses_that_cannot_be_read(output: str) -> None:
    assert not Host(answering("ip", output=output)).addresses()


def test_own_addresses_without_the_program() -> None:
    assert Host(no_program).addresses() is None


def test_binding_shows_which_addresses_are_there() -> None:
    host = Host(no_program)
    assert host.can_bind("127.0.0.1") is True
    # of the documentation networks, which nobody has
    assert host.can_bind("192.0.2.1") is False
    assert host.can_bind("2001:db8::1") is False


def test_space_of_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    disk = Host(no_program, root=tmp_path).disk("/var/lib/image-cache")
    real = os.statvfs(tmp_path)
    assert disk.path == "/"
    assert disk.total == real.f_blocks * real.f_frsize
    assert disk.used == 0
    assert 0 < disk.available <= disk.total


def test_space_counts_what_the_cache_has(tmp_path: Path) -> None:
    directory = tmp_path / "srv" / "cache"
    for name in ("blobs", "staging", "generations"):
        (directory / name).mkdir(parents=True)
        (directory / name / "x").write_bytes(b"x" * 100_000)
        os.sync()
    disk = Host(no_program, root=tmp_path).disk("/srv/cache")
    assert disk.path == "/srv/cache"
    assert 200_000 <= disk.used < 300_000


def test_systemd(tmp_path: Path) -> None:
    version = answering("systemctl", "--version", output="systemd 252 (252.38-1~deb12u1)\n+PAM\n")
    assert Host(version, root=tmp_path).systemd() is None
    (tmp_path / "run" / "systemd" / "system").mkdir(parents=True)
    assert Host(version, root=tmp_path).systemd() == 252
    assert Host(no_program, root=tmp_path).systemd() is None
    assert Host(answering("systemctl", output="?"), root=tmp_path).systemd() is None


def test_python() -> None:
    def run(arguments: Sequence[str]) -> tuple[int, str]:
        result = subprocess.run(list(arguments), capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    assert Host(run).python(sys.executable) == sys.version_info[:2]
    assert Host(no_program).python("/usr/bin/python3") is None
    assert Host(answering("python", output="Python?")).python("python") is None


def test_resolving(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()

    def look_up(name: str, *_rest: object, **_options: object) -> list[tuple[object, ...]]:
        if name == "gone.test":
            raise socket.gaierror(-2, "Name or service not known")
        if name == "slow.test":
            stuck.wait(30)
        return [(0, 0, 0, "", (f"192.0.2.{number}", 0)) for number in (2, 1, 2)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = Host(no_program, timeout=0.2).resolve(["good.test", "gone.test", "slow.test"])
    stuck.set()
    assert found == {"good.test": ["192.0.2.1", "192.0.2.2"], "gone.test": [], "slow.test": []}


def test_all_names_together_are_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]

    class Stuck(threading.Thread):
        def start(self) -> None:
            """Never comes to an end."""

        def join(self, timeout: float | None = None) -> None:
            passed[0] += timeout or 0.0

    monkeypatch.setattr(preflight_host, "threading", SimpleNamespace(Thread=Stuck))
    monkeypatch.setattr(preflight_host, "time", SimpleNamespace(monotonic=lambda: passed[0]), raising=False)
    assert Host(no_program, timeout=5.0).resolve(["a.test", "b.test"]) == {"a.test": [], "b.test": []}
    assert passed == [5.0]


@contextmanager
def dns_server(answers: list[Callable[[bytes], bytes] | None]) -> Iterator[tuple[str, int, list[bytes]]]:
    """A UDP server on loopback; each question gets the next answer, None is silence."""
    questions: list[bytes] = []
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            for answer in answers:
                question, client = server.recvfrom(4096)
                questions.append(question)
                if answer is not None:
                    server.sendto(answer(question), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield (*server.getsockname(), questions)
        thread.join(5)
        assert not thread.is_alive()


def with_code(code: int) -> Callable[[bytes], bytes]:
    return lambda question: question[:2] + bytes([0x81, 0x80 | code]) + question[4:]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([with_code(0)], None),
        ([with_code(3)], None),
        ([None, with_code(0)], None),
        ([None, None], "does not answer"),
        ([with_code(5)], "answers with REFUSED"),
        ([with_code(2)], "answers with SERVFAIL"),
        ([lambda question: question], "answers with something that is not DNS"),
        ([lambda _question: b"hello"], "answers with something that is not DNS"),
        ([lambda question: b"\0\0" + with_code(0)(question)[2:] if question[:2] != b"\0\0" else b""], "not DNS"),
    ],
)
def test_dns(answers: list[Callable[[bytes], bytes] | None], reason: str | None) -> None:
    with dns_server(answers) as (address, port, questions):
        found = Host(no_program, timeout=0.6).ask_dns(address, port, "metal-stack.io")
    assert (found is None) if reason is None else (found is not None and reason in found)
    assert questions[0][2:] == bytes.fromhex("01000001000000000000") + b"\x0bmetal-stack\x02io\x00\x00\x01\x00\x01"


def test_dns_that_nobody_serves() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "cannot be asked: " in (Host(no_program, timeout=0.6).ask_dns("127.0.0.1", port, "a.b") or "")


def test_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert Host(no_program).connects("127.0.0.1", port) is None
    assert "takes no connection: " in (Host(no_program).connects("127.0.0.1", port) or "")


def authority(path: Path, days: int) -> datetime:
    """Write a self-signed authority; return when it expires."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"authority {days}")])
    end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=1000))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with path.open("ab") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    return end


def test_certificates(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "ca.pem"
    path.parent.mkdir()
    ends = {authority(path, -5), authority(path, 50)}
    host = Host(no_program, root=tmp_path)
    assert set(host.certificates("/etc/ca.pem")) == ends
    assert host.certificates("/etc") == []


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    host = Host(no_program, root=tmp_path)
    with pytest.raises(OSError, match="it holds no certificate in PEM format"):
        host.certificates("/ca.pem")
    with pytest.raises(FileNotFoundError):
        host.certificates("/gone.pem")


def test_the_clock() -> None:
    assert abs(Host(no_program).now() - datetime.now(timezone.utc)) < timedelta(seconds=5)
