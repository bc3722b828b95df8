# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: what cron means is what systemd then does, shown by comparing the times of both.

Cron's side is a small evaluator in this file, written from crontab(5). systemd's side is another one, for the
expressions that the filter writes, and ``systemd-analyze calendar`` itself where it is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.filter.on_calendar import FilterModule
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._on_calendar import ScheduleError, on_calendar

START = datetime(2027, 1, 30, 22, 58, tzinfo=timezone.utc)
COUNT = 6
HORIZON = START + timedelta(days=4 * 366)
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")


def expand(text: str, least: int, most: int, names: str = "") -> set[int]:
    """Expand a field of cron, as crontab(5) describes it."""
    result = set()
    for item in text.lower().split(","):
        span, _slash, step = item.partition("/")
        for number, name in enumerate(names.split(), start=least):
            span = span.replace(name, str(number))
        first, dash, last = span.partition("-")
        low = least if first == "*" else int(first)
        high = int(last) if dash else (most if first == "*" or step else low)
        result |= {number for number in range(low, high + 1) if not (number - low) % int(step or 1)}
    return result


def cron_matches(line: str) -> Callable[[datetime], bool]:
    """Return a predicate on minutes."""
    fields = line.split()
    minutes, hours = expand(fields[0], 0, 59), expand(fields[1], 0, 23)
    days = expand(fields[2], 1, 31)
    months = expand(fields[3], 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec")
    weekdays = {number % 7 for number in expand(fields[4], 0, 6, "sun mon tue wed thu fri sat")}
    either = fields[2][0] != "*" and fields[4][0] != "*"

    def matches(now: datetime) -> bool:
        day, weekday = now.day in days, now.isoweekday() % 7 in weekdays
        on_day = (day or weekday) if either else (day and weekday)
        return on_day and now.month in months and now.hour in hours and now.minute in minutes

    return matches


def next_times(matches: Callable[[datetime], bool], day_matches: Callable[[datetime], bool]) -> list[datetime]:
    """The next times after START, at most COUNT of them, within four years."""
    found: list[datetime] = []
    now = START + timedelta(minutes=1)
    while len(found) < COUNT and now < HORIZON:
        if not day_matches(now):
            now = (now + timedelta(days=1)).replace(hour=0, minute=0)
            continue
        if matches(now):
            found.append(now)
        now += timedelta(minutes=1)
    return found


def times_of_cron(line: str) -> list[datetime]:
    matches = cron_matches(line)
    any_time = cron_matches(" ".join(["*", "*", *line.split()[2:]]))
    return next_times(matches, any_time)


def calendar_set(text: str, least: int, most: int) -> set[int]:
    result = set()
    for item in text.split(","):
        if item == "*":
            result |= set(range(least, most + 1))
        elif "/" in item:
            start, _slash, step = item.partition("/")
            result |= set(range(int(start), most + 1, int(step)))
        else:
            first, _dots, last = item.partition("..")
            result |= set(range(int(first), int(last or first) + 1))
    return result


def times_by_python(expressions: list[str]) -> list[datetime]:
    parsed = []
    for expression in expressions:
        *week, date, time = expression.split(" ")
        names = week[0] if week else "Mon..Sun"
        for number, name in enumerate(DAYS):
            names = names.replace(name, str(number))
        _year, month, day = date.split("-")
        hour, minute, second = time.split(":")
        assert (_year, second) == ("*", "00")
        parsed.append(
            (
                calendar_set(names, 0, 6),
                calendar_set(month, 1, 12),
                calendar_set(day, 1, 31),
                calendar_set(hour, 0, 23),
                calendar_set(minute, 0, 59),
            )
        )

    def day_matches(now: datetime) -> bool:
        return any(now.weekday() in p[0] and now.month in p[1] and now.day in p[2] for p in parsed)

    def matches(now: datetime) -> bool:
        return any(
            now.weekday() in p[0] and now.month in p[1] and now.day in p[2] and now.hour in p[3] and now.minute in p[4]
            for p in parsed
        )

    return next_times(matches, day_matches)


def run_systemd_analyze(expressions: list[str]) -> subprocess.CompletedProcess[str]:
    assert SYSTEMD_ANALYZE is not None
    return subprocess.run(
        [
            SYSTEMD_ANALYZE,
            "calendar",
            f"--iterations={COUNT}",
            f"--base-time={START:%Y-%m-%d %H:%M:%S} UTC",
            *expressions,
        ],
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )


def times_by_systemd(expressions: list[str]) -> list[datetime]:
    result = run_systemd_analyze(expressions)
    assert result.returncode == 0, result.stderr
    stamps = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", result.stdout)
    times = {datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc) for stamp in stamps}
    return [time for time in sorted(times) if time < HORIZON][:COUNT]


EVALUATORS = [times_by_python, *([times_by_systemd] if SYSTEMD_ANALYZE else [])]

CASES = [
    ("*/10 * * * *", ["*-*-* *:00/10:00"]),
    ("* * * * *", ["*-*-* *:*:00"]),
    ("0 * * * *", ["*-*-* *:00:00"]),
    ("5,35 * * * *", ["*-*-* *:05,35:00"]),
    ("*/7 * * * *", ["*-*-* *:00,07,14,21,28,35,42,49,56:00"]),
    ("3-59/20 * * * *", ["*-*-* *:03/20:00"]),
    ("10-40/15 * * * *", ["*-*-* *:10,25,40:00"]),
    ("5/15 * * * *", ["*-*-* *:05/15:00"]),
    ("30 2 * * *", ["*-*-* 02:30:00"]),
    ("0 */6 * * *", ["*-*-* 00/6:00:00"]),
    ("0 9-17 * * *", ["*-*-* 09..17:00:00"]),
    ("0 22-23,0-4 * * *", ["*-*-* 00..04,22,23:00:00"]),
    ("0 0 1 * *", ["*-*-01 00:00:00"]),
    ("0 0 29 2 *", ["*-02-29 00:00:00"]),
    ("0 0 31 * *", ["*-*-31 00:00:00"]),
    ("0 0 1 */3 *", ["*-01/3-01 00:00:00"]),
    ("0 0 1 jan,Jul *", ["*-01,07-01 00:00:00"]),
    ("0 0 * mar-may *", ["*-03..05-* 00:00:00"]),
    ("15 4 * * 0", ["Sun *-*-* 04:15:00"]),
    ("15 4 * * 7", ["Sun *-*-* 04:15:00"]),
    ("15 4 * * sun", ["Sun *-*-* 04:15:00"]),
    ("15 4 * * 1-5", ["Mon..Fri *-*-* 04:15:00"]),
    ("15 4 * * mon-fri", ["Mon..Fri *-*-* 04:15:00"]),
    ("15 4 * * MON,Wed,fri", ["Mon,Wed,Fri *-*-* 04:15:00"]),
    ("15 4 * * 5-7", ["Fri..Sun *-*-* 04:15:00"]),
    ("15 4 * * 0-2", ["Mon,Tue,Sun *-*-* 04:15:00"]),
    ("15 4 * * 0,6", ["Sat,Sun *-*-* 04:15:00"]),
    ("15 4 * * 0-7", ["*-*-* 04:15:00"]),
    ("15 4 * * */2", ["Tue,Thu,Sat,Sun *-*-* 04:15:00"]),
    ("15 4 * * 1/2", ["Mon,Wed,Fri *-*-* 04:15:00"]),
    ("30 2 1 * mon", ["Mon *-*-* 02:30:00", "*-*-01 02:30:00"]),
    ("30 2 1,15 6 1-5", ["Mon..Fri *-06-* 02:30:00", "*-06-01,15 02:30:00"]),
    ("30 2 */2 * mon", ["Mon *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 02:30:00"]),
    ("30 2 1 * *", ["*-*-01 02:30:00"]),
    ("30 2 13 * */5", ["Fri,Sun *-*-13 02:30:00"]),
    ("30 2 31 feb mon", ["Mon *-02-* 02:30:00"]),
    ("30 2 1 * 0-6", ["*-*-* 02:30:00"]),
]


@pytest.mark.parametrize(("line", "expressions"), CASES)
def test_cron_lines(line: str, expressions: list[str]) -> None:
    assert on_calendar(line) == expressions


@pytest.mark.parametrize("evaluate", EVALUATORS)
@pytest.mark.parametrize("line", [line for line, _expressions in CASES])
def test_the_times_are_those_of_cron(line: str, evaluate: Callable[[list[str]], list[datetime]]) -> None:
    expected = times_of_cron(line)
    assert expected
    assert evaluate(on_calendar(line)) == expected


@pytest.mark.parametrize(
    ("alias", "expressions"),
    [
        ("@hourly", ["*-*-* *:00:00"]),
        ("@daily", ["*-*-* 00:00:00"]),
        ("@midnight", ["*-*-* 00:00:00"]),
        ("@weekly", ["Sun *-*-* 00:00:00"]),
        ("@Monthly", ["*-*-01 00:00:00"]),
        ("@yearly", ["*-01-01 00:00:00"]),
        ("@annually", ["*-01-01 00:00:00"]),
    ],
)
def test_names_of_cron(alias: str, expressions: list[str]) -> None:
    assert on_calendar(alias) == expressions


def field(least: int, most: int, names: str = "") -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, most)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    single = st.one_of(number.map(str), st.sampled_from(names.split() or [str(least)]))
    listed = st.lists(st.one_of(single, span), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), step, listed)


cron_lines = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 28),
    field(1, 12, "jan feb dec"),
    field(0, 6, "mon sat sun"),
).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(cron_lines)
def test_any_cron_line_has_the_times_of_cron(line: str) -> None:
    expressions = on_calendar(line)
    expected = times_of_cron(line)
    assert 1 <= len(expressions) <= 2
    for evaluate in EVALUATORS:
        assert evaluate(expressions) == expected


CALENDARS = [
    "daily",
    "weekly",
    "Hourly",
    "quarterly UTC",
    "*:0/10",
    "*:0/10:30",
    "02:30",
    "02:30:00",
    "02:30 Europe/Berlin",
    "Mon",
    "mon..fri",
    "Monday,Wednesday 03:00",
    "Mon..Fri *-*-* 02:30:00",
    "Sat,Sun *-*-01..07 00:00:00",
    "*-*-01 00:00:00 UTC",
    "*-01,07-01",
    "2030-01-01",
    "12-24 18:00",
    "*-02~01",
    "*-*~07/1 12:00",
    "*-*-* 0/2:05,35:00",
    "Mon *-05~07/1",
]


@pytest.mark.parametrize("text", CALENDARS)
def test_calendar_expressions_are_passed_through(text: str) -> None:
    assert on_calendar(text) == [text]


@pytest.mark.parametrize("check", [run_systemd_analyze] if SYSTEMD_ANALYZE else [lambda _texts: None])
def test_systemd_takes_what_is_passed_through(check: Callable[[list[str]], object]) -> None:
    result = check(CALENDARS)
    assert getattr(result, "returncode", 0) == 0, result


calendar_numbers = st.integers(0, 60).map(str)
calendar_items = st.one_of(
    st.just("*"),
    calendar_numbers,
    st.tuples(calendar_numbers, calendar_numbers).map("..".join),
    st.tuples(st.one_of(st.just("*"), calendar_numbers), st.integers(0, 70).map(str)).map("/".join),
)
calendar_parts = st.lists(calendar_items, min_size=1, max_size=2).map(",".join)
calendar_texts = st.tuples(
    st.sampled_from(["", "Mon ", "mon..Fri,Sun ", "Monsday ", "Mon, ", "daily ", "Fri..Tue "]),
    st.one_of(st.just(""), st.lists(calendar_parts, min_size=1, max_size=4).map("-".join)),
    st.sampled_from(["", " "]),
    st.one_of(st.just(""), st.lists(calendar_parts, min_size=1, max_size=4).map(":".join)),
    st.sampled_from(["", " UTC", " Europe/Berlin", " 5", " Mon"]),
).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(calendar_texts, min_size=5, max_size=20))
def test_systemd_takes_whatever_is_taken(texts: list[str]) -> None:
    taken = []
    for text in texts:
        try:
            taken += on_calendar(text)
        except ScheduleError:
            continue
    if taken and SYSTEMD_ANALYZE:
        result = run_systemd_analyze(taken)
        assert result.returncode == 0, result.stderr
    assert all(text == text.strip() for text in taken)


def test_blanks_are_evened_out() -> None:
    assert on_calendar("  0  2\t* * * ") == ["*-*-* 02:00:00"]
    assert on_calendar(" Mon   02:00 ") == ["Mon 02:00"]


def test_a_list_of_schedules() -> None:
    assert on_calendar(["0 2 * * *", "hourly", "0 2 * * *"]) == ["*-*-* 02:00:00", "hourly"]


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("", "is neither of cron nor of systemd"),
        ("sometimes", "is neither of cron nor of systemd"),
        ("*/10 * * *", "is neither of cron nor of systemd"),
        ("0 */10 * * * *", "is neither of cron nor of systemd"),
        ("10", "is neither of cron nor of systemd"),
        ("25:00", "is neither of cron nor of systemd"),
        ("1/23:00", "is neither of cron nor of systemd"),
        ("*-13-01", "is neither of cron nor of systemd"),
        ("Fri..Tue 10:00", "is neither of cron nor of systemd"),
        ("Mon..Fri 10:00 tomorrow", "has 'tomorrow', which is not understood there"),
        ("10:00 *-*-*", "has '*-*-*', which is not understood there"),
        ("@reboot", "is not one of @hourly"),
        ("@every 10m", "is not one of @hourly"),
        ("60 * * * *", "has the minute '60', which is not from 0 to 59"),
        ("* 24 * * *", "has the hour '24', which is not from 0 to 23"),
        ("* * 0 * *", "has the day of month '0', which is not from 1 to 31"),
        ("* * * 13 *", "has the month '13', which is not from 1 to 12, or jan to dec"),
        ("* * * mai *", "has the month 'mai', which is not from 1 to 12"),
        ("* * * * 8", "has the day of week '8', which is not from 0 to 7, or sun to sat"),
        ("* * * * jan", "has the day of week 'jan'"),
        ("mon * * * *", "has the minute 'mon', which is not from 0 to 59"),
        ("*/0 * * * *", "has the minute '*/0', whose step is not from 1 to 59"),
        ("*/60 * * * *", "has the minute '*/60', whose step"),
        ("5-1 * * * *", "has the minute '5-1', which runs backwards"),
        ("* * * * fri-mon", "has the day of week 'fri-mon', which runs backwards"),
        ("1,,2 * * * *", "has the minute '1,,2', which cron does not know"),
        ("H * * * *", "has the minute 'h', which is not from"),
        ("0 0 L * *", "has the day of month 'l'"),
        ("1-2-3 * * * *", "cron does not know"),
        ("*-5 * * * *", "cron does not know"),
        ("١ * * * *", "cron does not know"),
        ("000000000001 * * * *", "which is not from 0 to 59"),
        ("0 0 30 2 *", "never happens"),
        ("0 0 31 4,6 */2", "never happens"),
        (None, "is not text"),
        (10, "is not text"),
        ([5], "is not text"),
        ("x" * 500, "..."),
    ],
)
def test_nonsense_is_refused_with_one_sentence(schedule: object, problem: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        on_calendar(schedule)
    text = str(caught.value)
    assert text.startswith("The schedule ")
    assert problem in text
    assert "'*/10 * * * *'" in text
    assert text.isprintable()
    assert len(text) < 400


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ScheduleError, match="empty list"):
        on_calendar([])


@given(st.one_of(st.text(max_size=30), st.text("0123456789*/-,. :~@monUTC", max_size=24), st.none(), st.integers()))
def test_anything_is_converted_or_refused(schedule: object) -> None:
    try:
        assert on_calendar(schedule)
    except ScheduleError as error:
        assert str(error).isprintable()


def test_the_filter() -> None:
    on = FilterModule().filters()["on_calendar"]
    assert on("*/10 * * * *") == ["*-*-* *:00/10:00"]
    with pytest.raises(AnsibleFilterError, match="The schedule 'x' is neither"):
        on("x")
