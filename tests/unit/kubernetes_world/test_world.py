# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world with and without a Lightbits cluster of its own; nothing is started here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.kubernetes import __main__ as program
from tests.kubernetes import binaries, driver, world
from tests.kubernetes.api import Api
from tests.kubernetes.base import KubernetesError


class Started:
    """A world whose parts only say that they were asked for."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[str] = []
        monkeypatch.setattr(world, "BUILD", directory)
        monkeypatch.setattr(binaries, "ensure", lambda: None)
        monkeypatch.setattr(world.World, "_start_kubernetes", self._part("kubernetes"))
        monkeypatch.setattr(world.World, "_use_kubernetes", self._part("kubeconfig"))
        monkeypatch.setattr(world.World, "_start_lightbits", self._part("lightbits"))

    def _part(self, name: str) -> Any:
        def start(*_words: object) -> dict[str, Any]:
            self.parts.append(name)
            return {name: True}

        return start


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return Started(tmp_path, monkeypatch)


def test_alone_it_has_a_key_such_as_a_provider_makes(started: Started) -> None:
    one = world.World("mine")
    facts = one.up(snapshots=False, lightbits=False)
    assert started.parts == ["kubernetes"]
    assert set(facts) == {"kubernetes", "admin_key"}
    key = Path(facts["admin_key"])
    assert key.stat().st_mode & 0o777 == 0o600
    # the only form that duros-controller reads
    assert key.read_text(encoding="ascii").startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    load_pem_private_key(key.read_bytes(), None)
    assert one.facts == facts
    one.down()
    assert not one.directory.exists()


def test_only_a_world_with_a_cluster_of_its_own_uses_the_kubernetes_of_somebody(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    world.World("mine").up(snapshots=False, lightbits=False)
    assert started.parts == ["kubernetes"]
    started.parts.clear()
    world.World("mine").up(snapshots=False)
    assert started.parts == ["kubeconfig", "lightbits"]


@pytest.mark.parametrize(
    ("words", "parts"), [([], ["kubernetes", "lightbits"]), (["--without-lightbits"], ["kubernetes"])]
)
def test_the_command_line_says_which(
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    parts: list[str],
) -> None:
    monkeypatch.setenv("TESTBED_WORLD", "mine")
    monkeypatch.setattr(sys, "argv", ["kubernetes", "up", "--without-snapshots", *words])
    assert program.main() == 0
    assert started.parts == parts
    assert json.loads(capsys.readouterr().out) == world.World("mine").facts


def test_the_driver_says_that_there_is_nobody_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Api, "__init__", lambda *_words: None)
    with pytest.raises(KubernetesError, match=r"^this world has no Lightbits cluster of its own"):
        driver.drive(Api(tmp_path, tmp_path), {"admin_key": "x"}, "project", tmp_path / "until")
