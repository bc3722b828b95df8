# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of the Lightbits API as the action plugin does, without Ansible around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import perform_module

# Look after milliseconds where a user looks after seconds. No test is about how long it takes.
QUICK = {"wait_interval": 0.01, "wait_timeout": 300}


@dataclass(frozen=True)
class Runner:
    """Runs one module against an emulator; calling it returns the result. ``token`` is of an administrator if empty."""

    cluster: Lightbits
    module: str
    token: str = ""
    defaults: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *, check_mode: bool = False, diff: bool = True, **options: Any) -> dict[str, Any]:
        """Run it with the options of a user. An option that the module refuses is an AssertionError."""
        # a busy machine may keep an emulator waiting for longer than the ten seconds that users wait
        wish = {"retries": 0, "timeout": 300, **dict(self.defaults), **options}
        return perform_module(self.module, wish, self.environ(), check_mode=check_mode, diff=diff)

    def environ(self) -> dict[str, str]:
        """Return the environment of its tasks: one server is named, the others are learnt."""
        return {
            "LIGHTBITS_API_ENDPOINTS": self.cluster.urls[0],
            "LIGHTBITS_API_TOKEN": self.token or keys.token(),
        }


def requests(cluster: Lightbits) -> list[str]:
    """Return what was asked since ``control.forget_requests``, without the question for the other servers."""
    listed = [f"{one['method']} {one['path'].removeprefix('/api/v2')}" for one in cluster.control.requests()]
    return [request for request in listed if request != "GET /clusterinfo"]


def writes(cluster: Lightbits) -> list[str]:
    """Return those that change something."""
    return [request for request in requests(cluster) if not request.startswith("GET ")]
