# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy before the Lightbits API that lets in who shows a certificate, as providers have one for duros-controller.

It ends TLS and begins it anew; what is within, gRPC or REST, goes through as it is. `python -m tests.kubernetes.proxy
--help`; one line of JSON says when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import ssl
from pathlib import Path

_PROTOCOLS = ["h2", "http/1.1"]
_CHUNK = 65536


async def serve(host: str, own: ssl.SSLContext, to: str, ca: Path) -> asyncio.Server:
    """Listen on a free port, and lead each connection to this server, whose certificate is of that authority."""
    own.set_alpn_protocols(_PROTOCOLS)
    server_host, _colon, port = to.rpartition(":")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        # the server has to speak what the client has agreed to
        context.set_alpn_protocols([writer.get_extra_info("ssl_object").selected_alpn_protocol() or _PROTOCOLS[1]])
        try:
            other_reader, other_writer = await asyncio.open_connection(server_host, int(port), ssl=context)
        except OSError as error:
            print(f"the server: {error}", flush=True)
            writer.close()
            return
        await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))

    return await asyncio.start_server(connected, host, 0, ssl=own)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # either side may be gone at any moment; TLS knows no half-closed connections
    with contextlib.suppress(OSError):
        while content := await reader.read(_CHUNK):
            writer.write(content)
            await writer.drain()
    writer.close()


async def _run(options: argparse.Namespace) -> None:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.client_ca)
    own.verify_mode = ssl.CERT_REQUIRED
    own.load_cert_chain(options.cert, options.key)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await serve(options.host, own, options.to, options.ca)
    host, port = server.sockets[0].getsockname()[:2]
    print(json.dumps({"endpoint": f"{host}:{port}"}), flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kubernetes.proxy", description="See tests/kubernetes/README.md."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where it listens (default: %(default)s)")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server")
    parser.add_argument("--ca", required=True, type=Path, metavar="FILE", help="who vouches for the server")
    parser.add_argument("--cert", required=True, type=Path, metavar="FILE", help="certificate of the proxy")
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="its key")
    parser.add_argument("--client-ca", required=True, type=Path, metavar="FILE", help="whose certificates it lets in")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
