# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of the installer: goes on by itself, is followed line by line, and tells no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.supervision import (
    AtWorkError,
    Cleaner,
    Job,
    Supervision,
)
from tests.support.playbook import Play, play
from tests.support.waiting import until

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----"
KEY_END = "-----END RSA PRIVATE KEY-----"


def here(work: Callable[[], None]) -> None:
    work()


def shell(script: str, **more: Any) -> Job:
    return Job(label="install", command=["/bin/sh", "-c", script], directory="/", **more)


def test_output_is_logged_for_its_owner_alone(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path)
    assert supervision.begin(shell("echo one; echo two >&2; printf three; exit 4"), here)
    progress = supervision.follow(0, 0)
    assert (progress.lines, progress.running, progress.code, progress.label) == (
        ["one", "two", "three"],
        False,
        4,
        "install",
    )
    assert Path(progress.log).stat().st_mode & 0o777 == 0o600
    assert supervision.follow(progress.offset, 0).lines == []


def test_secrets_are_neither_logged_nor_left_in_a_file(tmp_path: Path) -> None:
    variables = tmp_path / "variables.json"
    script = (
        f"cat {variables}; stat -c %a {variables}; echo token {TOKEN}; "
        f"printf '%s\\n' '{KEY}' MIIE '{KEY_END} after'; echo my-own-secret"
    )
    supervision = Supervision(tmp_path)
    supervision.begin(shell(script, secrets=("my-own-secret",), files={str(variables): "{}\n"}), here)
    assert supervision.follow(0, 0).lines == ["{}", "600", "token ********", "********", "******** after", "********"]
    assert not variables.exists()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a", f"x {KEY}\\nMIIE\\n{KEY_END} y", "b"], ["a", "x ******** y", "b"]),
        ([KEY, "MIIE", "MIIF", KEY_END, "b"], ["********", None, None, "********", "b"]),
        (
            [f"{KEY} MIIE {KEY_END} {KEY}", "MIIF", f"{KEY_END}{KEY}", "MIIG", KEY_END],
            ["******** ********", None, "****************", None, "********"],
        ),
        (
            ["-----BEGIN CERTIFICATE-----", "MIIC", "-----END CERTIFICATE-----"],
            ["-----BEGIN CERTIFICATE-----", "MIIC", "-----END CERTIFICATE-----"],
        ),
    ],
)
def test_keys_of_any_length_are_taken_out(lines: list[str], expected: list[str | None]) -> None:
    cleaner = Cleaner(())
    assert [cleaner.clean(line) for line in lines] == expected


def test_settings_of_our_ansible_are_not_those_of_the_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "ours")
    supervision = Supervision(tmp_path)
    supervision.begin(shell("echo $ANSIBLE_CALLBACKS_ENABLED-$MINE", environment={"MINE": "1"}), here)
    assert supervision.follow(0, 0).lines == ["-1"]


def test_command_that_is_not_there(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path)
    supervision.begin(Job(label="install", command=["/no/such"], directory="/"), here)
    progress = supervision.follow(0, 0)
    assert (progress.lines, progress.code) == (["/no/such cannot be started: No such file or directory."], 127)


def test_long_log_is_told_in_pieces(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path)
    supervision.begin(shell("seq 1 100000"), here)
    lines: list[str] = []
    offset, rounds, running = 0, 0, True
    while running:
        progress = supervision.follow(offset, 0)
        lines += progress.lines
        offset, running, rounds = progress.offset, progress.running, rounds + 1
    assert lines == [str(number) for number in range(1, 100001)]
    assert rounds > 1


def test_what_comes_slowly_is_told_at_once_and_its_end_without_waiting(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path)
    supervision.begin(shell("for number in 1 2 3 4 5; do echo $number; sleep 0.2; done"))
    # nobody waits so long, so it is the end that it returns for
    progress = supervision.follow(0, 3600)
    assert (progress.lines, progress.running, progress.code) == (["1", "2", "3", "4", "5"], False, 0)


def test_nothing_was_ever_run(tmp_path: Path) -> None:
    progress = Supervision(tmp_path).follow(0, 0)
    assert (progress.lines, progress.running, progress.code) == ([], False, None)


def test_it_goes_on_by_itself_and_nobody_starts_another_one(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    work = tmp_path / "work"
    work.mkdir()
    supervision = Supervision(work)
    assert supervision.at_work("install") is False
    job = shell(f"echo waiting; cat {gate}; echo done", files={str(tmp_path / "for-another"): "secret"})
    # another process starts it, and is gone
    starter = (
        "import sys; from pathlib import Path\n"
        f"from {Supervision.__module__} import Job, Supervision\n"
        f"print(Supervision(Path({str(work)!r})).begin(Job('install', {list(job.command)!r}, '/')))\n"
    )
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    first = until(lambda: supervision.follow(0, 0), lambda progress: progress.lines, "its first line")
    assert (first.lines, first.running) == (["waiting"], True)
    assert supervision.begin(job) is False
    assert supervision.at_work("install") is True
    with pytest.raises(AtWorkError, match="at work already, with install; wait for its end, then run cleanup again"):
        supervision.begin(Job(label="cleanup", command=["true"], directory="/", files=job.files))
    # what it was given is its own
    assert not (tmp_path / "for-another").exists()
    gate.write_text("go\n", encoding="utf-8")
    end = until(lambda: supervision.follow(first.offset, 1), lambda progress: not progress.running, "its end")
    assert (supervision.follow(first.offset, 0).lines, end.code) == (["go", "done"], 0)
    # and then another one may be started
    assert supervision.begin(shell("true"), here) is True


def test_run_whose_supervisor_was_killed_has_no_result(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    supervision = Supervision(tmp_path)
    supervision.begin(shell(f"echo $PPID; cat {gate}; true"))
    [pid] = until(lambda: supervision.follow(0, 0).lines, what="its first line")
    os.kill(int(pid), signal.SIGKILL)
    # the command itself lives, so nobody may start another one
    assert supervision.begin(shell("true")) is False
    gate.write_text("", encoding="utf-8")
    end = until(lambda: supervision.follow(0, 0), lambda progress: not progress.running, "its end")
    assert end.code is None


def install(tmp_path: Path, *arguments: str, **options: Any) -> Play:
    work = tmp_path / "work"
    work.mkdir(mode=0o700, exist_ok=True)
    given = {"label": "install", "directory": str(work), "chdir": str(tmp_path), **options}
    return play(tmp_path, [{"name": "Install", "metalstack.provisioning.lightos_installer": given}], *arguments)


def test_task_shows_each_line_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "work/variables.json"
    script = f"echo reading; cat {file}; echo; stat -c %a {file}; echo {TOKEN}; echo ready"
    done = install(
        tmp_path,
        "-vvvv",
        command=[
            "/bin/sh",
            "-c",
            script.replace(TOKEN, "$(printf %s.%s.%s eyJhbGciOiJSUzI1NiJ9 eyJzdWIiOiJ4In0 c2ln)"),
        ],
        variables={"local_repo_base_url": "https://dl.example.com/customer-key/rpm", "retries": 5},
        variables_file=str(file),
        secrets=["hush-hush"],
    )
    [result] = done.results
    assert not result.failed, result
    for line in ("reading", '{"local_repo_base_url": "********", "retries": 5}', "600", "********", "ready"):
        assert f"[install] {line}\n" in done.output
    assert result.values["code"] == 0
    assert result.values["attached"] is False
    assert not file.exists()
    for secret in ("customer-key", "hush-hush", "eyJhbGciOiJSUzI1NiJ9.eyJ"):
        assert secret not in done.output
        assert secret not in json.dumps(dict(result.values))
        assert secret not in Path(result.values["log"]).read_text(encoding="utf-8")


def test_short_values_of_secret_variables_do_not_spoil_what_is_told(tmp_path: Path) -> None:
    gate, work = tmp_path / "gate", tmp_path / "work"
    os.mkfifo(gate)
    work.mkdir(mode=0o700)
    supervision = Supervision(work)
    supervision.begin(shell(f"echo abcd; cat {gate}"))
    until(lambda: supervision.follow(0, 0).lines, what="its first line, of five bytes")
    try:
        # all that numbers and paths consist of
        variables = {str(number): number for number in range(10)}
        given = {"command": ["true"], "variables": variables, "variables_file": str(work / "variables.json")}
        [result] = install(tmp_path, timeout=1, **given).results
    finally:
        gate.write_text("", encoding="utf-8")
    [log] = work.glob("*.log")
    assert result.values["msg"] == (
        "The installer (install) has not come to its end in time. It goes on by itself; run this again to follow it. "
        f"Its log is {log}."
    )


def test_task_says_how_the_installer_has_failed(tmp_path: Path) -> None:
    [result] = install(tmp_path, command=["/bin/sh", "-c", "echo fatal: no disk; exit 2"]).results
    assert result.failed
    assert result.values["msg"] == (
        f"The installer (install) ended with the code 2. Its log is {result.values['log']}, which ends with:\n"
        "fatal: no disk"
    )


def test_task_in_check_mode_runs_nothing(tmp_path: Path) -> None:
    [result] = install(tmp_path, "--check", command=["touch", str(tmp_path / "ran")]).results
    assert (result.failed, result.values["changed"]) == (False, True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"command": None}, "command is missing: give it, or start=false to follow only an installer that is at work."),
        ({"chdir": None}, "chdir is missing: give it, or start=false to follow only an installer that is at work."),
        ({"directory": "/"}, "directory is /, which others may enter: it must be ours, with the mode 0700."),
        ({"directory": "/no/where"}, "directory is /no/where, which is no directory: create it with the mode 0700."),
        ({"chdir": "/no/where"}, "chdir is /no/where, which is no directory."),
        (
            {"variables": {"a": "a-long-secret"}},
            "variables is given without variables_file, so nobody would read them.",
        ),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    [result] = install(tmp_path, **{"command": ["true"], **options}).results
    assert result.failed
    assert result.values["msg"] == sentence


def test_task_that_was_interrupted_follows_the_same_run(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    given = {"command": ["/bin/sh", "-c", f"echo begun; cat {gate}; echo end"]}
    for attached, options in ((False, given), (True, given), (True, {"start": False})):
        done = install(tmp_path, timeout=0, **options)
        [result] = done.results
        assert result.failed
        assert "has not come to its end in time. It goes on by itself; run this again" in result.values["msg"]
        assert result.values["running"] is True
        assert ("[install] The installer is at work already; this follows it.\n" in done.output) is attached
    gate.write_text("go\n", encoding="utf-8")
    supervision = Supervision(tmp_path / "work")
    end = until(lambda: supervision.follow(0, 1), lambda progress: not progress.running, "its end")
    assert (end.lines, end.code) == (["begun", "go", "end"], 0)
    # there is nothing to follow any more
    [result] = install(tmp_path, start=False).results
    assert (result.failed, result.values["changed"], result.values["attached"]) == (False, False, False)
    assert len(list((tmp_path / "work").glob("*.log"))) == 1
