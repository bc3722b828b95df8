#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of an emulated LightOS cluster: as long as this runs, the cluster has it.

lightos_agent.py software                                           write files: {path: [mode, text]} (JSON) on stdin
lightos_agent.py found --control URL --key FILE --cluster UUID      found the cluster (again, with the same key)
lightos_agent.py phase --control URL SERVER PHASE                   tell what begins; fails when the emulator says so
lightos_agent.py configure --control URL SERVER [CONFIGURATION]     enter the server, write its configuration:
                                                                    {"server": .., "settings": ..} (JSON) on stdin
lightos_agent.py start --control URL SERVER                         start the service, wait until the API answers
lightos_agent.py clean --control URL                                there is no cluster any more
lightos_agent.py serve [CONFIGURATION]                              be the server

It listens on the ports that LightOS has. The API is that of the emulator, with this server's own certificate; on the
port of the data path one may write to a volume ("write <UUID>", answered by "ok" or "error: ..."); the exporter has a
metric; the other ports only accept. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/etc/lightos/agent.json")
SERVICE = "lightos.service"
API, DATA, DISCOVERY, REPLICATOR, EXPORTER = 443, 4420, 8009, 22226, 8090
ETCD, MANAGERS = (2379, 2380), (4001, 4007)
# seconds
_AGAIN, _BRIEFLY, _STARTING = 0.5, 0.1, 60


class Refused(Exception):
    """The emulator's own sentence."""


def call(control: str, method: str, path: str, body: object = None) -> Any:
    """A request to the control endpoint."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(control + path, method=method, data=data)
    try:
        with opener.open(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
        try:
            raise Refused(str(json.loads(text)["error"])) from None
        except (ValueError, KeyError):
            raise Refused(f"{error.code} {text}") from None
    except OSError as error:
        raise Refused(f"{control} does not answer: {error}") from None


def begin(control: str, server: str, phase: str) -> None:
    """Tell the emulator what begins. Raises Refused when that is to fail."""
    call(control, "POST", "/installation/phases", {"server": server, "phase": phase})


def write(files: dict[str, Any]) -> None:
    """Write the software, and what belongs to it."""
    for name, (mode, text) in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=int(mode, 8))
        path.chmod(int(mode, 8))
        path.write_text(text, encoding="utf-8")


def configure(control: str, server: str, path: Path, given: dict[str, Any]) -> None:
    """Enter the server, and write what it needs to be one."""
    begin(control, server, "configure")
    upstream = call(control, "POST", "/installation/servers", given["server"])
    settings = {**given["settings"], "name": server, "control": control, "upstream": upstream}
    path.write_text(json.dumps(settings, indent=4) + "\n", encoding="utf-8")


def start(control: str, server: str) -> None:
    """Start the service. Raises Refused when the API does not answer in time."""
    begin(control, server, "start")
    for words in (["daemon-reload"], ["enable", SERVICE], ["restart", SERVICE]):
        subprocess.run(["systemctl", "--quiet", *words], check=True)
    address = json.loads(CONFIGURATION.read_text(encoding="utf-8"))["nodes"][0]["data_ip"]
    deadline = time.monotonic() + _STARTING
    while True:
        try:
            socket.create_connection((address, API), timeout=_STARTING).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Refused(f"{address}:{API} does not answer: {error}") from None
            # until it answers: of a port that opens nobody is told
            time.sleep(_BRIEFLY)
        else:
            return


class Presence:
    """Holds the connection by which the cluster knows that this server is there."""

    def __init__(self, control: str, name: str) -> None:
        self._url = f"{control}/agents/{name}"
        self.present = False

    def hold(self) -> None:
        """For ever; when it breaks, or the cluster does not know this server, again."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(self._url) as session:
                    for _line in session:
                        self.present = True
            except OSError as error:
                print(f"not in the cluster: {error}", flush=True)
            self.present = False
            time.sleep(_AGAIN)


class Server:
    """The listeners."""

    def __init__(self, settings: dict[str, Any], presence: Presence) -> None:
        self._settings = settings
        self._presence = presence
        self._ports: dict[str, int] = settings.get("ports", {})

    async def serve(self) -> None:
        """Listen until the process ends."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        tls.load_cert_chain(self._settings["certificate"], self._settings["key"])
        # gRPC speaks HTTP/2 alone, and ends when nobody says that it is spoken here
        tls.set_alpn_protocols(["h2", "http/1.1"])
        first = self._settings["nodes"][0]["data_ip"]
        anywhere = self._settings.get("listen", "::" if ":" in first else "0.0.0.0")
        listeners = [
            (self._api, anywhere, API, tls),
            (self._exporter, anywhere, EXPORTER, None),
            *((self._accept, anywhere, port, None) for port in MANAGERS),
        ]
        listeners += [(self._accept, first, port, None) for port in (*ETCD, DISCOVERY)]
        for node in self._settings["nodes"]:
            address, number = node["data_ip"], node["instanceID"]
            listeners.append((self._data, address, DATA + number, None))
            listeners.append((self._accept, address, REPLICATOR + number, None))
        servers = [
            await asyncio.start_server(handler, sock=self._bound(host, port), ssl=context)
            for handler, host, port, context in listeners
        ]
        print(f"serving on {len(servers)} ports", flush=True)
        await asyncio.gather(*(server.serve_forever() for server in servers))

    def _bound(self, host: str, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # only where it is told that this is TCP, asyncio keeps the kernel from holding small answers back, 40 ms each
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # tests have several servers on one machine
        bound.bind((host, self._ports.get(str(port), port)))
        return bound

    async def _api(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand everything to the emulator, which answers for this server at an address of its own."""
        upstream = self._settings["upstream"]
        there = None
        if self._presence.present:
            try:
                there = await asyncio.open_connection(upstream["host"], upstream["port"])
            except OSError as error:
                print(f"the emulator does not answer: {error}", flush=True)
        if there is None:
            writer.close()
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Writes to volumes, one a line."""
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                answer = await asyncio.get_running_loop().run_in_executor(None, self._write, line.decode().split())
                writer.write(f"{answer}\n".encode())
                await writer.drain()
        writer.close()

    def _write(self, words: list[str]) -> str:
        if len(words) != 2 or words[0] != "write":
            return "error: say write <UUID of a volume>"
        try:
            call(self._settings["control"], "POST", "/io", {"server": self._settings["name"], "volume": words[1]})
        except Refused as refusal:
            return f"error: {refusal}"
        return "ok"

    async def _exporter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            name, present = self._settings["name"], int(self._presence.present)
            body = f'# TYPE lightos_server_up gauge\nlightos_server_up{{server="{name}"}} {present}\n'.encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def serve(path: Path) -> None:
    """Be the server that the configuration describes."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    presence = Presence(settings["control"], settings["name"])
    threading.Thread(target=presence.hold, daemon=True).start()
    asyncio.run(Server(settings, presence).serve())


def main() -> int:
    """0 when it was done; otherwise one sentence and 1."""
    parser = argparse.ArgumentParser(description="A server of an emulated LightOS cluster.")
    parser.add_argument("--control", metavar="URL")
    commands = parser.add_subparsers(dest="command", required=True)
    found = commands.add_parser("found")
    found.add_argument("--key", type=Path, required=True)
    found.add_argument("--cluster", required=True)
    commands.add_parser("software")
    for command in ("phase", "configure", "start"):
        commands.add_parser(command).add_argument("server")
    commands.choices["phase"].add_argument("phase")
    commands.choices["configure"].add_argument("configuration", type=Path, nargs="?", default=CONFIGURATION)
    commands.add_parser("clean")
    serving = commands.add_parser("serve")
    serving.add_argument("configuration", type=Path, nargs="?", default=CONFIGURATION)
    options = parser.parse_args()
    try:
        if options.command == "serve":
            serve(options.configuration)
        elif options.command == "found":
            key = options.key.read_text(encoding="ascii")
            body = {"root_public_key": key, "cluster": {"UUID": options.cluster}}
            print(json.dumps(call(options.control, "PUT", "/installation", body)))
        elif options.command == "software":
            write(json.load(sys.stdin))
        elif options.command == "phase":
            begin(options.control, options.server, options.phase)
        elif options.command == "configure":
            configure(options.control, options.server, options.configuration, json.load(sys.stdin))
        elif options.command == "start":
            start(options.control, options.server)
        else:
            call(options.control, "DELETE", "/installation")
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
