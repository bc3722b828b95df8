# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run this emulator for a test.

Use::

    with running_metal_api() as api:
        api.v1, api.v2               # URLs
        api.control.change_state(images=[{"id": "ubuntu-24.04.20251010", "url": "http://images.example.com/u.tar"}])
        token = api.control.token()  # for v2; v1 has the keys KEYS
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ..process import Emulator, running
from .controlclient import ControlClient

# HMAC user -> key, unless the environment or a key file says otherwise.
KEYS = {"Metal-View": "metal-view", "Metal-Edit": "metal-edit", "Metal-Admin": "metal-admin"}


@dataclass(frozen=True)
class MetalApi:
    """A running emulator: URL of v1 with its base path, URL of v2, and its control endpoint."""

    v1: str
    v2: str
    control: ControlClient
    emulator: Emulator


@contextmanager
def running_metal_api(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[MetalApi]:
    """Start it with these command line arguments; it is stopped when the block ends."""
    with running("tests.emulators.metal_api", *arguments, environment=environment) as emulator:
        ready = emulator.ready
        with closing(ControlClient(ready["control"])) as control:
            yield MetalApi(ready["v1"], ready["v2"], control, emulator)
