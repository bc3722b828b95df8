# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the guide "Working with a Lightbits cluster", in the order in which a reader runs them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.emulators.lightbits.controlclient import ControlClient
from tests.emulators.process import running
from tests.support.playbook import ROOT, settings

GUIDE = ROOT / "docs/lightbits.md"
EXAMPLES = ROOT / "docs/examples/lightbits"
RECAP = re.compile(r"localhost\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)")
# What the reader runs, and how many tasks then change something; None when it has to fail.
EXPECTED: list[tuple[str, int | None]] = [
    ("token.yml", 1),
    ("look.yml", 0),
    ("volume.yml --check --diff", 1),
    ("volume.yml", 2),
    ("volume.yml", 0),
    ("tenant.yml", 3),
    ("tenant_volumes.yml", 1),
    ('tenant.yml -e \'{"key": "key-2", "retired": ["key-1"]}\'', 3),
    ("tenant_volumes.yml", 0),
    ("disable.yml", 1),
    ("disable.yml -e server=server01", None),
    ("enable.yml", 1),
    ("remove.yml", 4),
]


def commands() -> list[str]:
    """What stands in the blocks of the guide, in its order."""
    blocks = re.findall(r"^```\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@dataclass(frozen=True)
class Reader:
    """Somebody with a shell, in a directory with the examples."""

    directory: Path
    environment: dict[str, str]

    def run(self, command: str) -> tuple[int, str]:
        """Return the status and everything that is printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=EXAMPLES,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def play(self, arguments: str) -> tuple[int | None, str]:
        """Return how many tasks changed something, None when one failed, and everything that is printed."""
        status, output = self.run(f"{shlex.quote(sys.executable)} -m ansible playbook {arguments}")
        recap = RECAP.search(output)
        assert recap is not None, output
        assert (status == 0) == (recap[2] == "0"), output
        return None if status else int(recap[1]), output


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    home = tmp_path / "lightos"
    home.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Reader(tmp_path, {**settings(tmp_path), "PATH": path, "LIGHTOS": str(home)})


@pytest.fixture
def control(reader: Reader) -> Iterator[ControlClient]:
    """The guide's cluster, at other addresses; the keys are made as the guide says."""
    for command in (line for line in commands() if line.startswith("openssl")):
        status, output = reader.run(command)
        assert status == 0, output
    [start] = [line for line in commands() if "tests.emulators.lightbits" in line]
    given = [word.replace("$LIGHTOS", reader.environment["LIGHTOS"]) for word in shlex.split(start)]
    options = given[given.index("tests.emulators.lightbits") + 1 :]
    free = ["127.0.0.1:0" if re.fullmatch(r"127\.0\.0\.1:\d+", word) else word for word in options]
    with running("tests.emulators.lightbits", *free) as emulator:
        reader.environment["LIGHTBITS_API_ENDPOINTS"] = emulator.ready["urls"][0]
        reader.environment["LIGHTBITS_API_TOKEN_FILE"] = f"{reader.environment['LIGHTOS']}/admin.jwt"
        assert all(url.startswith("https://") for url in emulator.ready["urls"])
        with closing(ControlClient(emulator.ready["control"])) as control:
            yield control


@pytest.mark.once
def test_guide_takes_a_reader_from_nothing_to_a_server_out_of_service_and_back(
    reader: Reader, control: ControlClient
) -> None:
    plays = [line.removeprefix("ansible-playbook ") for line in commands() if line.startswith("ansible-playbook ")]
    assert plays == [arguments for arguments, _expected in EXPECTED]
    seen: dict[str, str] = {}
    states: dict[str, str] = {}
    before = control.state()
    for arguments, expected in EXPECTED:
        changed, seen[arguments] = reader.play(arguments)
        assert changed == expected, seen[arguments]
        states[arguments] = control.state()["servers"][0]["state"]
    assert "Nothing is wrong." in seen["look.yml"] and "3 servers, health OK" in seen["look.yml"]
    assert (states["disable.yml"], states["enable.yml"]) == ("Disabled", "Enabled")
    assert "The server server00 is in the state Disabled." in seen["disable.yml"]
    refused = seen["disable.yml -e server=server01"]
    assert "the server server01 may not be disabled" in refused and "server00 is in the state Disabled" in refused
    after = control.state()
    for section in ("projects", "credentials", "volumes", "snapshots"):
        assert after[section] == before[section], section
    secrets = [file.read_text(encoding="ascii").strip() for file in Path(reader.environment["LIGHTOS"]).glob("*.jwt")]
    assert len(secrets) == 2
    assert not [output for output in seen.values() for secret in secrets if secret in output]


@pytest.mark.once
def test_a_second_run_of_the_tenant_changes_nothing(reader: Reader, control: ControlClient) -> None:
    for expected in (3, 0):
        reader.play("token.yml")
        assert reader.play("tenant.yml")[0] == expected
    assert [project["name"] for project in control.state()["projects"]] == ["system", "default", "tenant-1"]


def test_guide_names_every_file() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for file in EXAMPLES.iterdir():
        assert f"examples/lightbits/{file.name}" in text, file.name
