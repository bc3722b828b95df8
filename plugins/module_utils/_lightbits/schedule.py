# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When snapshots are taken by themselves, in the collection's words and in the API's.

A schedule is ``{"hourly": {"every": 4, "start_time": T}}``, ``{"daily": {"every": 1, "start_time": T}}`` or
``{"weekly": [{"day": "Monday", "start_time": T}]}``, T a time in UTC as RFC 3339 writes it.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._errors import UsageError
from .._values import integer, mapping, mappings, text, timestamp, write_timestamp

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
# The kind of a schedule -> the API's fields of the schedule and of its cycle.
_CYCLES = {"hourly": ("hourlySchedule", "hoursInCycle"), "daily": ("dailySchedule", "daysInCycle")}
_LONGEST = {"hourly": 24 * 7, "daily": 366}


def wanted_schedule(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schedule that options of lightbits_snapshot_policy ask for, None for none. Raises UsageError."""
    for kind, longest in _LONGEST.items():
        given = options.get(kind)
        if given is not None:
            every = given["every"]
            if not 1 <= every <= longest:
                raise UsageError(f"{kind}.every is {every}; it must be between 1 and {longest}.")
            return {kind: {"every": every, "start_time": _start(f"{kind}.start_time", given["start_time"])}}
    weekly = options.get("weekly")
    if weekly is None:
        return None
    if not weekly:
        raise UsageError("weekly is empty: give at least one day, or set state to absent.")
    entries = [{"day": one["day"], "start_time": _start("weekly.start_time", one["start_time"])} for one in weekly]
    return {"weekly": _sorted(entries)}


def _start(option: str, given: str) -> str:
    try:
        found = timestamp(given)
    except ValueError as error:
        raise UsageError(f"{option} is wrong: {error}.") from None
    if found is None:
        raise UsageError(f"{option} is {given!r}; it must be a time like 2026-01-31T12:00:00Z.")
    return write_timestamp(found)


def _sorted(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: (DAYS.index(entry["day"]), entry["start_time"]))


def read_schedule(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``schedulePolicy`` of the API in the collection's words. Raises ValueError."""
    schedule = mapping(policy, "snapshotSchedulePolicy")
    for kind, (field, cycle) in _CYCLES.items():
        if field in schedule:
            found = mapping(schedule, field)
            return {kind: {"every": integer(found.get(cycle)), "start_time": _written(found)}}
    entries = mappings(mapping(schedule, "weeklySchedule"), "daysOfWeek")
    if any(text(entry, "day") not in DAYS for entry in entries):
        raise ValueError("its schedule has a day that no week has")
    return {"weekly": _sorted([{"day": text(entry, "day"), "start_time": _written(entry)} for entry in entries])}


def _written(entry: Mapping[str, Any]) -> str:
    found: datetime | None = timestamp(entry.get("startTime"))
    return "" if found is None else write_timestamp(found)


def encode_schedule(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schedule as the API's ``snapshotSchedulePolicy``."""
    for kind, (field, cycle) in _CYCLES.items():
        if kind in schedule:
            return {field: {"startTime": schedule[kind]["start_time"], cycle: schedule[kind]["every"]}}
    entries = [{"startTime": entry["start_time"], "day": entry["day"]} for entry in schedule["weekly"]]
    return {"weeklySchedule": {"daysOfWeek": entries}}
