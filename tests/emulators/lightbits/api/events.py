# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/events``: what has happened, by time, severity, component or project."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..call import Call
from ..gateway import PROJECT, Route
from ..refusal import INVALID_ARGUMENT, UNIMPLEMENTED, Refusal
from ..state import Thing

PAGE = 100
_EVER = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)


def _list(call: Call) -> Mapping[str, Any]:
    project, kind, severities = (
        call.path.get("project", ""),
        call.asked("componentType"),
        call.query.get("severity", ()),
    )
    if sum(map(bool, (project, kind, severities))) > 1:
        raise Refusal(UNIMPLEMENTED, "specify only a single parameter to filter events")
    since, until = (_time(call.asked(name), ever) for name, ever in zip(("since", "until"), _EVER, strict=True))
    found = [
        event
        for event in call.state.events
        if (not project or project in _projects(event))
        and kind in ("", event["Type"])
        and (not severities or event["Severity"] in severities)
        and since <= _time(event["Time"], since) <= until
    ]
    return _page(call, found)


def _projects(event: Thing) -> Mapping[str, Any]:
    projects: Mapping[str, Any] = event.get("ComponentVolumesInfo", {}).get("ProjectVolumesMap", {})
    return projects


def _time(text: str, default: datetime) -> datetime:
    """A time in UTC, as the API writes and reads it."""
    if not text:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(INVALID_ARGUMENT, f"invalid time {text!r}") from None
    if found.tzinfo is None:
        raise Refusal(INVALID_ARGUMENT, f"invalid time {text!r}")
    return found


def _page(call: Call, found: list[Thing]) -> Mapping[str, Any]:
    """``nextToken`` is the ID of the first event that is asked for next."""
    limit = int(call.asked("limit", str(PAGE)) or PAGE)
    if limit < 1:
        raise Refusal(INVALID_ARGUMENT, "invalid limit")
    token = call.asked("nextToken")
    start = next((number for number, event in enumerate(found) if event["ID"] == token), None) if token else 0
    if start is None:
        raise Refusal(INVALID_ARGUMENT, "invalid nextToken")
    rest = found[start + limit :]
    return {"events": found[start : start + limit], "nextToken": rest[0]["ID"] if rest else ""}


ROUTES = [
    Route("GET", "/events", _list),
    Route("GET", "/projects/{project}/events", _list, PROJECT),
]
