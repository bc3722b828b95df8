# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the test-bed: `python -m tests.testbed --help`."""

from __future__ import annotations

import argparse
import os
import sys

from . import engine, images
from .engine import LABEL, TestbedError, docker

EPILOG = """commands:
  setup              make the Docker engine and the images ready (quick when they are)
  up [KIND]          the world, from nothing; kinds: image-cache (the default), storage
  down               remove the world
  status             hosts, addresses, state
  exec HOST [WORDS]  run a command on a host; without words: a shell
  store WORDS        steer the store of the image cache: contents, faults, access log (`store --help`)
  clean              remove every world and every image of the test-bed
  teardown           stop the Docker engine if `setup` started it

Another world beside the first: TESTBED_WORLD=mine TESTBED_NETWORK=172.30.54 python -m tests.testbed up"""


def clean() -> None:
    """Everything with our label, whichever world it belongs to."""
    containers = docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    for kind in ("volume", "network"):
        found = docker(kind, "ls", "--quiet", "--filter", f"label={LABEL}").split()
        if found:
            docker(kind, "rm", *found)
    images.remove()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.testbed", description="The test-bed of the collection.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = ["setup", "up", "down", "status", "exec", "store", "clean", "teardown"]
    parser.add_argument("command", choices=names, metavar="COMMAND")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    words: list[str] = arguments.words
    if arguments.command not in ("setup", "clean", "teardown"):  # those run before anything is installed
        from . import kinds
    try:
        if arguments.command == "setup":
            engine.ensure()
            images.ensure()
        elif arguments.command == "up":
            if len(words) > 1 or not set(words) <= set(kinds.KINDS):
                parser.error(f"up takes one kind of world: {', '.join(kinds.KINDS)}")
            kinds.find(words[0] if words else "image-cache").up()
        elif arguments.command == "down":
            kinds.find().down()
        elif arguments.command == "status":
            for row in kinds.find().status():
                print("{:<10} {:<60} {}".format(*row))
        elif arguments.command == "exec":
            if not words:
                parser.error("exec needs the name of a host")
            terminal = ["--tty"] if sys.stdin.isatty() else []
            command = [
                "docker",
                "exec",
                "--interactive",
                *terminal,
                kinds.find().container(words[0]),
                *(words[1:] or ["bash"]),
            ]
            os.execvp("docker", command)
        elif arguments.command == "store":
            os.execvp(
                "docker", ["docker", "exec", "--interactive", kinds.find().container("store"), "testbed-store", *words]
            )
        elif arguments.command == "clean":
            if engine.answers() is not None:
                clean()
        elif engine.stop():
            engine.say("the Docker engine is stopped")
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
