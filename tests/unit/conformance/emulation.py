# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated APIs that the modules of the table talk to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import running_lightbits
from tests.emulators.metal_api.process import MetalApi, running_metal_api

# Keys that stand nowhere else, so that they can be looked for in everything that is printed.
KEYS_OF_EMULATOR = {
    f"METAL_API_HMAC_{user.upper()}": f"the-{user}-key-nobody-may-see" for user in ("view", "edit", "admin")
}


@dataclass(frozen=True)
class Emulation:
    """An API. ``name`` tells it from others. ``start`` runs its emulator, ``environment`` are variables of a task that
    finds it, with a credential if all tasks have the same. ``secrets`` are what may never be printed.

    ``settle`` waits for the end of everything that goes on in the emulator, ``hasten`` lets things go on with each
    request instead of with time, so that all runs see the same, and so many times as quickly. ``volatile`` are keys of
    its state that are different every time: times, random numbers, and how far a life has gone on. ``opening`` is how
    many requests a new client makes before the first of a task.
    """

    name: str
    start: Callable[[], AbstractContextManager[Any]]
    environment: Callable[[Any], Mapping[str, str]]
    secrets: Callable[[], list[str]]
    settle: Callable[[Any], None]
    hasten: Callable[[Any, float], object]
    volatile: frozenset[str]
    opening: int = 0


def _rest(api: MetalApi) -> None:
    """Let machines come to where they are going."""
    api.control.wait_until_idle()
    api.control.life(advance=20)


METAL = Emulation(
    name="metal-api",
    start=lambda: running_metal_api(environment=KEYS_OF_EMULATOR),
    environment=lambda api: {"METALCTL_API_URL": api.v1},
    secrets=lambda: list(KEYS_OF_EMULATOR.values()),
    settle=_rest,
    hasten=lambda api, times: api.control.life(per_request=times),
    volatile=frozenset(
        {"created", "changed", "generation", "last_updated", "vrf", "asn", "expirationDate", "events", "liveliness"}
    ),
)


@functools.cache
def administrator() -> str:
    """A token of an administrator of the emulated cluster, the same for all tests of a process."""
    return keys.token(lifetime=86400)


LIGHTBITS = Emulation(
    name="lightbits",
    start=lambda: running_lightbits("--servers", "5"),
    environment=lambda cluster: {
        "LIGHTBITS_API_ENDPOINTS": ",".join(cluster.urls[:2]),
        "LIGHTBITS_API_TOKEN": administrator(),
    },
    secrets=lambda: [administrator()],
    settle=lambda cluster: cluster.control.settle(),
    hasten=lambda cluster, times: cluster.control.pace(per_request=0.4 * times),
    volatile=frozenset(
        {
            "ETag",
            "creationTime",
            "events",
            "waiting",
            "StartTime",
            "EndTime",
            "startTime",
            "endTime",
            "nsid",
            "_away_since",
        }
    ),
    # the other servers
    opening=1,
)
