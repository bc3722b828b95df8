# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the command line that all emulators have."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from .control import PREFIX
from .server import Listener, Site, Tls, parse_address, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, TLS, and when to end."""
    parser.add_argument(
        "--listen",
        action="append",
        metavar="HOST:PORT",
        help="address of the API, may be given several times; port 0 takes a free one (default: 127.0.0.1:0)",
    )
    parser.add_argument(
        "--control-listen",
        metavar="HOST:PORT",
        help=f"own plain HTTP address of the control endpoint (default: below {PREFIX} on the addresses of the API)",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain (PEM) of the API; serves HTTPS only")
    parser.add_argument("--tls-key", metavar="FILE", help="its key (PEM)")
    parser.add_argument("--tls-client-ca", metavar="FILE", help="demand client certificates of this CA")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")


def run(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    api: ASGIApp,
    control: ASGIApp,
    urls: Callable[[Sequence[Site]], Mapping[str, Any]],
) -> None:
    """Serve until told to stop; print the ready line: ``urls`` of the API's sites, ``control`` and ``pid``."""
    listeners = _listeners(parser, options, api, control)

    def ready(sites: Sequence[Site]) -> None:
        listed = [site.address.url for site in sites]
        line: dict[str, Any] = {
            **urls(sites[:-1] if options.control_listen else sites),
            "control": listed[-1 if options.control_listen else 0] + PREFIX,
            "addresses": listed,
            "pid": os.getpid(),
        }
        print(json.dumps(line), flush=True)

    try:
        asyncio.run(serve(listeners, ready, until_stdin_closes=options.until_stdin_closes))
    except OSError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        sys.exit(1)


def _listeners(
    parser: argparse.ArgumentParser, options: argparse.Namespace, api: ASGIApp, control: ASGIApp
) -> list[Listener]:
    if bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--tls-cert and --tls-key belong together")
    if options.tls_client_ca and not options.tls_cert:
        parser.error("--tls-client-ca needs --tls-cert and --tls-key")
    tls = Tls(options.tls_cert, options.tls_key, options.tls_client_ca) if options.tls_cert else None
    app = api if options.control_listen else _either(api, control)
    try:
        listeners = [Listener(app, *parse_address(text), tls) for text in options.listen or ["127.0.0.1:0"]]
        if options.control_listen:
            listeners.append(Listener(control, *parse_address(options.control_listen)))
    except ValueError as error:
        parser.error(str(error))
    return listeners


def _either(api: ASGIApp, control: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["type"] == "http" and scope["path"].startswith(PREFIX + "/")
        await (control if own else api)(scope, receive, send)

    return app
