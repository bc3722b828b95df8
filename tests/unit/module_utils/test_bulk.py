# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task for many things returns of each, and what the modules document of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils import _bulk
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ServerError
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import Outcome, Plan, Resource
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task

_MODULES = Path(__file__).resolve().parents[3] / "plugins/modules"


class Thing(Resource[str]):
    """A thing of which only its name matters."""

    label = "the thing"

    def read(self) -> str | None:
        raise AssertionError

    def plan(self, actual: str | None) -> Plan:
        raise AssertionError(actual)

    def show(self, actual: str) -> dict[str, Any]:
        raise AssertionError(actual)


@pytest.mark.parametrize(
    ("module", "key", "plural"),
    [
        ("metal_network", "network", "networks"),
        ("metal_ip", "ip", "ips"),
        ("metal_image", "image", "images"),
        ("lightbits_volume", "volume", "volumes"),
    ],
)
def test_modules_document_what_an_entry_has(
    monkeypatch: pytest.MonkeyPatch, module: str, key: str, plural: str
) -> None:
    refused = [Outcome(error=ServerError("It was refused.", status=500))]
    monkeypatch.setattr(_bulk, "reconcile_all", lambda *_resources, **_options: refused)
    text = (_MODULES / f"{module}.py").read_text(encoding="utf-8")
    returned = re.search(r'^RETURN = r"""(.*?)"""', text, re.DOTALL | re.MULTILINE)
    assert returned is not None
    result = _bulk.run_bulk(Task({}), [Thing()], key=key, plural=plural, refresh=lambda: None)
    assert set(yaml.safe_load(returned[1])[plural]["contains"]) == set(result[plural][0])
