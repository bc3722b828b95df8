# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run this emulator for a test.

Use::

    with running_lightbits() as cluster:
        cluster.urls             # one for each server
        cluster.control.stop_servers(0)
        keys.token()             # of an administrator
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..process import Emulator, running
from .controlclient import ControlClient
from .keys import public_pem, root_key


@dataclass(frozen=True)
class Lightbits:
    """A running emulator: the address of each server, and its control endpoint."""

    urls: Sequence[str]
    control: ControlClient
    emulator: Emulator


@contextmanager
def running_lightbits(*arguments: str) -> Iterator[Lightbits]:
    """Start it with these command line arguments; it is stopped when the block ends."""
    with tempfile.TemporaryDirectory(prefix="lightbits-") as directory:
        key = Path(directory) / "root.pem"
        key.write_text(public_pem(root_key()), encoding="ascii")
        with running("tests.emulators.lightbits", "--root-public-key", str(key), *arguments) as emulator:
            ready = emulator.ready
            with closing(ControlClient(ready["control"])) as control:
                yield Lightbits(ready["urls"], control, emulator)
