# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the story is told and checked."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence

from tests.testbed import playbook

WIDTH = 100


class StoryError(Exception):
    """Something is not as the story says. The text is one sentence."""


class Story:
    """Writes numbered chapters to `write`; `check` ends the story where a claim does not hold."""

    def __init__(self, write: Callable[[str], object] = print) -> None:
        self._write = write
        self._chapter = 0
        self.checks = 0

    def chapter(self, title: str) -> None:
        """Begin the next chapter."""
        self._chapter += 1
        self._write(f"\n{self._chapter}. {title}")

    def tell(self, text: str) -> None:
        """A paragraph."""
        indent = "   "
        # addresses are not broken, so that they can be copied
        self._write(
            textwrap.fill(
                text,
                WIDTH,
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )

    def show(self, text: str) -> None:
        """Lines as they are, such as a program's output."""
        self._write(textwrap.indent(text.rstrip("\n"), "     "))

    def check(self, holds: bool, otherwise: str) -> None:
        """Go on if it holds; `otherwise` is the sentence that says what was seen instead."""
        if not holds:
            raise StoryError(otherwise)
        self.checks += 1


def recap(story: Story, played: playbook.Played) -> None:
    """Show how a playbook ended on each host."""
    story.show("PLAY RECAP")
    for host, counts in sorted(played.recap.items()):
        story.check(counts["failed"] + counts["unreachable"] == 0, f"the playbook failed on {host}: {counts}")
        numbers = " ".join(f"{name}={counts[name]}" for name in ("ok", "changed", "unreachable", "failed"))
        story.show(f"  {host}: {numbers}")
    story.tell(f"That took {played.seconds:.0f} s.")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def size(count: float) -> str:
    """Bytes for people: 16.0 MiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def wait_until(condition: Callable[[], bool], otherwise: str, timeout: float = 120.0, pause: float = 0.2) -> None:
    """Poll until the condition holds; StoryError with the sentence when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise StoryError(f"{otherwise} (waited {timeout:.0f} s)")
        time.sleep(pause)
