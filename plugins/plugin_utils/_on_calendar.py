# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn crontab(5) schedules into systemd.time(7) calendar expressions. Private to metalstack.provisioning."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    # cron's week starts on Sunday, systemd's "weekly" is Monday
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_KEYWORDS = (
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "yearly",
    "annually",
)
_ITEM = re.compile(r"(?:\*|([a-z]+|[0-9]+)(?:-([a-z]+|[0-9]+))?)(?:/([0-9]+))?", re.ASCII)

_DAY_NAME = "(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DAY_RANGE = rf"{_DAY_NAME}(?:\.\.{_DAY_NAME})?"
_WEEKDAYS = re.compile(rf"{_DAY_RANGE}(?:,{_DAY_RANGE})*", re.ASCII | re.IGNORECASE)
# Which zones exist is up to the host.
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+", re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.\.[0-9]+)?)(?:/([0-9]+))?", re.ASCII)


class ScheduleError(ValueError):
    """Not a schedule. The text is one sentence with the wrong and the right value."""


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, ("sun", *(day.lower() for day in _DAYS[:6]))),
)


def on_calendar(schedule: object) -> list[str]:
    """Return the ``OnCalendar=`` values of one schedule, or of a list of schedules.

    A schedule is a crontab expression of five fields, one of cron's names such as ``@daily``, or a calendar
    expression of systemd, which is returned as it is. cron's rule "day of month *or* day of week, when both are
    restricted" needs two calendar expressions. Raises :class:`ScheduleError`.
    """
    if isinstance(schedule, (list, tuple)):
        if not schedule:
            raise ScheduleError("The schedule is an empty list: give at least one schedule.")
        # the same expression twice would only be noise
        return list(dict.fromkeys(expression for item in schedule for expression in on_calendar(item)))
    if not isinstance(schedule, str):
        raise _error(schedule, "is not text")
    text = " ".join(schedule.split())
    if text.startswith("@"):
        if text.lower() not in _ALIASES:
            raise _error(schedule, f"is not one of {', '.join(_ALIASES)}")
        text = _ALIASES[text.lower()]
    fields = text.split(" ")
    if len(fields) == 5:
        return _from_cron(schedule, fields)
    problem = _calendar_problem(fields)
    if problem:
        raise _error(schedule, problem)
    return [text]


def _error(schedule: object, problem: str) -> ScheduleError:
    value = ascii(schedule)
    value = value if len(value) <= 70 else f"{value[:60]}..."
    return ScheduleError(
        f"The schedule {value} {problem}: give a crontab expression of five fields such as '*/10 * * * *', "
        "or a calendar expression of systemd such as '*-*-* 02:30:00'."
    )


def _from_cron(schedule: str, fields: list[str]) -> list[str]:
    try:
        minutes, hours, days, months, weekdays = (_cron_values(text, field) for text, field in zip(fields, _FIELDS))
    except ValueError as error:
        raise _error(schedule, str(error)) from None
    time = f"{_calendar_values(hours, 0, 23)}:{_calendar_values(minutes, 0, 59)}:00"
    month = _calendar_values(months, 1, 12)
    day = _calendar_values(days, 1, 31)
    # 0 and 7 are both Sunday
    weekday = _calendar_weekdays({(number - 1) % 7 for number in weekdays})
    possible = min(days) <= max(_LONGEST_MONTHS[number - 1] for number in months)
    # crontab(5): a field is restricted when it does not start with *; even */2 is not.
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        every_day = f"{weekday}*-{month}-* {time}"
        return [every_day, f"*-{month}-{day} {time}"] if possible and weekday else [every_day]
    if not possible:
        raise _error(schedule, "never happens, since no such month has that day")
    return [f"{weekday}*-{month}-{day} {time}"]


def _cron_values(text: str, field: _Field) -> set[int]:
    """Return the numbers that one field of a crontab line stands for. Raises ValueError with a part of a sentence."""
    values: set[int] = set()
    for item in text.lower().split(","):
        match = _ITEM.fullmatch(item)
        if not match:
            raise ValueError(f"has the {field.name} {text!a}, which cron does not know")
        first, last, step = match.groups()
        start = field.least if first is None else _cron_number(first, field)
        if last is not None:
            end = _cron_number(last, field)
        elif first is None or step is not None:
            # "*" and "5/15"; day 7 is day 0 again
            end = 6 if field.names and field.least == 0 else field.most
        else:
            end = start
        stride = 1 if step is None else int(step)
        if start > end:
            raise ValueError(f"has the {field.name} {item!a}, which runs backwards")
        if not 1 <= stride <= field.most:
            raise ValueError(f"has the {field.name} {item!a}, whose step is not from 1 to {field.most}")
        values.update(range(start, end + 1, stride))
    return values


def _cron_number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.least
    if not text.isdigit() or len(text) > 2 or not field.least <= int(text) <= field.most:
        allowed = f"{field.least} to {field.most}"
        names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise ValueError(f"has the {field.name} {text!a}, which is not from {allowed}{names}")
    return int(text)


def _calendar_values(values: set[int], least: int, most: int) -> str:
    """Return ``*``, ``00/10``, ``09..17`` or a list of numbers and ranges."""
    ordered = sorted(values)
    if len(ordered) == most - least + 1:
        return "*"
    if len(ordered) > 2:
        step = ordered[1] - ordered[0]
        # Only where the steps come out even: systemd 252 leaves out midnight after 23:56 of "*:00/7".
        if step > 1 and (most - least + 1) % step == 0 and ordered == list(range(ordered[0], most + 1, step)):
            return f"{ordered[0]:02}/{step}"
    return ",".join(
        f"{first:02}" if first == last else f"{first:02}{separator}{last:02}"
        for first, last, separator in _runs(ordered)
    )


def _calendar_weekdays(days: set[int]) -> str:
    """Return the days (0 is Monday) with a space after them, or nothing when it is all of them."""
    if len(days) == 7:
        return ""
    return (
        ",".join(
            _DAYS[first] if first == last else f"{_DAYS[first]}{separator}{_DAYS[last]}"
            for first, last, separator in _runs(sorted(days))
        )
        + " "
    )


def _runs(ordered: list[int]) -> list[tuple[int, int, str]]:
    """Return runs of neighbours as (first, last, separator): two neighbours are a list, three are a range."""
    runs: list[list[int]] = []
    for value in ordered:
        if runs and runs[-1][1] == value - 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return [(first, last, "," if last == first + 1 else "..") for first, last in runs]


def _calendar_problem(words: list[str]) -> str | None:
    """Say what is wrong with ``[weekdays] [date] [time] [zone]`` or ``keyword [zone]``, None if nothing is."""
    rest = list(words)
    if rest[0].lower() in _KEYWORDS:
        rest = rest[1:]
    else:
        before = len(rest)
        if _is_weekdays(rest[0]):
            rest = rest[1:]
        for is_part in (_is_date, _is_time):
            if rest and is_part(rest[0]):
                rest = rest[1:]
        if len(rest) == before:
            return "is neither of cron nor of systemd"
    if rest and _ZONE.fullmatch(rest[0]):
        rest = rest[1:]
    return f"has {rest[0]!a}, which is not understood there" if rest else None


def _is_weekdays(word: str) -> bool:
    if not _WEEKDAYS.fullmatch(word):
        return False
    spans = ([_DAYS.index(day[:3].title()) for day in span.split("..")] for span in word.split(","))
    return all(span == sorted(span) for span in spans)


def _is_date(word: str) -> bool:
    if "~" in word:
        # days counted from the end of the month
        front, _tilde, day = word.partition("~")
        parts = [*front.split("-"), day]
    else:
        parts = word.split("-")
    limits = ((1970, 2199), (1, 12), (1, 31))
    return 2 <= len(parts) <= 3 and all(
        _is_part(part, least, most) for part, (least, most) in zip(parts, limits[-len(parts) :])
    )


def _is_time(word: str) -> bool:
    parts = word.split(":")
    return 2 <= len(parts) <= 3 and all(_is_part(part, 0, most) for part, most in zip(parts, (23, 59, 59)))


def _is_part(text: str, least: int, most: int) -> bool:
    """Tell whether the text is ``*``, or a list of ``7``, ``1..5``, ``0/10``, ``1..9/2``, all within the limits."""
    if text == "*":
        return True
    for item in text.split(","):
        match = _PART.fullmatch(item)
        if not match or len(item) > 14:
            return False
        numbers = [int(number) for number in match.group(1).split("..")]
        if numbers != sorted(numbers) or not all(least <= number <= most for number in numbers):
            return False
        # systemd takes no step that leads from the first number beyond the last one there is
        if match.group(2) is not None and not 1 <= int(match.group(2)) <= most - numbers[0]:
            return False
    return True
