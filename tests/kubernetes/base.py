# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to the person at the keyboard, and running what is needed. Standard library only, as all of `setup` is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Binaries, the caches they are built with, and everything about what runs.
BUILD = ROOT / "build" / "kubernetes"


class KubernetesError(Exception):
    """One sentence: what is missing or went wrong, and how to go on."""


def say(message: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"kubernetes: {message}\n")
    sys.stderr.flush()


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 600,
) -> str:
    """Run a command and return what it printed; KubernetesError with the last lines of what it said when it fails."""
    words = [str(word) for word in command]
    try:
        result = subprocess.run(
            words,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise KubernetesError(f"{words[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise KubernetesError(f"`{' '.join(words[:4])} ...` did not end within {timeout:.0f} s.") from None
    if result.returncode != 0:
        raise KubernetesError(f"`{' '.join(words[:6])}` failed: {last_lines(result.stderr + result.stdout)}")
    return result.stdout


def last_lines(text: str, count: int = 3) -> str:
    """The last lines that say something, as one."""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-count:]) or "it said nothing"
