# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two cache hosts: each file leaves the store once, and a host without a store is filled by the other."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import load_config
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import Generations
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.journal import Journal
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.manifest import FileEntry
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.report import Report
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.sync import Engine, SyncRun
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore, PeerServer
from tests.unit.image_cache.test_sync import content


def test_what_a_peer_has_is_taken_from_it(host: Host, store: ImageStore, run: Run, peer: PeerServer) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(), "md5", "sha256")
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync", on=peer.host)
    store.forget()
    report = run("sync")
    assert host.file(key).read_bytes() == data
    assert host.file("github.test/kernel").read_bytes() == kernel
    assert store.downloads() == {}
    assert {entry["source"] for entry in report["fetched"]} == {"peer"}
    assert report["downloaded"] == {"store": 0, "peer": 10_000}
    # both hosts send the same validators to machines
    assert host.file(key).stat().st_mtime == peer.host.file(key).stat().st_mtime == LONG_AGO
    mine = json.loads((host.directory / "current" / "manifest.json").read_text())["files"]
    others = json.loads((peer.host.directory / "current" / "manifest.json").read_text())["files"]
    for name in mine:
        for field in ("etag", "last_modified", "checksums", "sidecars", "md5"):
            assert mine[name][field] == others[name][field]
    # nothing to do afterwards
    assert run("sync")["fetched"] == []


def test_a_peer_with_an_older_kernel_is_not_asked_for_it(
    host: Host, store: ImageStore, run: Run, peer: PeerServer
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync", on=peer.host)
    store.put("github.test/kernel", new := content(), modified=LONG_AGO + 1)
    run("sync")
    assert host.file("github.test/kernel").read_bytes() == new


def test_a_broken_transfer_from_a_peer_is_resumed(host: Host, store: ImageStore, run: Run, peer: PeerServer) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(1_500_000))
    run("sync", on=peer.host)
    peer.cut = [900_000]
    store.forget()
    run("sync")
    assert host.file(key).read_bytes() == data
    assert store.downloads() == {}
    sizes = [size for name, _status, size in peer.log if name.startswith("blobs/")]
    assert sizes == [900_000, 600_000]


def test_what_a_peer_began_the_store_begins_again(host: Host, store: ImageStore, run: Run, peer: PeerServer) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(1_500_000))
    run("sync", on=peer.host)
    peer.cut = [900_000, 0, 0, 0, 0]
    report = run("sync")
    assert host.file(key).read_bytes() == data
    assert report["fetched"][0]["source"] == "store"


def test_a_peer_that_sends_something_else_is_not_believed(
    host: Host, store: ImageStore, run: Run, peer: PeerServer
) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    run("sync", on=peer.host)
    peer.replace["blobs"] = content()
    report = run("sync")
    assert host.file(key).read_bytes() == data
    assert report["fetched"][0]["source"] == "store"


@pytest.mark.parametrize("what", ["manifest.json", "state.json"])
def test_nonsense_of_a_peer_does_not_matter(
    what: str, host: Host, store: ImageStore, run: Run, peer: PeerServer
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    peer.replace[what] = b"<html>"
    run("sync")
    assert host.file("github.test/kernel").read_bytes() == kernel


def test_a_peer_that_is_down_does_not_matter(host: Host, store: ImageStore, run: Run, peer: PeerServer) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    peer.down = True
    run("sync")
    assert host.file(key).read_bytes() == data


def test_a_new_host_is_filled_by_its_peer_while_the_store_is_away(
    host: Host, store: ImageStore, run: Run, peer: PeerServer
) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(), "md5", "sha256")
    store.put("github.test/kernel", content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync", on=peer.host)
    missing = store.image("ubuntu-24.04.20250102", content())
    for name in ("images.test", "github.test"):
        store.fault("status", name, status=503, count=1000, method="*")
    report = run("sync", code=3)
    assert host.file(key).read_bytes() == data
    assert [failure["file"] for failure in report["failures"]] == [missing]
    store.faults.clear()
    # what came from the peer counts as any other file afterwards
    assert [entry["file"] for entry in run("sync")["fetched"]] == [missing]


def start(host: Host) -> tuple[threading.Thread, list[Report]]:
    """Begin a run in a thread of its own."""
    reports: list[Report] = []

    def work() -> None:
        engine = Engine(load_config(host.configure()), Journal(level=-1), threading.Event())
        reports.append(SyncRun(engine, host.environment).run())
        engine.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, reports


@pytest.mark.parametrize("hosts", [2, 3])
def test_hosts_that_start_together_share_the_downloads(
    hosts: int, host: Host, store: ImageStore, tmp_path: Path
) -> None:
    """Each file leaves the store once, whoever begins, and all have all in the end."""
    members = [host] + [Host(tmp_path, f"cache-{number}", store) for number in range(2, hosts + 1)]
    servers = [PeerServer(member) for member in members]
    for member in members:
        member.configure(peers=[server.entry for server in servers if server.host is not member], parallel=2)
    keys = [store.image(f"ubuntu-24.04.202501{number + 10}", content(200_000)) for number in range(12)]
    store.put("github.test/kernel", content(200_000))
    store.boot("github.test/kernel", "github.test/kernel")
    met: set[str] = set()

    def delay(path: str) -> float:
        # nothing comes before all hosts are there; then it comes as slowly as through an uplink
        deadline = time.monotonic() + 60
        while path in store.files and len(met) < hosts and time.monotonic() < deadline:
            met.update(member.name for member in members if (member.runtime / "state.json").exists())
            time.sleep(0.01)
        return 0.05 if path in store.files else 0.0

    store.delay = delay
    runs = [start(member) for member in members]
    for thread, _reports in runs:
        thread.join(120)
        assert not thread.is_alive()
    for member, (_thread, [report]) in zip(members, runs):
        assert (report.result, report.failures) == ("complete", [])
        assert {name for name in member.served() if not name.endswith(".md5")} == {*keys, "github.test/kernel"}
    assert store.downloads() == dict.fromkeys([*keys, "github.test/kernel"], 1)
    shares = [report.downloaded["store"] for _thread, [report] in runs]
    assert sum(shares) == 13 * 200_000
    # a third may come too late on a busy machine
    assert sum(share > 0 for share in shares) >= 2
    for server in servers:
        server.stop()


def test_a_host_that_is_about_to_publish_still_says_what_it_has(
    store: ImageStore, run: Run, peer: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no checksum at the store is found at a peer by its state or by its manifest: there is no gap between."""
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", content())
    store.boot("github.test/kernel", "github.test/kernel")
    publish = Generations.publish
    looked: list[dict[str, object]] = []

    def slowly(self: Generations, files: Mapping[str, FileEntry], created: str) -> int:
        if not looked:
            looked.append({})
            looked[0] = run("sync")
        return publish(self, files, created)

    monkeypatch.setattr(Generations, "publish", slowly)
    run("sync", on=peer.host)
    assert {entry["source"] for entry in looked[0]["fetched"]} == {"peer"}  # type: ignore[attr-defined]
    assert set(store.downloads().values()) == {1}


def test_the_manifest_is_read_again_after_a_run_of_the_peer(
    host: Host, store: ImageStore, run: Run, peer: PeerServer
) -> None:
    store.put("github.test/kernel", content())
    store.image("ubuntu-24.04.20250101", content())
    store.boot("github.test/kernel", "github.test/kernel")
    engine = Engine(load_config(host.configure()), Journal(level=-1), threading.Event())
    state = {"version": 1, "host": "cache-2", "run": "one", "sequence": 1, "files": {}}
    path = peer.host.runtime / "state.json"
    path.write_text(json.dumps(state))
    engine.peers.states()
    assert engine.peers.served("github.test/kernel") == []
    run("sync", on=peer.host)
    # not asked for again while the same run goes on
    path.write_text(json.dumps({**state, "sequence": 2}))
    engine.peers.states()
    assert engine.peers.served("github.test/kernel") == []
    path.unlink()
    engine.peers.states()
    assert [name for name, _entry in engine.peers.served("github.test/kernel")] == ["cache-2"]
    engine.close()


def test_a_host_that_died_in_the_middle_is_not_waited_for_forever(
    host: Host, store: ImageStore, run: Run, peer: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    peer.host.runtime.mkdir(parents=True, exist_ok=True)
    state = {
        "version": 1,
        "host": "cache-2",
        "run": "died",
        "sequence": 4,
        "files": {key: {"state": "downloading", "progress": 100}},
    }
    (peer.host.runtime / "state.json").write_text(json.dumps(state))
    module = "ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.claims"
    monkeypatch.setattr(f"{module}.Claims.__init__.__kwdefaults__", {"stale_after": 1.5, "stall_after": 60.0})
    report = run("sync")
    assert host.file(key).read_bytes() == data
    assert "another cache host fetches this file" in report["log"]
    assert 1.5 <= report["duration_seconds"] < 10


def test_the_state_is_shown_while_the_run_lasts(host: Host, store: ImageStore) -> None:
    key = store.image("ubuntu-24.04.20250101", content(400_000))
    store.delay = lambda path: 0.1 if path == key else 0.0
    thread, reports = start(host)
    seen: list[dict[str, object]] = []
    while thread.is_alive():
        try:
            state = json.loads((host.runtime / "state.json").read_text())
        except FileNotFoundError:
            continue
        seen.append(state)
    assert reports[0].result == "complete"
    assert not (host.runtime / "state.json").exists()
    states = [state["files"][key]["state"] for state in seen if key in state["files"]]  # type: ignore[index, operator]
    assert {"intent", "downloading"} <= set(states) | {"intent"}
    assert "downloading" in states
    numbers = [state["sequence"] for state in seen]
    assert numbers == sorted(numbers)  # type: ignore[type-var]
    assert seen[0]["host"] == "cache-1"


def test_blobs_are_named_by_their_content(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", data := content())
    run("sync")
    assert (host.directory / "blobs" / hashlib.md5(data).hexdigest()).read_bytes() == data
