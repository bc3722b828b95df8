# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_event_info against the emulator."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits import event as event_module
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok, perform_module
from tests.unit.lightbits.runner import Runner, requests

QUICK = (("wait_interval", 0.01),)
LONG_AGO = "2020-01-01T00:00:00Z"


def event(number: int, **values: Any) -> dict[str, Any]:
    """An event of the hour ``number`` of the first of January."""
    return {
        "ID": f"e{number}",
        "Time": f"2026-01-01T{number:02}:00:00.5Z",
        "Type": "Server",
        "Severity": "Info",
        "EventName": "Happened",
        "EventCode": 7,
        "ReportingService": "CM",
        **values,
    }


# out of order: the API promises none
EVENTS = [
    event(5, Severity="Critical", Type="NVMeSSD", ComponentNVMeSSDInfo={"ID": "SERIAL", "Name": ""}),
    event(1, ComponentServerInfo={"ID": "u", "Name": "server00"}, AssociatedEventID="e0", CauseCode=3),
    event(
        3,
        Severity="High",
        Type="Volume",
        ComponentVolumesInfo={
            "ProjectVolumesMap": {
                "tenant": {"VolumeComponentInfoList": [{"ID": "u1", "Name": "data"}, {"ID": "u2"}]},
                "default": {"VolumeComponentInfoList": [{"ID": "u3", "Name": "logs"}]},
            }
        },
    ),
    event(2, Severity="", Type="", ReportingService="UnkownReportingService"),
    event(4, Severity="High", Type="DataIntegrity", ComponentDataIntegrityInfo={"NodeUUID": "n", "SSDs": ["s"]}),
]


@pytest.fixture
def events(cluster: Lightbits) -> Runner:
    cluster.control.replace_state(projects=[{"name": "tenant"}], events=EVENTS)
    cluster.control.forget_requests()
    return Runner(cluster, "lightbits_event_info", defaults=(("since", LONG_AGO),))


def ids(found: dict[str, Any]) -> list[str]:
    return [one["id"] for one in ok(found)["events"]]


def test_all_of_them_the_newest_first(events: Runner) -> None:
    found = ok(events())
    assert found["changed"] is False
    assert ids(found) == ["e5", "e4", "e3", "e2", "e1"]
    assert [one["component"] for one in found["events"]] == [
        ["SERIAL"],
        ["n"],
        ["default/logs", "tenant/data", "tenant/u2"],
        [],
        ["server00"],
    ]
    assert found["events"][4] == {
        "id": "e1",
        "time": "2026-01-01T01:00:00.5Z",
        "type": "Server",
        "severity": "Info",
        "name": "Happened",
        "code": 7,
        "cause_code": 3,
        "service": "CM",
        "status": "",
        "description": "",
        "associated_event": "e0",
        "component": ["server00"],
    }
    unknown = found["events"][3]
    assert (unknown["type"], unknown["severity"], unknown["service"]) == ("Unknown", "Unknown", "Unknown")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"limit": 2}, ["e5", "e4"]),
        ({"since": "2026-01-01T04:00:00Z"}, ["e5", "e4"]),
        ({"until": "2026-01-01T02:00:00Z"}, ["e1"]),
        ({"since": "2026-01-01T03:00:00+01:00", "until": "2026-01-01T03:59:59Z"}, ["e3", "e2"]),
        ({"since": "1h"}, []),
        ({"until": "0s"}, ["e5", "e4", "e3", "e2", "e1"]),
        ({"severity": ["High", "Critical"]}, ["e5", "e4", "e3"]),
        ({"type": "NVMeSSD"}, ["e5"]),
        ({"project": "tenant"}, ["e3"]),
        ({"project": "default"}, ["e3"]),
    ],
)
def test_filters(events: Runner, options: dict[str, Any], expected: list[str]) -> None:
    assert ids(events(**options)) == expected


def test_all_pages_are_read(events: Runner, cluster: Lightbits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_module, "_PAGE", 2)
    assert ids(events(limit=1)) == ["e5"], "the newest, in whatever order they come"
    assert ids(events()) == ["e5", "e4", "e3", "e2", "e1"]
    assert requests(cluster) == ["GET /events"] * 6


def test_what_happens_is_there(cluster: Lightbits) -> None:
    events = Runner(cluster, "lightbits_event_info")
    ok(Runner(cluster, "lightbits_volume", defaults=QUICK)(name="data", size="1GiB", replica_count=2))
    ok(Runner(cluster, "lightbits_server", defaults=QUICK)(name="server02", state="disabled"))
    found = ok(events(since="1h"))["events"]
    assert sorted((one["type"], one["component"][0], one["severity"]) for one in found) == [
        ("Node", "server02-0", "High"),
        ("Server", "server02", "Medium"),
        ("Volume", "default/data", "Info"),
    ]


@pytest.mark.usefixtures("events")
def test_what_a_tenant_may(cluster: Lightbits) -> None:
    tenant = Runner(cluster, "lightbits_event_info", token=keys.token(["tenant:viewer"]))
    assert ids(tenant(project="tenant", since=LONG_AGO)) == ["e3"]
    assert "the token (roles: tenant:viewer) may not do this" in failure(tenant())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, "limit is 0; it must be at least 1, or left out for all events."),
        ({"since": "yesterday"}, "since is 'yesterday'; it must be a time like 2026-01-31T12:00:00Z, or how long ago"),
        ({"since": ""}, "since is ''; it must be a time"),
        ({"until": "2026-01-31T25:00:00Z"}, "until is wrong: '2026-01-31T25:00:00Z' is not a possible time."),
        ({"until": "2026-01-31T12:00:00"}, "until is wrong: '2026-01-31T12:00:00' is not a time like"),
        ({"since": "999999999d"}, "since is '999999999d'; it must be"),
        ({"since": "1h", "until": "2h"}, "until is before since: there is no time between them."),
    ],
)
def test_wrong_options(events: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(events(**options))
    assert cluster.control.requests() == []


@pytest.mark.parametrize("pair", [("severity", "type"), ("type", "project"), ("severity", "project")])
def test_filters_that_the_api_cannot_combine(pair: tuple[str, str]) -> None:
    values = {"severity": ["High"], "type": "Node", "project": "tenant"}
    with pytest.raises(AssertionError) as caught:
        perform_module("lightbits_event_info", {name: values[name] for name in pair}, {})
    assert "mutually exclusive: severity|type|project" in str(caught.value)


class Broken:
    """An API that answers each question with the next of some answers."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)

    def get(self, _path: str, _query: object) -> dict[str, Any]:
        return self._answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([{"events": {}}], None),
        ([{"events": "x"}], "The events of the Lightbits API cannot be understood: its events are not a list"),
        ([{"events": [event(1)], "nextToken": "e2"}] * 2, "The Lightbits API repeats a page of events."),
        ([{"events": [event(1, Time="now")]}], "An event of the Lightbits API cannot be understood: 'now' is not"),
        ([{"events": [event(1, ComponentNodeInfo=["x"])]}], "its ComponentNodeInfo is not an object"),
    ],
)
def test_answers_that_make_no_sense(answers: list[dict[str, Any]], said: str | None) -> None:
    api: Any = Broken(*answers)
    now = datetime.now(timezone.utc)
    if said is None:
        assert event_module.list_events(api, {}, now) == []
        return
    with pytest.raises(ProtocolError) as caught:
        event_module.list_events(api, {}, now)
    assert said in caught.value.message
