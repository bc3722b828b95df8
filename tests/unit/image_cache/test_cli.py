# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: exit codes, what people see, signals, and that nothing ends in a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import cli
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import load_config
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import Generations
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.journal import Journal
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.lock import LockedError, run_lock
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.manifest import FileEntry
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.problems import DiskFullError
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.report import Report
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.sync import Engine
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.verify import VerifyRun
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore
from tests.unit.image_cache.test_sync import content, damage_content

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache"
# as the installed program starts
START = f"import sys; from {PROGRAM}.cli import main; sys.exit(main())"


def program(host: Host, *arguments: str) -> subprocess.Popen[str]:
    """Start the program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", START, "--config", str(host.root / host.name / "config.json"), *arguments],
        env={**os.environ, **host.environment, "PYTHONPATH": str(ROOT / "build" / "collections")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def samples(host: Host) -> dict[str, float]:
    """Return the metrics as Prometheus reads them: ``name{label=value}`` to number."""
    result = {}
    for family in text_string_to_metric_families((host.directory / "metrics.prom").read_text()):
        assert family.documentation
        assert family.type in ("gauge", "counter")
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            result[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return result


def test_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("plan", "sync", "verify", "status", "--config"):
        assert command in text


@pytest.mark.parametrize("arguments", [[], ["clean"], ["sync", "--fast"]])
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_a_wrong_configuration_is_one_sentence(host: Host, run: Run) -> None:
    host.configure(parallel="many")
    log = run("sync", code=2)["log"]
    assert log.startswith("image-cache-sync: parallel ")
    assert len(log.splitlines()) == 1


def test_a_wrong_rate_is_one_sentence(run: Run) -> None:
    assert run("verify", "--rate", "fast", code=2)["log"].startswith("image-cache-sync: --rate is")


def test_only_one_run_at_a_time(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    with run_lock(host.directory / "lock"):
        log = run("sync", code=4)["log"]
        assert f"(process {os.getpid()})" in log
        # looking is always possible
        run("plan")
        run("status")
    run("sync")


def test_the_lock_is_waited_for_only_so_long(tmp_path: Path) -> None:
    waits: list[float] = []
    with (
        run_lock(tmp_path / "lock"),
        pytest.raises(LockedError),
        run_lock(tmp_path / "lock", patience=0.05, wait=lambda seconds: (waits.append(seconds), time.sleep(0.02))[0]),
    ):
        raise AssertionError("the lock was given twice")
    assert waits


@pytest.mark.parametrize("as_json", [False, True])
def test_the_plan_shows_what_a_run_does_and_changes_nothing(
    as_json: bool, host: Host, store: ImageStore, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    host.configure(policy={"min_images_per_name": 1, "max_images_per_name": 2})
    kept = store.image("ubuntu-24.04.20250102", content())
    replaced = store.image("debian-12.0.20250101", content())
    removed = store.image("ubuntu-24.04.20250101", content())
    run("sync")
    new = store.image("ubuntu-24.04.20250103", content())
    store.image("debian-12.0.20250101", content(), modified=LONG_AGO + 1)
    store.images.append({"id": "x-1.0.20250101", "url": "http://elsewhere.test/x", "features": ["machine"]})
    absent = store.image("centos-9.0.20250101", content())
    del store.files[absent]
    before = sorted(path for path in host.directory.rglob("*"))
    if as_json:
        data = run("plan")
        actions = {row["file"]: row["action"] for row in data["files"]}
        assert actions == {kept: "keep", replaced: "replace", removed: "remove", new: "download", absent: "fail"}
        assert data["total_bytes"] == 15_000
    else:
        cli.main(["--config", str(host.root / host.name / "config.json"), "plan"], host.environment)
        text = capsys.readouterr().out
        lines = {line.split()[1]: line for line in text.splitlines() if line.startswith(("keep", "remove", "replace"))}
        assert lines[removed].startswith("remove")
        assert "more than 2 images of ubuntu-24.04" in lines[removed]
        assert "14.6 KiB in 4 files." in text
        assert "Left out: x-1.0.20250101" in text
    assert sorted(path for path in host.directory.rglob("*")) == before


def test_the_plan_of_a_damaged_cache(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    run("sync")
    host.file(key).unlink()
    [row] = run("plan")["files"]
    assert (row["action"], row["reason"]) == ("download", "it is damaged")


def test_the_plan_keeps_kernels_of_unknown_partitions(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    store.partitions[0]["id"] = "ber-01"
    data = run("plan")
    rows = {row["file"]: row for row in data["files"]}
    assert rows["github.test/kernel"]["action"] == "keep"
    assert "fra-01" in data["warnings"][0]
    assert host.served() != {}


def test_the_plan_over_budget(host: Host, store: ImageStore, capsys: pytest.CaptureFixture[str]) -> None:
    path = host.configure(policy={"min_images_per_name": 2, "max_images_per_name": 3, "max_cache_size": 8000})
    for number in range(4):
        store.image(f"ubuntu-24.04.2025010{number}", content())
    cli.main(["--config", str(path), "plan"], host.environment)
    text = capsys.readouterr().out
    assert "9.8 KiB in 2 files, at most 7.8 KiB." in text
    assert "2.0 KiB too much" in text
    assert text.count("leave out") == 2


def test_status_before_the_first_run(host: Host, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    data = run("status")
    assert (data["generation"], data["files"], data["sync"]) == (None, [], None)
    cli.main(["--config", str(host.root / host.name / "config.json"), "status"], host.environment)
    text = capsys.readouterr().out
    assert "GENERATION         none" in text
    assert "LAST RUN           never" in text


def test_status_tells_what_is_served(
    host: Host, store: ImageStore, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    broken = store.image("ubuntu-24.04.20250102", content())
    other = store.image("ubuntu-24.04.20250103", content())
    run("sync")
    store.fault("status", f"{other}.md5", status=500, count=1000)
    run("sync", code=3)
    run("verify")
    host.file(broken).unlink()
    states = {entry["file"]: entry["state"] for entry in run("status")["files"]}
    assert states[key] == "whole"
    assert states[broken].startswith("damaged: No such file")
    assert states[other].startswith("old:")
    (host.runtime / "state.json").write_text("{}")
    cli.main(["--config", str(host.root / host.name / "config.json"), "status"], host.environment)
    text = capsys.readouterr().out
    assert "3, 14.6 KiB" in text
    assert "partial" in text
    assert "a run is at work" in text
    assert f"Failed in the last run: {other}" in text


def test_status_of_a_broken_manifest(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    path = host.directory / "current" / "manifest.json"
    path.chmod(0o600)
    path.write_text("[]")
    data = run("status")
    assert data["files"] == []
    assert "the manifest cannot be used" in data["log"]


def test_people_get_a_short_result(host: Host, store: ImageStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.image("ubuntu-24.04.20250101", content())
    path = str(host.root / host.name / "config.json")
    assert cli.main(["--config", path, "sync"], host.environment) == 0
    assert "sync: complete in" in capsys.readouterr().out
    store.api_status = 500
    assert cli.main(["--config", path, "sync"], host.environment) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_metrics(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(policy={"min_images_per_name": 2, "max_cache_size": 8000})
    for number in (1, 2):
        store.image(f"ubuntu-24.04.2025010{number}", content())
    store.put("github.test/kernel", content(100))
    store.boot("github.test/kernel", "github.test/kernel")
    began = int(time.time())
    run("sync")
    found = samples(host)
    assert found["image_cache_info{host=cache-1,partition=fra-01}"] == 1
    assert began <= found["image_cache_sync_last_run_timestamp_seconds"] <= time.time()
    assert found["image_cache_sync_last_success_timestamp_seconds"] >= began
    assert found["image_cache_sync_last_run_result{result=complete}"] == 1
    assert found["image_cache_files{kind=image}"] == 2
    assert found["image_cache_files{kind=kernel}"] == 1
    assert found["image_cache_files{kind=boot-image}"] == 0
    assert found["image_cache_size_bytes"] == 10_100
    assert found["image_cache_max_size_bytes"] == 8000
    assert found["image_cache_over_budget_bytes"] == 2100
    assert found["image_cache_generation"] == 1
    assert found["image_cache_sync_downloaded_bytes_total{source=store}"] == 10_100
    assert "image_cache_verify_last_run_timestamp_seconds" not in found
    assert (host.directory / "metrics.prom").stat().st_mode & 0o777 == 0o644
    run("verify")
    store.api_status = 500
    run("sync", code=1)
    found = samples(host)
    assert found["image_cache_sync_last_run_result{result=failed}"] == 1
    assert found["image_cache_sync_last_run_result{result=complete}"] == 0
    assert found["image_cache_sync_last_success_timestamp_seconds"] >= began
    assert found["image_cache_sync_runs_total"] == 2
    assert found["image_cache_files{kind=image}"] == 2
    assert found["image_cache_verify_last_run_result{result=complete}"] == 1
    assert found["image_cache_verify_read_bytes"] == 10_100


def test_sync_and_verify_may_end_at_the_same_time(host: Host) -> None:
    """Each writes the metrics of both; neither disturbs the other, and the last one knows of the other."""
    config = load_config(host.configure())
    host.directory.mkdir()
    log = io.StringIO()
    journal = Journal(stream=log)

    def end(command: str, path: Path) -> None:
        for _round in range(20):
            report = Report(command, "cache-1", "fra-01", "then")
            report.finish(datetime.now(timezone.utc), 1.0, None)
            cli.record(config, journal, report, path)

    ends = [("sync", host.directory / "report.json"), ("verify", host.directory / "verify.json")]
    threads = [threading.Thread(target=end, args=arguments) for arguments in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.getvalue() == ""
    assert {f"image_cache_{command}_last_run_timestamp_seconds" for command, _path in ends} <= samples(host).keys()


def test_verify_finds_withdraws_and_repairs(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(), "md5", "sha256")
    run("sync")
    path = host.file(key)
    times = path.stat()
    damage_content(path)
    # as a failing disk would: neither size nor time shows it
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run("sync")["fetched"] == []
    assert host.file(key).read_bytes() != data
    report = run("verify")
    assert report["result"] == "complete"
    assert report["corrupt"][0]["file"] == key
    assert "its MD5 is" in report["corrupt"][0]["reason"]
    assert host.file(key).read_bytes() == data
    assert samples(host)["image_cache_verify_corrupt_files"] == 1
    entry = json.loads((host.directory / "current" / "manifest.json").read_text())["files"][key]
    assert entry["sidecars"] == ["md5", "sha256"]
    assert run("sync")["fetched"] == []
    assert run("verify")["corrupt"] == []
    assert samples(host)["image_cache_verify_corrupt_files_total"] == 1


def test_verify_withdraws_what_it_cannot_repair(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    twin = store.image("ubuntu-24.04.20250102", data)
    other = store.image("ubuntu-24.04.20250103", content())
    run("sync")
    damage_content(host.file(key))
    for name in (key, twin):
        store.fault("status", name, status=404, count=1000, method="*")
    report = run("verify", code=3)
    assert {failure["file"] for failure in report["failures"]} == {key, twin}
    assert {name for name in host.served() if not name.endswith(".md5")} == {other}
    assert samples(host)["image_cache_verify_unrepaired_files"] == 2
    store.faults.clear()
    run("sync")
    assert host.file(key).read_bytes() == host.file(twin).read_bytes() == data


@pytest.mark.parametrize("what", ["checksum text", "checksum gone", "foreign", "directory"])
def test_verify_mends_names(what: str, host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    run("sync")
    right = host.served()
    sidecar = host.file(f"{key}.md5")
    if what == "checksum text":
        text = sidecar.read_bytes()
        sidecar.chmod(0o600)
        sidecar.write_bytes(text.replace(text[:4], b"0000"))
    elif what == "checksum gone":
        sidecar.unlink()
    elif what == "foreign":
        host.file("images.test/added").write_text("what is this")
    else:
        host.file("images.test/more/files").mkdir(parents=True)
        host.file("images.test/more/files/x").write_text("")
    report = run("verify")
    assert len(report["corrupt"]) == 1
    assert report["fetched"] == []
    assert host.served() == right
    assert run("verify")["corrupt"] == []


def test_verify_without_anything(run: Run) -> None:
    assert "run sync first" in run("verify", code=1)["reason"]


def test_verify_with_a_broken_manifest(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    path = host.directory / "current" / "manifest.json"
    path.chmod(0o600)
    path.write_text("{")
    assert "manifest of generation 1 cannot be used" in run("verify", code=1)["reason"]


def test_verify_keeps_to_its_rate(store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content(60_000))
    run("sync")
    assert run("verify", "--rate", "100K")["duration_seconds"] > 0.3


def test_verify_reads_on_while_a_run_of_sync_is_at_work(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is needed only for changes, and what could not be changed is told for each file."""
    keys = [store.image(f"ubuntu-24.04.2025010{day}", content()) for day in (1, 2, 3)]
    run("sync")
    monkeypatch.setitem(cli.VerifyRun.__init__.__kwdefaults__, "patience", 0.0)
    with run_lock(host.directory / "lock"):
        assert run("verify")["result"] == "complete"
        for key in keys[:2]:
            damage_content(host.file(key))
        report = run("verify", code=3)
    assert {found["file"] for found in report["corrupt"]} == set(keys[:2])
    assert report["read_bytes"] == 15_000
    assert {failure["file"] for failure in report["failures"]} == set(keys[:2])
    assert "withdrawn because a synchronisation is at work" in report["reason"]
    assert samples(host)["image_cache_verify_unrepaired_files"] == 2
    assert len(run("verify")["fetched"]) == 2


@contextlib.contextmanager
def check(host: Host, stop: threading.Event) -> Iterator[VerifyRun]:
    """A check in this process whose stop can be had."""
    engine = Engine(load_config(host.configure()), Journal(stream=io.StringIO()), stop)
    yield VerifyRun(engine)
    engine.close()


def test_verify_withdraws_what_was_found_while_a_run_of_sync_was_at_work(
    host: Host, store: ImageStore, run: Run
) -> None:
    keys = [store.image(f"ubuntu-24.04.2025010{day}", content()) for day in (1, 2)]
    run("sync")
    for key in keys:
        damage_content(host.file(key))
    sync = contextlib.ExitStack()
    sync.enter_context(run_lock(host.directory / "lock"))

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            """The run of sync ends when it is waited for."""
            assert timeout == 1.0
            sync.close()
            return False

    with check(host, Stop()) as verify:
        report = verify.run()
    assert report.result == "complete"
    assert {fetched["file"] for fetched in report.fetched} == set(keys)


def test_verify_that_is_stopped_while_it_reads(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps what it has found, and does not wait for a run of sync any more."""
    first, _second = (store.image(f"ubuntu-24.04.2025010{day}", content()) for day in (1, 2))
    run("sync")
    damage_content(host.file(first))
    stop = threading.Event()
    with check(host, stop) as verify, run_lock(host.directory / "lock"):
        read = verify._read

        def piece(count: int) -> None:
            if verify.report.corrupt:
                stop.set()
            read(count)

        monkeypatch.setattr(verify, "_read", piece)
        report = verify.run()
    assert (report.result, report.reason) == ("partial", "The check was stopped.")
    assert [found["file"] for found in report.corrupt] == [failure["file"] for failure in report.failures] == [first]


@pytest.mark.parametrize("room", [True, False])
def test_verify_on_a_full_disk(
    room: bool, host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old generations give way to the withdrawal; where that does not help, the rest is read all the same."""
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    store.images.clear()
    keys = [store.image(f"ubuntu-24.04.2025020{day}", content()) for day in (1, 2)]
    run("sync")
    damage_content(host.file(keys[0]))
    publish = Generations.publish

    def full(self: Generations, files: Mapping[str, FileEntry], created: str) -> int:
        if not room or len(self.numbers()) > 1:
            raise DiskFullError("full")
        return publish(self, files, created)

    monkeypatch.setattr(Generations, "publish", full)
    report = run("verify", code=0 if room else 3)
    assert report["read_bytes"] == 10_000
    assert [failure["file"] for failure in report["failures"]] == ([] if room else [keys[0]])


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_signal_ends_the_run_soon_and_the_next_one_resumes(host: Host, store: ImageStore, run: Run) -> None:
    first = store.image("ubuntu-24.04.20250102", content())
    key = store.image("ubuntu-24.04.20250101", data := content(3_000_000))
    store.delay = lambda path: 0.1 if path == key else 0.0
    process = program(host, "sync")
    staging = host.directory / "staging"
    wait_for(lambda: staging.is_dir() and any(p.stat().st_size > 500_000 for p in staging.glob("*.part")))
    process.send_signal(signal.SIGTERM)
    output, log = process.communicate(timeout=30)
    assert process.returncode == 3, log
    assert "The run was stopped" in output
    assert "Traceback" not in log
    assert first in host.served()
    assert key not in host.served()
    store.delay = lambda _path: 0.0
    store.forget()
    run("sync")
    assert host.file(key).read_bytes() == data
    assert [request.status for request in store.requests() if request.path == key and request.range] == [206]


def test_a_hanging_store_does_not_keep_the_program(host: Host, store: ImageStore) -> None:
    key = store.image("ubuntu-24.04.20250101", content(3_000_000))
    store.delay = lambda path: 60.0 if path == key else 0.0
    process = program(host, "sync")
    wait_for((host.runtime / "state.json").exists)
    wait_for(lambda: '"downloading"' in (host.runtime / "state.json").read_text())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 3


def test_an_unexpected_error_is_one_line_and_a_traceback_for_who_asks(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.image("ubuntu-24.04.20250101", content())

    def explode(*_arguments: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(f"{PROGRAM}.sync.survey", explode)
    log = run("sync", code=1)["log"]
    assert 'error="ZeroDivisionError: by nothing"' in log
    assert "Traceback" not in log
    capsys.readouterr()
    cli.main(["--debug", "--config", str(host.root / host.name / "config.json"), "sync"], host.environment)
    assert "Traceback" in capsys.readouterr().err


def test_an_unexpected_error_in_a_download_is_not_hidden(
    store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.image("ubuntu-24.04.20250101", content())

    def explode(*_arguments: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(f"{PROGRAM}.obtain.Obtainer._fetch", explode)
    assert "ZeroDivisionError" in run("sync", code=1)["log"]


def test_no_credential(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    (host.root / "cache-1" / "credentials" / "metal-api-hmac").unlink()
    assert "There is no credential metal-api-hmac or metal-api-token" in run("sync", code=1)["reason"]
    assert "There is no credential" in run("plan", code=1)["log"]
    assert host.served() != {}


def test_a_closed_pipe_is_no_traceback(host: Host, store: ImageStore, run: Run) -> None:
    for number in range(300):
        store.images.append(
            {"id": f"a-1.0.{number + 1}", "url": f"http://elsewhere.test/{number}", "features": ["machine"]}
        )
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    process = program(host, "plan")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    log = process.stderr.read()
    process.stderr.close()
    process.wait(30)
    assert "Traceback" not in log
