# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the conformance table needs to know about a module; one file each in ``cases``, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .emulation import KEYS_OF_EMULATOR, METAL, Emulation

Options = Mapping[str, Any]
# Who has a token that says nothing about it: an administrator.
PROVIDER = "metal-stack"


@dataclass(frozen=True)
class Case:
    """One module that manages something.

    ``create`` makes the thing, ``update`` (the options of ``create``, changed) changes it, ``absent`` removes it.
    ``missing`` lacks an option that ``needs`` names; the error must say so. ``key`` is the result's key.
    ``expected`` and ``updated`` are parts of the result after ``create`` and ``update``. ``state`` are sections of the
    emulator's state before. ``environment`` are variables for the credential; ``token`` has the rights of one for the
    metal-api v2, which is called then. ``unknown`` are keys of the result that check mode cannot predict, and that
    differ from run to run. ``variant`` tells cases of one module apart; ``faults``: the fault campaign tries it.
    ``api`` is what it talks to. ``haste``: so many times as quickly as others it goes on in the campaign.
    """

    module: str
    key: str
    create: Options
    expected: Options
    missing: Options
    needs: str
    absent: Options | None
    update: Options | None = None
    updated: Options = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    token: Options | None = None
    unknown: frozenset[str] = frozenset()
    variant: str = ""
    faults: bool = True
    api: Emulation = METAL
    haste: float = 1

    @property
    def label(self) -> str:
        """The name in tables and of tests."""
        return f"{self.module} {self.variant}".strip()

    def state_before(self) -> dict[str, Any]:
        """The emulator's state before, in which the owner of the token is a member of what it has roles in."""
        if self.token is None:
            return dict(self.state)
        member = {
            f"{kind}s": self.token[f"{kind}_roles"] for kind in ("project", "tenant") if f"{kind}_roles" in self.token
        }
        return {**self.state, "memberships": {self.token.get("user", PROVIDER): member}}

    def environ(self, emulator: Any) -> dict[str, str]:
        """Variables for its tasks. A token is made anew; it is no part of the emulator's state."""
        found = {**self.api.environment(emulator), **self.environment}
        if self.token is not None:
            found.update(METALCTL_API_URL=emulator.v2, METALCTL_API_TOKEN=emulator.control.token((), **self.token))
        return found


def _user(name: str) -> dict[str, str]:
    key = KEYS_OF_EMULATOR[f"METAL_API_HMAC_{name.upper()}"]
    return {"METALCTL_HMAC": key, "METALCTL_HMAC_AUTH_TYPE": f"Metal-{name.capitalize()}"}


ADMIN = _user("admin")
EDIT = _user("edit")


def all_cases() -> list[Case]:
    """Return the cases of all files in ``cases``, each of which has a list ``CASES``."""
    package = importlib.import_module("tests.unit.conformance.cases")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [case for name in names for case in importlib.import_module(f"{package.__name__}.{name}").CASES]
