# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of the metal-api as the action plugin does, without Ansible around it."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, perform
from tests.emulators.metal_api.process import KEYS, MetalApi

_MODULES = "ansible_collections.metalstack.provisioning.plugins.modules"


def perform_module(
    name: str, options: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool = False, diff: bool = True
) -> dict[str, Any]:
    """Return the result of a module. An option that the module refuses is an AssertionError."""
    module = importlib.import_module(f"{_MODULES}.{name}")
    checked = ArgumentSpecValidator(**module.SPEC.arguments()).validate(copy.deepcopy(dict(options)))
    assert not checked.error_messages, checked.error_messages
    return perform(module.run, Task(checked.validated_parameters, check_mode, diff, environ))


@dataclass(frozen=True)
class Runner:
    """Runs one module against an emulator; calling it returns the result.

    ``user`` is whose HMAC key it has. ``methods`` (a list, maybe empty): then it has a token for these methods of v2;
    ``rights`` are further settings of the token, like ``admin_role``.
    """

    api: MetalApi
    module: str
    user: str = "Metal-Admin"
    methods: Sequence[str] | None = None
    rights: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *, check_mode: bool = False, diff: bool = True, **options: Any) -> dict[str, Any]:
        """Run it with the options of a user. An option that the module refuses is an AssertionError."""
        return perform_module(self.module, {"retries": 0, **options}, self.environ(), check_mode=check_mode, diff=diff)

    def environ(self) -> dict[str, str]:
        """Return the environment of its tasks."""
        if self.methods is None:
            return {
                "METALCTL_API_URL": self.api.v1,
                "METALCTL_HMAC": KEYS[self.user],
                "METALCTL_HMAC_AUTH_TYPE": self.user,
            }
        token = self.api.control.token(list(self.methods), **dict(self.rights))
        return {"METALCTL_API_URL": self.api.v2, "METALCTL_API_TOKEN": token}


def ok(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a task that must not have failed."""
    assert not result.get("failed"), result
    return result


def failure(result: dict[str, Any]) -> str:
    """Return the message of a task that must have failed."""
    assert result.get("failed"), result
    message = result["msg"]
    assert isinstance(message, str)
    return message


def requests(api: MetalApi) -> list[str]:
    """Return what was asked since ``control.forget_requests``: ``GET /v1/image`` and so on, in order."""
    return [f"{entry['method']} {entry['path'].replace('/metal/', '/', 1)}" for entry in api.control.requests()]


def writes(api: MetalApi) -> list[str]:
    """Return those of the requests to v1 that change something."""
    reads = ("/find", "/capacity", "/try", "/matches", "/evaluate", "/suggest")
    return [request for request in requests(api) if not request.startswith("GET ") and not request.endswith(reads)]
