# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any moment, the program leaves a complete and verified cache, and the next run finishes the work."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import checksum_line
from tests.unit.image_cache import launcher
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore, running_store

KILLS = 220
SEEDS = (11, 12)


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory in memory where there is one: kills do not depend on the disk, and flushing costs nothing there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as directory:
        yield Path(directory)


class Launcher:
    """The process that runs the program and kills it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        command = [sys.executable, launcher.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, host: Host, *, command: str = "sync", **kill: Any) -> dict[str, Any]:
        """Run once; ``kill_at_event`` or ``kill_after`` say when it dies."""
        order = {
            "arguments": ["--config", str(host.root / host.name / "config.json"), command],
            "environment": host.environment,
            "root": str(host.root),
            "log": str(self._log),
            **kill,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(self._process.stdout.readline())
        return result

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def starter(root: Path) -> Iterator[Launcher]:
    """The launcher."""
    process = Launcher(root / "log")
    yield process
    process.close()


@pytest.fixture
def store() -> Iterator[ImageStore]:
    """The image store."""
    with running_store() as running:
        yield running


class Witness:
    """Knows everything that was ever published, and judges what is visible."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, set[bytes]] = {}
        self.visible: set[str] = set()

    def learn(self, store: ImageStore) -> None:
        """Take note of what the store has."""
        for key, file in store.files.items():
            self._known.setdefault(key, set()).add(file.content)

    def check(self, listed: set[str]) -> None:
        """What is visible is complete and verified, and nothing that is still ``listed`` has gone."""
        served = self._host.served()
        files = {name: content for name, content in served.items() if not name.endswith(".md5")}
        for key, content in files.items():
            assert content in self._known[key], f"{key} is visible and is not what the store had"
            assert served[f"{key}.md5"] == checksum_line(key, hashlib.md5(content).hexdigest()), key
        assert len(served) == 2 * len(files)
        if files:
            manifest = json.loads((self._host.directory / "current" / "manifest.json").read_text())
            assert set(manifest["files"]) == set(files)
            assert {key: entry["size"] for key, entry in manifest["files"].items()} == {
                key: len(content) for key, content in files.items()
            }
        gone = (self.visible & listed) - set(files)
        assert not gone, f"{gone} was visible and is not any more"
        self.visible = set(files)


def listed(store: ImageStore) -> set[str]:
    """Return the keys that the metal-api lists."""
    boot = store.partitions[0]["bootconfig"]
    urls = [image["url"] for image in store.images] + [boot["kernelurl"], boot["imageurl"]]
    return {url.removeprefix("http://") for url in urls if url}


def expected(store: ImageStore) -> dict[str, bytes]:
    """Return what a complete run shows."""
    result = {}
    for key in listed(store):
        content = store.files[key].content
        result[key] = content
        result[f"{key}.md5"] = checksum_line(key, hashlib.md5(content).hexdigest())
    return result


def tidy(host: Host) -> None:
    """Nothing is left over after a complete run."""
    assert list((host.directory / "staging").iterdir()) == []
    assert not [path for path in (host.directory / "generations").iterdir() if path.name.endswith(".tmp")]
    assert not (host.directory / "current.new").is_symlink()
    needed = set()
    for generation in (host.directory / "generations").iterdir():
        manifest = json.loads((generation / "manifest.json").read_text())
        needed |= {entry["md5"] for entry in manifest["files"].values()}
    assert {path.name for path in (host.directory / "blobs").iterdir()} == needed


def grow(store: ImageStore, dice: random.Random, number: int) -> None:
    """Let something change in the world: new, replaced and removed images, other kernels."""
    choice = dice.random()
    content = dice.randbytes(dice.choice([1, 3000, 70_000, 300_000]))
    if choice < 0.35 or len(store.images) < 3:
        sidecars = dice.choice([("md5",), ("md5", "sha256"), ("md5", "sha256", "sha512")])
        store.image(f"ubuntu-24.{dice.choice(['04', '10'])}.{20250000 + number}", content, *sidecars)
    elif choice < 0.6:
        image = dice.choice(store.images)
        store.image(image["id"], content, modified=LONG_AGO + number)
    elif choice < 0.75:
        store.images.remove(dice.choice(store.images))
    else:
        kernel = f"github.test/kernel-{dice.choice('ab')}"
        store.put(kernel, content, modified=LONG_AGO + number)
        if "github.test/initrd" not in store.files:
            store.put("github.test/initrd", dice.randbytes(50_000))
        store.boot(kernel, "github.test/initrd")


def break_something(store: ImageStore, dice: random.Random) -> None:
    """Let a few of the next requests fail in some way."""
    store.faults.clear()
    for _number in range(dice.choice([0, 0, 1, 3])):
        kind = dice.choice(["reset", "truncate", "status", "corrupt", "refuse"])
        if kind == "corrupt" and not store.images:
            continue
        # sorted, so that a seed means the same in every process
        paths = sorted(listed(store))
        # nobody can notice that a file is corrupt which has no checksum
        verified = [one for one in paths if store.files[one].sidecars]
        path = dice.choice(verified) if kind == "corrupt" else dice.choice([*paths, ""])
        store.fault(
            kind, path, after=dice.randrange(0, 60_000), count=dice.choice([1, 2]), method=dice.choice(["GET", "*"])
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_times(seed: int, root: Path, store: ImageStore, starter: Launcher) -> None:
    """Kill at random times while images come, change and go, and the store has faults."""
    dice = random.Random(seed)
    host = Host(root, "cache-1", store)
    host.configure(generations=2)
    witness = Witness(host)
    longest = 0.15
    killed = number = 0
    while killed < KILLS // len(SEEDS):
        number += 1
        assert number < 3 * KILLS, "the runs are quicker than their deaths"
        if dice.random() < 0.5:
            grow(store, dice, number)
        witness.learn(store)
        break_something(store, dice)
        result = starter.run(host, kill_after=dice.uniform(0.0, longest))
        killed += result["code"] == -signal.SIGKILL
        witness.check(listed(store))
        if number % 20 == 0:
            store.faults.clear()
            result = starter.run(host)
            # the deaths are spread over the time that a run takes on this machine now
            longest = min(0.5, max(0.05, result["seconds"]))
            assert result["code"] == 0, (root / "log").read_text()[-3000:]
            assert host.served() == expected(store)
            witness.check(listed(store))
            tidy(host)
    store.faults.clear()
    assert starter.run(host)["code"] == 0
    assert host.served() == expected(store)
    tidy(host)


def test_killed_at_every_operation_of_the_file_system(root: Path, store: ImageStore, starter: Launcher) -> None:
    """Kill before the first, the second, ... operation of a run that adds, replaces, repairs and removes."""
    host = Host(root, "cache-1", store)
    host.configure(generations=2, parallel=2)
    witness = Witness(host)
    dice = random.Random(5)
    for number in range(4):
        store.image(f"ubuntu-24.04.2025010{number}", dice.randbytes(9000), "md5", "sha256")
    store.put("github.test/kernel", dice.randbytes(4000))
    store.put("github.test/initrd", dice.randbytes(4000))
    store.boot("github.test/kernel", "github.test/initrd")
    witness.learn(store)
    assert starter.run(host)["code"] == 0
    # the second generation, so that the next one prunes
    store.images.pop()
    assert starter.run(host)["code"] == 0
    always = listed(store)
    store.image("ubuntu-24.04.20250100", dice.randbytes(8000), "md5")
    store.image("ubuntu-24.04.20250109", dice.randbytes(200_000), "md5")
    store.put("github.test/kernel", dice.randbytes(5000), modified=LONG_AGO + 9)
    store.images = [image for image in store.images if image["id"] != "ubuntu-24.04.20250102"]
    always &= listed(store)
    witness.learn(store)
    # a transfer that broke off in an earlier run, and a file that looks as if somebody changed it
    store.fault("truncate", "images.test/ubuntu-24.04.20250109/img.tar.lz4", after=80_000)
    assert starter.run(host, kill_after=0.03)["code"] in (0, -signal.SIGKILL)
    store.faults.clear()
    os.utime(host.file("images.test/ubuntu-24.04.20250101/img.tar.lz4"), (1, 1))

    origin = root / "origin"
    subprocess.run(["cp", "-a", host.directory, origin], check=True)

    def reset() -> None:
        shutil.rmtree(host.directory)
        subprocess.run(["cp", "-a", origin, host.directory], check=True)

    events = 0
    point = 0
    while point <= events:
        reset()
        point += 1
        result = starter.run(host, kill_at_event=point)
        events = max(events, result["events"])
        if result["code"] == 0:
            break
        assert result["code"] == -signal.SIGKILL
        witness.visible = always
        witness.check(always)
        result = starter.run(host)
        assert result["code"] == 0, (point, (root / "log").read_text()[-3000:])
        assert host.served() == expected(store), point
        witness.check(listed(store))
        tidy(host)
    # fewer would mean that the hook does not see what the program does
    assert events > 60
