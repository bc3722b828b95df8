# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see: the tables of ``plan``, ``status`` and the last lines of runs.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._units import format_size


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return lines with aligned columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def plan_text(data: Mapping[str, Any]) -> str:
    """Return the table of ``plan``."""
    rows = [["ACTION", "FILE", "SIZE", "REASON"]]
    rows += [[row["action"], row["file"], _size(row["size"]), row["reason"] or ""] for row in data["files"]]
    text = table(rows)
    text += f"\n{format_size(data['total_bytes'])} in {data['wanted']} files"
    if data["max_cache_size"] is not None:
        text += f", at most {format_size(data['max_cache_size'])}"
    text += ".\n"
    if data["over_budget_bytes"]:
        text += f"That is {format_size(data['over_budget_bytes'])} too much, because min_images_per_name demands it.\n"
    for row in data["skipped"]:
        text += f"Left out: {row['file']}: {row['reason']}\n"
    for sentence in data["warnings"]:
        text += f"Warning: {sentence}\n"
    return text


def status_text(data: Mapping[str, Any]) -> str:
    """Return the table of ``status``."""
    sync, verify = data["sync"] or {}, data["verify"] or {}
    generation = "none" if data["generation"] is None else str(data["generation"])
    rows = [
        ["HOST", data["host"]],
        ["PARTITION", data["partition"]],
        ["GENERATION", f"{generation}{', published ' + data['created'] if data['created'] else ''}"],
        ["FILES", f"{len(data['files'])}, {format_size(data['bytes'])}"],
        ["LAST RUN", _last(sync)],
        ["LAST COMPLETE RUN", sync.get("last_success") or "never"],
        ["LAST CHECK", _last(verify)],
    ]
    if data["running"]:
        rows.append(["RUNNING", data["running"]])
    if sync.get("over_budget_bytes"):
        rows.append(["OVER BUDGET", format_size(sync["over_budget_bytes"])])
    if sync.get("token_expires_at"):
        rows.append(["TOKEN EXPIRES", sync["token_expires_at"]])
    text = table(rows)
    if data["files"]:
        heading = ["FILE", "KIND", "SIZE", "STATE", "VERIFIED"]
        files = [[f["file"], f["kind"], format_size(f["size"]), f["state"], f["verified_at"]] for f in data["files"]]
        text += "\n" + table([heading, *files])
    for name, report in (("run", sync), ("check", verify)):
        for failure in report.get("failures") or []:
            text += f"\nFailed in the last {name}: {failure['file']}: {failure['reason']}"
    return text if text.endswith("\n") else f"{text}\n"


def report_text(report: Mapping[str, Any]) -> str:
    """Return the lines that end a run."""
    downloaded = report["downloaded"]
    text = (
        f"{report['command']}: {report['result']} in {report['duration_seconds']:.1f} s, "
        f"{sum(report['files'].values())} files, {format_size(report['bytes'])} served; "
        f"{format_size(downloaded['store'])} from the store, {format_size(downloaded['peer'])} from peers.\n"
    )
    if report["reason"]:
        text += f"{report['reason']}\n"
    return text


def _last(report: Mapping[str, Any]) -> str:
    if not report:
        return "never"
    text = f"{report['finished']}, {report['result']}, {report['duration_seconds']:.1f} s"
    return f"{text}: {report['reason']}" if report.get("reason") else text


def _size(size: int | None) -> str:
    return "unknown" if size is None else format_size(size)
