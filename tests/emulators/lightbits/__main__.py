# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.emulators.lightbits --root-public-key root.pem``; see ``tests/emulators/README.md``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..common import command
from ..common.server import Site
from .app import Emulator
from .auth import public_key
from .state import SERVERS


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators.lightbits",
        description="Emulate a LightOS cluster's API v2. Prints one line of JSON when it serves.",
        epilog="Each server has an address of its own; the control endpoint has another one, so that it stays when "
        "servers are stopped.",
    )
    command.add_arguments(parser)
    parser.add_argument("--servers", type=int, default=SERVERS, help="how many servers (default: %(default)s)")
    parser.add_argument(
        "--nodes-per-server", type=int, default=1, choices=(1, 2), help="nodes of each server (default: %(default)s)"
    )
    begin = parser.add_mutually_exclusive_group(required=True)
    begin.add_argument(
        "--root-public-key",
        type=Path,
        metavar="FILE",
        help="PEM of the public key that is the credential root of the project system",
    )
    begin.add_argument(
        "--not-installed",
        action="store_true",
        help="no cluster yet: whoever installs it enters the key and the servers at the control endpoint; each "
        "--listen is a place for a server",
    )
    options = parser.parse_args()
    if options.not_installed:
        _serve(parser, options, Emulator(None, 0))
        return
    if not 1 <= options.servers <= 16:
        parser.error("--servers is a number from 1 to 16")
    try:
        root_key = options.root_public_key.read_bytes()
        public_key(root_key)
    except (OSError, ValueError) as error:
        parser.error(f"--root-public-key {options.root_public_key}: {error}")
    options.listen = options.listen or ["127.0.0.1:0"] * options.servers
    if len(options.listen) != options.servers:
        parser.error("--listen is given once for each server, or not at all")
    _serve(parser, options, Emulator(root_key, options.servers, options.nodes_per_server))


def _serve(parser: argparse.ArgumentParser, options: argparse.Namespace, emulator: Emulator) -> None:
    options.control_listen = options.control_listen or "127.0.0.1:0"

    def urls(sites: Sequence[Site]) -> dict[str, list[str]]:
        emulator.sites.extend(sites)
        emulator.state.addresses = [site.address.url for site in sites]
        return {"urls": emulator.state.addresses}

    command.run(parser, options, emulator.api(), emulator.control(), urls)


if __name__ == "__main__":
    main()
