# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much Ansible has to send, and to compile, of this collection for a module that does not run in the controller."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.support.playbook import ROOT, play

EMPTY = "ansible.builtin.ping"


def measure(_world: CacheWorld) -> Measurement:
    """Run each module as one, without options that make sense, and look at the file that Ansible made of it.

    What Ansible sends for a module that does nothing at all is no part of the figure: it alone is more than the goal.
    """
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    modules = sorted({name for group in runtime["action_groups"].values() for name in group})
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as text:
        directory = Path(text)
        play(
            directory,
            [
                {"name": "ping", EMPTY: {}},
                *({"name": name, f"metalstack.provisioning.{name}": {}} for name in modules),
            ],
            environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"},
            variables={"metalstack_provisioning_in_controller": False},
        )
        for file in (directory / "remote-tmp").rglob("AnsiballZ_*.py"):
            sizes[file.stem.removeprefix("AnsiballZ_")] = file.stat().st_size
    empty = sizes.pop("ping", 0)
    if set(sizes) != set(modules) or not empty:
        raise BenchmarkError(f"Ansible made no file of {', '.join(sorted(set(modules) - set(sizes)))}")
    largest = max(sizes, key=lambda name: sizes[name])
    return Measurement(
        (sizes[largest] - empty) / 1000,
        f"the largest of {len(sizes)} is {largest}: {sizes[largest] / 1000:.0f} kB, less the {empty / 1000:.0f} kB of "
        f"{EMPTY}",
    )


BENCHMARK = Benchmark(
    name="api.module_payload",
    summary="what the largest module adds to what Ansible sends for any",
    unit="kB",
    goal=150,
    measure=measure,
    hosts=False,
)
