# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook of the collection on a world, as a provider would, and read its recap."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine import REPOSITORY, TestbedError, progress
from .world import World

INVENTORY = REPOSITORY / "molecule" / "image_cache" / "inventory.yml"
IMAGE_CACHE = REPOSITORY / "playbooks" / "image_cache.yml"
_LIGHTOS = REPOSITORY / "molecule" / "lightos"
#: By the kind of the world.
INVENTORIES = {
    "image-cache": (INVENTORY,),
    "storage": (_LIGHTOS / "inventory.yml", _LIGHTOS / "inventory_servers.metal.yml"),
}
COLLECTIONS = REPOSITORY / "build" / "collections"
_RECAP = re.compile(r"^(?P<host>\S+)\s*:\s*(?P<counts>ok=\d+.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """A playbook that ran without a failure: seconds, all of its output, and {host: {"ok": .., "changed": .., ..}}."""

    seconds: float
    output: str
    recap: dict[str, dict[str, int]]


def read_recap(output: str) -> dict[str, dict[str, int]]:
    """The numbers below PLAY RECAP, {} when it is not there."""
    _unused, _unused, recap = output.rpartition("PLAY RECAP")
    return {
        found["host"]: {name: int(count) for name, count in (word.split("=") for word in found["counts"].split())}
        for found in _RECAP.finditer(recap)
    }


def changed_tasks(output: str) -> list[str]:
    """Names of the tasks that changed something on any host."""
    task, found = "", []
    for line in output.splitlines():
        named = re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", line)
        if named is not None:
            task = named[1]
        elif line.startswith("changed:") and task not in found:
            found.append(task)
    return found


def environment(world: World) -> dict[str, str]:
    """What ansible-playbook needs to find the collection and the world."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "TESTBED_WORLD": world.name,
        "TESTBED_NETWORK": world.network,
        **world.access(),
    }


def play(
    world: World,
    what: str,
    *options: str,
    playbook: Path = IMAGE_CACHE,
    inventories: Sequence[Path] = (),
    more: Mapping[str, str] | None = None,
) -> Played:
    """Run the playbook, with what is said as progress; TestbedError with the end of its output when it fails.

    The inventories are those of the kind of world, and the environment that of the world, with `more` on top.
    """
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise TestbedError(f"{program} is missing: run this with the Python of the project's .venv, which make sets up")
    if not (COLLECTIONS / "ansible_collections" / "metalstack" / "provisioning" / "galaxy.yml").exists():
        raise TestbedError(f"{COLLECTIONS} does not lead to the collection: start this through make")
    given = [word for path in inventories or INVENTORIES[world.kind] for word in ("--inventory", str(path))]
    command = [str(program), *given, *options, str(playbook)]
    started = time.monotonic()
    with progress(what):
        result = subprocess.run(
            command, cwd=REPOSITORY, env={**environment(world), **(more or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    seconds = time.monotonic() - started
    recap = read_recap(result.stdout)
    log = world.directory / f"{playbook.stem}.log"
    log.write_text(result.stdout, encoding="utf-8")
    if result.returncode != 0 or not recap:
        problems = [line for line in result.stdout.splitlines() if line.startswith(("fatal:", "[ERROR]", "ERROR!"))]
        # all hosts fail for the same reason, mostly
        why = problems[0][:400] if problems else " / ".join(result.stdout.strip().splitlines()[-3:])
        raise TestbedError(f"{playbook.name} ended with {result.returncode}: {why} (all of it: {log})")
    return Played(seconds, result.stdout, recap)
