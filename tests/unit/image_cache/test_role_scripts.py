# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that the role image_cache runs on cache hosts: what it takes for its own, and how it starts a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import Host, ImageStore
from tests.unit.image_cache.test_sync import damage_content

ROLE = Path(__file__).resolve().parents[3] / "roles" / "image_cache"


class Names:
    """Notes the names directly below ``root`` that anything is given, also for a moment."""

    _current: Names | None = None
    _hooked = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: set[str] = set()
        if not Names._hooked:
            # cannot be removed again, and does nothing while nobody asks
            sys.addaudithook(Names._hook)
            Names._hooked = True

    def __enter__(self) -> Names:
        Names._current = self
        return self

    def __exit__(self, *_exception: object) -> None:
        Names._current = None

    @staticmethod
    def _hook(event: str, arguments: tuple[Any, ...]) -> None:
        names = Names._current
        if names is None:
            return
        creates = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if creates or event == "os.mkdir":
            path = arguments[0]
        elif event in ("os.link", "os.symlink", "os.rename"):
            path = arguments[1]
        else:
            return
        if Path(path).is_relative_to(names.root) and Path(path) != names.root:
            names.seen.add(Path(path).relative_to(names.root).parts[0])


def test_everything_that_the_program_makes_is_removed_with_the_role(host: Host, store: ImageStore, run: Run) -> None:
    """Also what a kill leaves behind: a file of a user who is gone keeps the next one from the cache."""
    key = store.image("ubuntu-24.04.20250101", b"\x1f\x8b" + bytes(5000))
    with Names(host.directory) as names:
        run("sync")
        damage_content(host.file(key))
        assert run("verify")["fetched"]
    assert {"blobs", "current.new", "verify.lock", ".verify.json.new"} < names.seen
    for name in names.seen:
        if not (host.directory / name).exists():
            (host.directory / name).touch()
    # nothing of this machine matters for the answer
    look = subprocess.run(
        ["/bin/sh", ROLE / "files" / "look.sh", host.directory], capture_output=True, text=True, check=True
    )
    ours = {Path(line.partition(" ")[2]) for line in look.stdout.splitlines() if line.startswith("ours ")}
    assert {path.name for path in ours if path.parent == host.directory} == names.seen


@pytest.fixture
def synchronise() -> list[str]:
    """The command by which the role starts a run."""
    tasks = yaml.safe_load((ROLE / "tasks" / "synchronise.yml").read_text())
    argv: list[str] = tasks[0]["block"][0]["ansible.builtin.command"]["argv"]
    return argv


SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$0.log"
case $1 in
is-active) echo inactive ;;
start) exit "$START" ;;
show) sed -n "$(grep -c ^start "$0.log")p" "$0.statuses" ;;
esac
"""


@pytest.mark.parametrize(("start", "statuses", "starts", "code"), [(0, "4 4 3", 3, 0), (0, "0", 1, 0), (1, "1", 1, 1)])
def test_a_run_that_found_the_lock_taken_is_started_again(
    start: int, statuses: str, starts: int, code: int, synchronise: list[str], tmp_path: Path
) -> None:
    for name, text in (("systemctl", SYSTEMCTL), ("sleep", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "systemctl.statuses").write_text("\n".join(statuses.split()) + "\n")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "START": str(start)}
    result = subprocess.run(synchronise, env=environment, timeout=60, check=False)
    calls = (tmp_path / "systemctl.log").read_text().splitlines()
    assert result.returncode == code
    assert calls.count("start image-cache-sync.service") == starts
