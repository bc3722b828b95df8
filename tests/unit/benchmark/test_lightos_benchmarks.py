# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the role lightos, as far as they can be tried without hosts."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.benchmark import scenario
from tests.benchmark.lightos import noop
from tests.benchmark.lightos.noop import Counted
from tests.benchmark.lightos.note_noop import counted

OUTPUT = """
TASK [lightos : On all] ********
ok: [storage-1]
changed: [storage-3]
ok: [storage-2]

TASK [lightos : On one for all, with items] ********
ok: [storage-1 -> localhost] => (item=a)
ok: [storage-1 -> localhost] => (item=b)

TASK [lightos : Only included] ********
included: gate.yml for storage-1, storage-2, storage-3

TASK [lightos : Skipped] ********
skipping: [storage-1]

PLAY RECAP ********
storage-1 : ok=3 changed=1
"""


def test_tasks_that_do_something_are_counted_once_a_host() -> None:
    found = counted(OUTPUT)
    assert found == Counted(on_all=1, on_one=1)
    assert found.each == 2


def test_what_the_scenario_has_noted_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = {"on_all": 3, "on_one": 11, "ours": 5.0, "pings": 4.0}
    (tmp_path / "lightos-noop.json").write_text(json.dumps(noted), encoding="utf-8")
    monkeypatch.setattr(noop, "noted", partial(scenario.noted, directory=tmp_path))
    found = noop.BENCHMARK.measure(None)  # type: ignore[arg-type]
    assert found.value == 1.25
    assert found.detail == "14 tasks of a host, 3 of them on all 3: 5.0 s, as many pings: 4.0 s"
