# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did, for ``status``, ``--json`` and the metrics. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .files import write_atomic

COMPLETE, PARTIAL, FAILED = "complete", "partial", "failed"
VERSION = 1
_LIMIT = 64 * 1024 * 1024


def timestamp(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Report:
    """One run of ``sync`` or ``verify``. Sizes in bytes, times RFC 3339 in UTC, lists of plain JSON objects.

    ``reason`` is the sentence for a run that is not complete. ``totals`` add up over all runs.
    """

    command: str
    host: str
    partition: str
    started: str
    finished: str = ""
    duration_seconds: float = 0.0
    result: str = FAILED
    reason: str | None = None
    last_success: str | None = None
    generation: int | None = None
    files: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    over_budget_bytes: int = 0
    max_cache_size: int | None = None
    token_expires_at: str | None = None
    fetched: list[dict[str, Any]] = field(default_factory=list)
    removed: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    corrupt: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    downloaded: dict[str, int] = field(default_factory=lambda: {"store": 0, "peer": 0})
    read_bytes: int = 0
    totals: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return {"version": VERSION, **vars(self)}

    def finish(self, moment: datetime, seconds: float, previous: Mapping[str, Any] | None) -> None:
        """Close the report; ``previous`` is that of the run before, whose totals go on."""
        self.finished = timestamp(moment)
        self.duration_seconds = round(seconds, 3)
        before = previous or {}
        self.last_success = self.finished if self.result == COMPLETE else before.get("last_success")
        totals = before.get("totals")
        self.totals = {
            name: value + (float(totals.get(name) or 0) if isinstance(totals, dict) else 0)
            for name, value in {
                "runs": 1,
                "downloaded_store_bytes": self.downloaded["store"],
                "downloaded_peer_bytes": self.downloaded["peer"],
                "failures": len(self.failures),
                "corrupt": len(self.corrupt),
            }.items()
        }


def load(path: Path) -> dict[str, Any] | None:
    """Read a report; None when there is none that can be used."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_LIMIT))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("version") == VERSION else None


def save(path: Path, report: Report) -> None:
    """Replace a report. Raises OSError."""
    write_atomic(path, json.dumps(report.to_json(), indent=1).encode() + b"\n")
