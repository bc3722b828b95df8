# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of a cluster (``/events``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .._durations import parse_duration
from .._errors import ProtocolError, UsageError
from .._values import integer, mapping, mappings, text, timestamp
from .client import segment

if TYPE_CHECKING:
    from .client import Lightbits

SEVERITIES = ("Info", "Low", "Medium", "High", "Critical")
TYPES = ("Cluster", "Node", "Volume", "NVMeSSD", "Server", "DataIntegrity", "ClusterEncryption")
# As many as are asked for at once.
_PAGE = 500
_NAMED = ("ComponentNVMeSSDInfo", "ComponentNodeInfo", "ComponentServerInfo", "ComponentClusterInfo")
# What the API says where it does not know, in its own spelling.
_UNKNOWN = ("", "UnknownType", "UnkownSeverity", "UnkownReportingService")


def list_events(api: Lightbits, wanted: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """Return the events that match the options of lightbits_event_info, the newest first.

    In which order the API has them is not documented, so all of the time between ``since`` and ``until`` are read,
    and ``limit`` leaves the newest.
    """
    since, until = (_moment(option, wanted.get(option), now) for option in ("since", "until"))
    if since is not None and until is not None and until < since:
        raise UsageError("until is before since: there is no time between them.")
    project = wanted.get("project")
    path = "/events" if project is None else f"/projects/{segment(project)}/events"
    query = {
        "since": _written(since),
        "until": _written(until),
        "severity": wanted.get("severity") or None,
        "componentType": wanted.get("type"),
    }
    found = [_Event(item) for item in _pages(api, path, query)]
    found.sort(key=lambda event: event.time, reverse=True)
    return [event.shown for event in found[: wanted.get("limit")]]


def _pages(api: Lightbits, path: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    asked = {**query, "limit": _PAGE}
    while True:
        answer = api.get(path, asked)
        try:
            events, following = mappings(answer, "events"), text(answer, "nextToken")
        except ValueError as error:
            raise ProtocolError(f"The events of the Lightbits API cannot be understood: {error}.") from None
        yield from events
        if not events or not following:
            return
        if following == asked.get("nextToken"):
            raise ProtocolError("The Lightbits API repeats a page of events.")
        asked["nextToken"] = following


class _Event:
    """``shown`` in the collection's words, and when it was. Raises ProtocolError."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        try:
            self.time = timestamp(item.get("Time")) or datetime.min.replace(tzinfo=timezone.utc)
            self.shown = {
                "id": text(item, "ID"),
                "time": text(item, "Time"),
                "type": _known(text(item, "Type")),
                "severity": _known(text(item, "Severity")),
                "name": text(item, "EventName"),
                "code": integer(item.get("EventCode")),
                "cause_code": integer(item.get("CauseCode")),
                "service": _known(text(item, "ReportingService")),
                "status": text(item, "Status"),
                "description": text(item, "Description"),
                "associated_event": text(item, "AssociatedEventID"),
                "component": _component(item),
            }
        except ValueError as error:
            raise ProtocolError(f"An event of the Lightbits API cannot be understood: {error}.") from None


def _known(word: str) -> str:
    return "Unknown" if word in _UNKNOWN else word


def _component(item: Mapping[str, Any]) -> list[str]:
    """Names of what the event is about; volumes as ``project/name``."""
    for key in _NAMED:
        if item.get(key):
            component = mapping(item, key)
            return [text(component, "Name") or text(component, "ID")]
    integrity = mapping(item, "ComponentDataIntegrityInfo")
    if integrity:
        return [text(integrity, "NodeUUID") or text(integrity, "ServerUUID")]
    projects = mapping(mapping(item, "ComponentVolumesInfo"), "ProjectVolumesMap")
    return [
        f"{project}/{text(volume, 'Name') or text(volume, 'ID')}"
        for project in sorted(projects)
        for volume in mappings(mapping(projects, project), "VolumeComponentInfoList")
    ]


def _moment(option: str, given: str | None, now: datetime) -> datetime | None:
    """Return a time, or how long ago, as a time. Raises UsageError."""
    if given is None:
        return None
    if "T" in given:
        try:
            return timestamp(given)
        except ValueError as error:
            raise UsageError(f"{option} is wrong: {error}.") from None
    try:
        return now - timedelta(seconds=parse_duration(given, option))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} is {given!r}; it must be a time like 2026-01-31T12:00:00Z, or how long ago, like 2h or 30d."
        ) from None


def _written(moment: datetime | None) -> str | None:
    """Return it as the API reads it, in UTC with milliseconds."""
    return None if moment is None else f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
