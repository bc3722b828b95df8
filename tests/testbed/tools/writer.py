#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep volumes of an emulated LightOS cluster busy as a client with a path to every server does.

writer.py --until FILE --volumes UUID[,UUID...] ADDRESS[:PORT]...
    Writes to the volumes in turn, by way of one server after the other, until FILE exists (at most twenty minutes). A
    server that does not answer, or takes no writes, is left out for a moment, and the same write goes to the next one.
    A write is lost when the cluster says so of the volume, or when no server takes it for as long as a client waits.
    Prints JSON: {"writes", "lost": [sentences], "taken": {address: n}, "refused": {address: n}}. Ends with 1 when a
    write was lost, or there was none.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import json
import os
import socket
import sys
import time

PORT = 4420
LONGEST = 1200.0
# seconds until a path counts as broken, is tried again, a write without any path is lost; and between two writes
ANSWER, AGAIN, PATIENCE, PACE = 5.0, 1.0, 30.0, 0.05
LOST = ("error: volume ", "error: there is no volume ")


class Path:
    """A connection to one server that is made anew when it breaks."""

    def __init__(self, address: str) -> None:
        host, _colon, port = address.partition(":")
        self.address = address
        self._endpoint = (host, int(port or PORT))
        self._stream: socket.socket | None = None
        self.again = 0.0

    def write(self, volume: str) -> str:
        """Return the server's answer; what is not one ends in an OSError."""
        if self._stream is None:
            self._stream = socket.create_connection(self._endpoint, timeout=ANSWER)
        self._stream.sendall(f"write {volume}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            block = self._stream.recv(4096)
            if not block:
                raise ConnectionError("it has closed the connection")
            answer += block
        return answer.decode().strip()

    def leave_out(self) -> None:
        """Try it again later, by another connection."""
        self.again = time.monotonic() + AGAIN
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None


class Writer:
    """What came of it so far."""

    def __init__(self, addresses: list[str]) -> None:
        self._paths = [Path(address) for address in addresses]
        self._first = itertools.cycle(range(len(addresses)))
        self.writes = 0
        self.lost: list[str] = []
        self.taken: collections.Counter[str] = collections.Counter()
        self.refused: collections.Counter[str] = collections.Counter()

    def write(self, volume: str) -> None:
        """One write, by whichever server takes it."""
        self.writes += 1
        first = next(self._first)
        paths = self._paths[first:] + self._paths[:first]
        deadline = time.monotonic() + PATIENCE
        said: dict[str, str] = {}
        while time.monotonic() < deadline:
            for path in paths:
                if path.again > time.monotonic():
                    continue
                answer = self._try(path, volume)
                if answer == "ok":
                    self.taken[path.address] += 1
                    return
                said[path.address] = answer
                if answer.startswith(LOST):
                    self.lost.append(f"{path.address}: {answer}")
                    return
                self.refused[path.address] += 1
                path.leave_out()
            time.sleep(PACE)
        self.lost.append(f"no server takes a write to {volume}: {said}")

    @staticmethod
    def _try(path: Path, volume: str) -> str:
        try:
            return path.write(volume)
        except OSError as error:
            return str(error) or type(error).__name__


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--until", required=True, metavar="FILE")
    parser.add_argument("--volumes", required=True, type=lambda text: text.split(","))
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS")
    arguments = parser.parse_args()
    writer = Writer(arguments.addresses)
    end = time.monotonic() + LONGEST
    for volume in itertools.cycle(arguments.volumes):
        if os.path.exists(arguments.until) or time.monotonic() > end:
            break
        writer.write(volume)
        time.sleep(PACE)
    told = {"writes": writer.writes, "lost": writer.lost[:10]}
    print(json.dumps({**told, "taken": dict(writer.taken), "refused": dict(writer.refused)}))
    return 1 if writer.lost or not writer.writes else 0


if __name__ == "__main__":
    sys.exit(main())
