# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests that run the sync program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import cli
from tests.unit.image_cache.image_store import Host, ImageStore, PeerServer, running_store


@pytest.fixture
def store() -> Iterator[ImageStore]:
    """The image store, and the metal-api that lists its images."""
    with running_store() as running:
        yield running


@pytest.fixture
def host(tmp_path: Path, store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A cache host with nothing in its cache."""
    result = Host(tmp_path, "cache-1", store)
    result.configure()
    for name, value in result.environment.items():
        monkeypatch.setenv(name, value)
    return result


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(host: Host, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: ``run("sync", code=3)`` returns its JSON, with the log as ``["log"]``."""

    def call(command: str, *arguments: str, code: int = 0, on: Host | None = None) -> dict[str, Any]:
        target = on or host
        capsys.readouterr()
        path = target.root / target.name / "config.json"
        result = cli.main(["--config", str(path), command, "--json", *arguments], target.environment)
        output = capsys.readouterr()
        assert result == code, output.err
        data: dict[str, Any] = json.loads(output.out) if output.out else {}
        return {**data, "log": output.err}

    return call


@pytest.fixture
def peer(tmp_path: Path, store: ImageStore, host: Host) -> Iterator[PeerServer]:
    """A second cache host with its nginx; ``host`` knows it as a peer."""
    other = Host(tmp_path, "cache-2", store)
    other.configure()
    server = PeerServer(other)
    host.configure(peers=[server.entry])
    yield server
    server.stop()
