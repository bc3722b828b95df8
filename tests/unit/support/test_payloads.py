# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of tests import what is in their own archive, although bytecode of earlier runs is kept."""

from __future__ import annotations

import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.payloads.sitecustomize import CACHE
from tests.support.playbook import settings


def imported(archive: Path, source: str) -> str:
    """Return what a process prints that imports the module ``common`` with this source from an archive."""
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("common.py", source)
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); import common; print(common.value(), common.__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=settings(archive.parent), capture_output=True, text=True, check=False, cwd=archive.parent
    )
    return done.stdout + done.stderr


@pytest.fixture
def mark() -> Iterator[str]:
    """A text for sources that nobody else has, whose bytecode is removed in the end."""
    text = str(uuid.uuid4())
    yield text
    for path in kept(text):
        path.unlink()


def kept(mark: str) -> list[Path]:
    return [path for path in Path(CACHE).glob("common.py.*") if mark.encode() in path.read_bytes()]


def test_kept_bytecode_is_that_of_the_source(tmp_path: Path, mark: str) -> None:
    first, second = (f"def value():\n    return ({number}, {mark!r})\n" for number in (1, 2))
    for name, source, number in (("a", first, 1), ("b", first, 1), ("b", second, 2), ("a", first, 1)):
        archive = tmp_path / f"{name}.zip"
        assert imported(archive, source) == f"({number}, '{mark}') {archive}/common.py\n"
    assert len(kept(mark)) == 2, "what is compiled once is used again"


def test_another_place_may_be_given(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYLOADS_CACHE", str(tmp_path / "kept"))
    imported(tmp_path / "a.zip", f"def value():\n    return {mark!r}\n")
    assert [path.name.split(".")[:2] for path in (tmp_path / "kept").iterdir()] == [["common", "py"]]
    assert kept(mark) == []


def test_traceback_names_the_archive_that_is_there(tmp_path: Path, mark: str) -> None:
    source = f"def value():\n    raise ValueError({mark!r})\n"
    for name in ("a", "b"):
        archive = tmp_path / f"{name}.zip"
        assert f'File "{archive}/common.py", line 2, in value' in imported(archive, source)
    assert len(kept(mark)) == 1
