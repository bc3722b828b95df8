# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in the background: remembered, waited for, stopped, and never somebody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.base import KubernetesError
from tests.kubernetes.processes import Processes

# Says that it is ready, and goes on until it is told to end.
LASTING = "import signal; print('ready', flush=True); signal.pause()"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    one = Processes(tmp_path)
    yield one
    one.stop()


def start(processes: Processes, name: str, program: str = LASTING) -> None:
    processes.start(name, [sys.executable, "-c", program])


def ready(processes: Processes, name: str) -> bool:
    return "ready" in processes.log(name).read_text()


def test_it_outlives_whoever_started_it_and_is_stopped_by_another(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.kubernetes.processes import Processes; "
        f"Processes(Path(sys.argv[1])).start('one', [sys.executable, '-c', {LASTING!r}])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    later = Processes(tmp_path)
    later.wait("one", lambda: ready(later, "one"), "the program")
    assert later.runs("one")
    later.stop()
    assert not later.runs("one")
    assert list((tmp_path / "processes").iterdir()) == []


def test_one_that_ends_instead_is_told_of_with_its_last_words(processes: Processes) -> None:
    start(processes, "one", "raise SystemExit('the port is taken')")
    with pytest.raises(KubernetesError, match=r"the program ended: the port is taken \(all of it: .*one\.log\)"):
        processes.wait("one", lambda: False, "the program")


def test_one_that_stays_silent_is_not_waited_for_without_end(processes: Processes) -> None:
    start(processes, "one")
    processes.wait("one", lambda: ready(processes, "one"), "the program")
    with pytest.raises(KubernetesError, match="the program is not ready after 0 s: ready"):
        processes.wait("one", lambda: False, "the program", deadline=0)


def test_one_of_them_is_stopped_alone(processes: Processes) -> None:
    for name in ("one", "two"):
        start(processes, name)
    processes.stop("one")
    assert not processes.runs("one")
    assert processes.runs("two")


def test_a_process_that_has_got_the_same_number_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    start(processes, "one")
    processes.stop("one")
    # as if the number of the program had gone to this process
    record = {"pid": os.getpid(), "began": 1, "order": 1}
    (tmp_path / "processes" / "one").write_text(json.dumps(record))
    assert not processes.runs("one")
    processes.stop()
    assert list((tmp_path / "processes").iterdir()) == []
