# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the harness: `python -m tests.kubernetes --help`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import binaries
from .base import KubernetesError

EPILOG = """commands:
  setup     build what is missing (quick when it is there)
  up        the world, from nothing; prints its facts
  facts     print them again
  get PATH  what is at these paths of the API server, as JSON
  objects   all objects of all kinds
  rights    what of a table (JSON on standard input) is not so: see `questions.wrong_rights`
  leaks     where secrets are that do not belong there: see `leaks.exposed`
  requests  every request to the API server, from its audit log
  drive PROJECT FILE  use a project of the storage as the CSI driver does, until the file is there: see `driver.drive`
  down      stop and remove the world
  clean     the same with every world

Another world beside the first: TESTBED_WORLD=mine. A cluster that is there already: KUBECONFIG."""


def main() -> int:
    """Do it; 1 when it cannot be done, with one sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kubernetes", description="Kubernetes and a Lightbits cluster on this machine.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = ["setup", "up", "facts", "get", "objects", "rights", "requests", "leaks", "drive", "down", "clean"]
    parser.add_argument("command", choices=commands, metavar="COMMAND")
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--address", default="127.0.0.1", help="where `up` listens (default: %(default)s)")
    parser.add_argument(
        "--without-snapshots", action="store_true", help="`up` does not define the kinds of VolumeSnapshots"
    )
    parser.add_argument(
        "--without-lightbits", action="store_true", help="`up` brings up Kubernetes alone, for a cluster that is there"
    )
    arguments = parser.parse_args()
    try:
        if arguments.command == "setup":
            binaries.ensure()
            return 0
        # what it needs is not there when `setup` runs
        from . import driver, leaks, questions, world

        one = world.World()
        answers: dict[str, Callable[[], Any]] = {
            "up": lambda: one.up(
                arguments.address,
                snapshots=not arguments.without_snapshots,
                lightbits=not arguments.without_lightbits,
            ),
            "facts": lambda: one.facts,
            "get": lambda: questions.get(one.api(), arguments.paths),
            "objects": lambda: questions.everything(one.api()),
            "rights": lambda: questions.wrong_rights(one.api(), json.load(sys.stdin)),
            "leaks": lambda: leaks.exposed(one.directory, one.api()),
            "drive": lambda: driver.drive(one.api(), one.facts, arguments.paths[0], Path(arguments.paths[1])),
            "requests": lambda: questions.requests(Path(one.facts["audit_log"])),
        }
        if arguments.command in answers:
            print(json.dumps(answers[arguments.command](), indent=1))
        elif arguments.command == "down":
            one.down()
        else:
            for each in world.every():
                each.down()
    except KubernetesError as error:
        print(f"kubernetes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
