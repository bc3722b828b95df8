# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC client by grpcio that knows no message: fields are written and read as numbers, as they are on the wire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import grpc

from tests.emulators.lightbits import keys

SERVICE = "/lightbits.api.duros.v2.DurosAPI/"
_LENGTHS = 2  # the wire type of texts and bytes

# What a field holds: texts and bytes as bytes, numbers as numbers; each as often as it comes.
Fields = Mapping[int, list[bytes | int]]


class RpcClient:
    """Calls to one server, with the token of an administrator unless another one (or "", none) is given."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca: str | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        address = urlsplit(url)
        token = keys.token() if token is None else token
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        if address.scheme == "https":
            own = [path.read_bytes() for path in certificate] if certificate else [None, None]
            credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes() if ca else None, own[1], own[0])
            self._channel = grpc.secure_channel(address.netloc, credentials)
        else:
            self._channel = grpc.insecure_channel(address.netloc)

    def __enter__(self) -> RpcClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def __call__(self, method: str, fields: Mapping[int, str | bytes | int] | None = None) -> Fields:
        """Call a method; grpc.RpcError when it is refused."""
        answer: bytes = self._channel.unary_unary(SERVICE + method)(
            b"".join(_written(number, value) for number, value in (fields or {}).items()),
            metadata=self._metadata,
            timeout=30,
        )
        return _read(answer)

    def refused(self, method: str, fields: Mapping[int, str | bytes | int] | None = None) -> tuple[str, str]:
        """Name of the status and message of a call that has to be refused."""
        try:
            answer = self(method, fields)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        raise AssertionError(f"{method} was not refused but answered {dict(answer)}")


def _written(number: int, value: str | bytes | int) -> bytes:
    if isinstance(value, int):
        return _variable(number << 3) + _variable(value)
    content = value.encode() if isinstance(value, str) else value
    return _variable(number << 3 | _LENGTHS) + _variable(len(content)) + content


def _variable(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _read(content: bytes) -> Fields:
    fields: defaultdict[int, list[bytes | int]] = defaultdict(list)
    place = 0

    def number() -> int:
        nonlocal place
        value, shift = 0, 0
        while True:
            byte = content[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(content):
        key = number()
        value = number()
        if key & 7 == _LENGTHS:
            fields[key >> 3].append(content[place : place + value])
            place += value
        else:
            fields[key >> 3].append(value)
    return fields
