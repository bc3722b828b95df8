# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chapter about Kubernetes as far as it needs none: the build behind the others, and what has to be there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.demo.kubernetes import CLASSES, CREDENTIALS, DRIVER, RESOURCE, Build, what_is_there
from tests.demo.story import Story, StoryError
from tests.support.waiting import DEADLINE, until

ENDPOINTS = ["10.131.0.11:443", "10.131.0.12:443"]


def build(tmp_path: Path, program: str) -> Build:
    return Build([sys.executable, "-c", program], tmp_path / "logs" / "setup.log")


def test_what_is_said_while_somebody_waits_is_shown(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    program = f"""
import pathlib, time
for line in ("first", "second"):
    print("kubernetes:", line, flush=True)
end = time.monotonic() + {DEADLINE}
while not pathlib.Path({str(go_on)!r}).exists() and time.monotonic() < end:
    time.sleep(0.02)
print("kubernetes: third", flush=True)
"""
    lines: list[str] = []
    log = tmp_path / "logs" / "setup.log"

    def write(line: str) -> None:
        lines.append(line)
        go_on.touch()

    with build(tmp_path, program) as one:
        until(log.read_text, lambda text: "second" in text, "the build to begin")
        one.wait(write)
    # what was before is history
    assert lines == ["kubernetes: second", "kubernetes: third"]


def test_a_build_that_is_done_says_nothing_any_more(tmp_path: Path) -> None:
    with build(tmp_path, "print('kubernetes: done', flush=True)") as one:
        until(lambda: one._running().poll(), lambda code: code is not None, "the build to end")
        one.wait(pytest.fail)


def test_a_build_that_fails_ends_the_story_with_its_last_words(tmp_path: Path) -> None:
    program = "raise SystemExit('kubernetes: no Go found.')"
    with build(tmp_path, program) as one, pytest.raises(StoryError) as caught:
        one.wait(lambda _line: None)
    log = tmp_path / "logs" / "setup.log"
    assert str(caught.value) == f"Kubernetes cannot be had: no Go found. (all of it: {log})"


def test_a_story_that_ends_early_ends_the_build_and_what_it_has_started(tmp_path: Path) -> None:
    compiler = "import signal; print('compiling', flush=True); signal.pause()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {compiler!r}])"
    log = tmp_path / "logs" / "setup.log"
    with pytest.raises(StoryError, match="something else"), build(tmp_path, program) as one:
        until(log.read_text, lambda text: "compiling" in text, "the compiler to begin")
        group = one._running().pid
        raise StoryError("something else")
    assert one._running().returncode != 0
    # nobody of the group is left but perhaps what init has still to bury
    until(lambda: states(group), lambda found: not found - {"Z"}, "the compiler to end")


def states(group: int) -> set[str]:
    """Of the processes of a group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            found.add(fields[0])
    return found


def storage_class(name: str, endpoints: list[str]) -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == "gold" else {}
    parameters = {"mgmt-endpoint": ",".join(endpoints), "replica-count": "3", "compression": "enabled"}
    return {"metadata": {"name": name, "annotations": default}, "parameters": parameters}


def found() -> dict[str, Any]:
    """As the API server has it after duros-controller has looked at its resource."""
    return {
        CLASSES: [storage_class("silver", ENDPOINTS), storage_class("gold", ENDPOINTS[::-1])],
        RESOURCE: {
            "spec": {"storageClasses": [{"name": "gold"}, {"name": "silver"}]},
            "status": {"reconcileStatus": {"lastReconcile": "2026-11-28T15:00:00Z"}},
        },
        **{path: {} for path in DRIVER},
    }


def test_storage_classes_are_shown() -> None:
    story = Story(lambda _text: None)
    rows = what_is_there(story, found(), ENDPOINTS)
    assert rows == [("gold", "3", "enabled", "yes"), ("silver", "3", "enabled", "no")]


@pytest.mark.parametrize(
    ("change", "otherwise"),
    [
        (lambda now: now.update({CREDENTIALS: None}), "the API server does not have lb-csi-creds"),
        (lambda now: now[RESOURCE].pop("status"), "duros-controller has not looked at its resource"),
        (
            lambda now: now[RESOURCE]["status"]["reconcileStatus"].update(error="no route to host"),
            "duros-controller says: no route to host",
        ),
        (lambda now: now[CLASSES].pop(), r"the storage classes are \['silver'\] instead of \['gold', 'silver'\]"),
        (
            lambda now: now[CLASSES].append(storage_class("gold", ["10.9.9.9:443"])),
            r"the storage class gold names \['10\.9\.9\.9:443'\]",
        ),
    ],
)
def test_what_is_not_there_ends_the_story(change: Callable[[dict[str, Any]], object], otherwise: str) -> None:
    now = found()
    change(now)
    with pytest.raises(StoryError, match=otherwise):
        what_is_there(Story(lambda _text: None), now, ENDPOINTS)
