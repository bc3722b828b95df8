# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics in the text format of Prometheus, from the last reports.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .report import COMPLETE, FAILED, PARTIAL

_PREFIX = "image_cache_"
_KINDS = ("image", "kernel", "boot-image")


def render(sync: Mapping[str, Any] | None, verify: Mapping[str, Any] | None) -> str:
    """Return all metrics that the last reports of ``sync`` and ``verify`` (JSON types) allow."""
    page = _Page()
    if sync is not None:
        _sync(page, sync)
    if verify is not None:
        _verify(page, verify)
    return page.text()


def _sync(page: _Page, report: Mapping[str, Any]) -> None:
    labels = {"host": str(report.get("host")), "partition": str(report.get("partition"))}
    page.gauge("info", "Which host and partition this is.", [(labels, 1)])
    page.gauge("sync_last_run_timestamp_seconds", "When the last run ended.", _time(report.get("finished")))
    page.gauge(
        "sync_last_success_timestamp_seconds", "When the last complete run ended.", _time(report.get("last_success"))
    )
    page.gauge("sync_last_run_duration_seconds", "How long the last run took.", _number(report, "duration_seconds"))
    page.gauge("sync_last_run_result", "1 for the result of the last run.", _result(report))
    page.gauge("generation", "Number of the generation that is served.", _number(report, "generation"))
    files = report.get("files") or {}
    page.gauge("files", "Files that are served.", [({"kind": kind}, files.get(kind, 0)) for kind in _KINDS])
    page.gauge("size_bytes", "Bytes of the files that are served.", _number(report, "bytes"))
    page.gauge("max_size_bytes", "The configured maximum cache size, if any.", _number(report, "max_cache_size"))
    page.gauge(
        "over_budget_bytes",
        "Bytes above the maximum cache size, because the minimum of images demands them.",
        _number(report, "over_budget_bytes"),
    )
    page.gauge("sync_failed_files", "Files that failed in the last run.", [({}, len(report.get("failures") or []))])
    page.gauge(
        "metal_api_token_expiry_timestamp_seconds",
        "When the token of the metal-api expires.",
        _time(report.get("token_expires_at")),
    )
    totals = report.get("totals") or {}
    page.counter(
        "sync_downloaded_bytes_total",
        "Bytes fetched, by where they came from.",
        [({"source": source}, totals.get(f"downloaded_{source}_bytes", 0)) for source in ("store", "peer")],
    )
    page.counter("sync_failures_total", "Files that failed, over all runs.", [({}, totals.get("failures", 0))])
    page.counter("sync_runs_total", "Runs that came to an end.", [({}, totals.get("runs", 0))])


def _verify(page: _Page, report: Mapping[str, Any]) -> None:
    page.gauge("verify_last_run_timestamp_seconds", "When the last check ended.", _time(report.get("finished")))
    page.gauge(
        "verify_last_success_timestamp_seconds",
        "When the last check that left nothing damaged ended.",
        _time(report.get("last_success")),
    )
    page.gauge("verify_last_run_duration_seconds", "How long the last check took.", _number(report, "duration_seconds"))
    page.gauge("verify_last_run_result", "1 for the result of the last check.", _result(report))
    page.gauge("verify_read_bytes", "Bytes that the last check read.", _number(report, "read_bytes"))
    corrupt, failures = report.get("corrupt") or [], report.get("failures") or []
    page.gauge("verify_corrupt_files", "Files that the last check found damaged.", [({}, len(corrupt))])
    page.gauge("verify_unrepaired_files", "Damaged files that it could not repair.", [({}, len(failures))])
    totals = report.get("totals") or {}
    page.counter("verify_corrupt_files_total", "Damaged files, over all checks.", [({}, totals.get("corrupt", 0))])


_Samples = list[tuple[Mapping[str, str], float]]


class _Page:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, text: str, samples: _Samples) -> None:
        self._metric(name, "gauge", text, samples)

    def counter(self, name: str, text: str, samples: _Samples) -> None:
        self._metric(name, "counter", text, samples)

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def _metric(self, name: str, kind: str, text: str, samples: _Samples) -> None:
        if not samples:
            # what is not known is left out: 0 would be a lie, and an alert
            return
        self._lines += [f"# HELP {_PREFIX}{name} {text}", f"# TYPE {_PREFIX}{name} {kind}"]
        for labels, value in samples:
            inside = ",".join(f'{label}="{_escape(content)}"' for label, content in labels.items())
            self._lines.append(f"{_PREFIX}{name}{'{' + inside + '}' if inside else ''} {_digits(value)}")


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _digits(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _result(report: Mapping[str, Any]) -> _Samples:
    return [({"result": result}, int(report.get("result") == result)) for result in (COMPLETE, PARTIAL, FAILED)]


def _number(report: Mapping[str, Any], name: str) -> _Samples:
    value = report.get(name)
    return [({}, value)] if isinstance(value, (int, float)) else []


def _time(text: object) -> _Samples:
    if not isinstance(text, str):
        return []
    try:
        return [({}, datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())]
    except ValueError:
        return []
