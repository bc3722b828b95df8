# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.emulators.metal_api --listen 127.0.0.1:0``; see ``tests/emulators/README.md``."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from ..common import command
from ..common.server import Site
from .app import Emulator
from .v1.auth import HmacKey, HmacKeys
from .v1.identity import ROLES

DEFAULTS = HmacKeys()


def main() -> None:
    """Read the command line and serve."""
    parser = _parser()
    options = parser.parse_args()
    emulator = Emulator(_keys(parser, options), _base_path(options.base_path), options.token_file)
    if options.state is not None:
        try:
            emulator.state.load(json.loads(options.state.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            parser.error(f"--state {options.state}: {error}")
    base = emulator.base_path.rstrip("/")

    def urls(sites: Sequence[Site]) -> dict[str, str]:
        url = sites[0].address.url
        return {"v1": url + base, "v2": url}

    command.run(parser, options, emulator.api(), emulator.control(), urls)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators.metal_api",
        description="Emulate metal-api (v1) and metal-apiserver (v2). Prints one line of JSON when it serves.",
        epilog="The HMAC keys are metal-view, metal-edit and metal-admin, unless the environment has "
        "METAL_API_HMAC_VIEW, METAL_API_HMAC_EDIT or METAL_API_HMAC_ADMIN, or --key-file is given.",
    )
    command.add_arguments(parser)
    parser.add_argument("--base-path", default="/metal/", metavar="PATH", help="where v1 lies (default: /metal/)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="initial state (JSON)")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help='HMAC keys: {"view": .., "edit": .., "admin": ..}'
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="keep issued v2 tokens in this file, good after a restart"
    )
    for role in ROLES:
        default = getattr(DEFAULTS, role).lifetime.total_seconds()
        parser.add_argument(
            f"--hmac-{role}-lifetime",
            type=float,
            default=default,
            metavar="SECONDS",
            help=f"how long a signature with the {role} key is good, 0 for ever (default: {default:g})",
        )
    return parser


def _keys(parser: argparse.ArgumentParser, options: argparse.Namespace) -> HmacKeys:
    keys = {role: os.environ.get(f"METAL_API_HMAC_{role.upper()}") or getattr(DEFAULTS, role).key for role in ROLES}
    if options.key_file is not None:
        try:
            given = json.loads(options.key_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            parser.error(f"--key-file {options.key_file}: {error}")
        if not isinstance(given, dict) or set(given) - set(ROLES):
            parser.error(f"--key-file {options.key_file}: must be an object with the keys {', '.join(ROLES)}")
        keys.update({role: str(key) for role, key in given.items()})
    lifetimes = {role: timedelta(seconds=getattr(options, f"hmac_{role}_lifetime")) for role in ROLES}
    return HmacKeys(**{role: HmacKey(keys[role], lifetimes[role]) for role in ROLES})


def _base_path(text: str) -> str:
    inner = text.strip("/")
    return f"/{inner}/" if inner else "/"


if __name__ == "__main__":
    main()
