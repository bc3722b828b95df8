# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the guide "Working with the metal-api", in the order in which a reader runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi, running_metal_api
from tests.support.playbook import ROOT, ansible

GUIDE = ROOT / "docs/metal_api.md"
EXAMPLES = ROOT / "docs/examples/metal_api"
RECAP = re.compile(r"localhost\s+: ok=\d+\s+changed=(\d+)")


@pytest.fixture(scope="module")
def emulator() -> Iterator[MetalApi]:
    with running_metal_api("--state", str(EXAMPLES / "landscape.json")) as api:
        yield api


def changed(emulator: MetalApi, directory: Path, name: str, *arguments: str) -> int:
    """Run a playbook of the guide; returns how many tasks changed something."""
    return int(RECAP.search(run(emulator, directory, "playbook", str(EXAMPLES / name), *arguments)).group(1))  # type: ignore[union-attr]


def run(emulator: MetalApi, directory: Path, program: str, *arguments: str) -> str:
    environment = {
        "METALCTL_API_URL": emulator.v1,
        "METALCTL_HMAC": "metal-admin",
        "METALCTL_HMAC_AUTH_TYPE": "Metal-Admin",
    }
    return ansible(directory, program, *arguments, environment=environment)


def names(emulator: MetalApi, section: str) -> list[str]:
    return sorted(str(item.get("name") or item["id"]) for item in emulator.control.state()[section])


@pytest.mark.once
def test_guide_takes_a_reader_from_nothing_to_machines_and_back(emulator: MetalApi, tmp_path: Path) -> None:
    before = {section: names(emulator, section) for section in ("projects", "networks")}
    assert changed(emulator, tmp_path, "look.yml") == 0

    assert changed(emulator, tmp_path, "storage_network.yml", "--check", "--diff") == 1
    assert {section: names(emulator, section) for section in before} == before
    assert changed(emulator, tmp_path, "storage_network.yml") == 3
    assert changed(emulator, tmp_path, "storage_network.yml") == 0
    assert len(emulator.control.state()["ips"]) == 4
    assert "storage" in names(emulator, "networks")

    assert changed(emulator, tmp_path, "machines.yml") == 2
    assert changed(emulator, tmp_path, "machines.yml") == 0

    listed: dict[str, Any] = json.loads(
        run(emulator, tmp_path, "inventory", "-i", str(EXAMPLES / "inventory.metal.yml"), "--list")
    )
    assert {"storage-1", "shop-firewall"} <= set(listed["_meta"]["hostvars"])
    assert listed["metal_role_firewall"]["hosts"] == ["shop-firewall"]
    assert len(listed["_meta"]["hostvars"]) == 4

    assert changed(emulator, tmp_path, "remove.yml") == 5
    assert {section: names(emulator, section) for section in before} == before
    assert emulator.control.state()["ips"] == []


def test_guide_names_every_file_and_shows_it() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for file in EXAMPLES.iterdir():
        assert f"examples/metal_api/{file.name}" in text, file.name
