# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance table: what was seen of each module, in each shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

COLUMNS = (
    "missing option",
    "check",
    "apply",
    "apply again",
    "update",
    "check absent",
    "absent",
    "absent again",
)


@dataclass
class Row:
    """One module in one shell."""

    marks: dict[str, str] = field(default_factory=dict)

    def passed(self, *columns: str) -> None:
        """Note what was seen to be right."""
        self.marks.update(dict.fromkeys(columns, "ok"))


class Table:
    """Rows by (module, shell)."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}

    @contextmanager
    def row(self, module: str, shell: str) -> Iterator[Row]:
        """A row to fill; what was not reached when the block fails is marked."""
        row = self._rows[(module, shell)] = Row()
        try:
            yield row
        except BaseException:
            row.marks.setdefault(next((name for name in COLUMNS if name not in row.marks), "?"), "FAIL")
            raise

    def lines(self) -> list[str]:
        """The table as text; "-" where a module has nothing to do."""
        if not self._rows:
            return []
        width = max(len(module) for module, _shell in self._rows)
        head = f"{'module':{width}}  {'shell':10}  " + "  ".join(COLUMNS)
        body = [
            f"{module:{width}}  {shell:10}  " + "  ".join(f"{row.marks.get(name, '-'):{len(name)}}" for name in COLUMNS)
            for (module, shell), row in self._rows.items()
        ]
        return [head, *body]


TABLE = Table()
