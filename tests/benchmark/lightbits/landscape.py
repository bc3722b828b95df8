# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated Lightbits cluster with volumes, and plays against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.benchmark.plays import Plays
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits

SIZE = 1 << 30


def name(number: int) -> str:
    """The name of a volume."""
    return f"volume-{number}"


@contextmanager
def lightbits(volumes: int, servers: int = 3) -> Iterator[Lightbits]:
    """Run a cluster with so many volumes."""
    with running_lightbits("--servers", str(servers)) as cluster:
        cluster.control.replace_state(**state(volumes))
        yield cluster


def state(volumes: int) -> dict[str, Any]:
    """The emulator's state with so many volumes of one size."""
    return {"volumes": [{"name": name(number), "size": SIZE} for number in range(volumes)]}


def plays(cluster: Lightbits) -> Plays:
    """What times plays against the cluster, as an administrator of it."""
    return Plays({"LIGHTBITS_API_ENDPOINTS": ",".join(cluster.urls[:2]), "LIGHTBITS_API_TOKEN": keys.token()})
