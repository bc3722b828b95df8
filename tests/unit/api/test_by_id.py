# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that nobody can understand become one sentence, whatever is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, writes

ODD = [
    (
        "metal_size",
        {"id": "a"},
        '["a"]',
        "/v1/size/a of the metal-api was answered with something that is not an object",
    ),
    ("metal_size", {"id": "a"}, '{"id": "a", "name": 1}', "/v1/size/a of the metal-api cannot be understood: its name"),
    ("metal_size", {"id": "a"}, '{"id": "a", "constraints": [1]}', "its constraints are not a list of objects"),
    ("metal_size", {"id": "a"}, '{"id": "a", "constraints": [{"min": "x"}]}', "/v1/size/a of the metal-api cannot"),
    ("metal_size", {"id": "a"}, '{"id": "a", "labels": [1]}', "its labels is not an object"),
    ("metal_size", {"id": "a"}, '{"id": "a", "labels": {"b": 1}}', "its labels are not a map of text"),
    (
        "metal_size_info",
        {},
        "[1]",
        "/v1/size of the metal-api was answered with something that is not a list of objects",
    ),
    ("metal_size_info", {}, '[{"id": "b", "name": []}]', "cannot be understood: 'b': its name is not text"),
    ("metal_project", {"id": "a"}, '[{"meta": {}}]', "it has no id"),
    ("metal_project", {"id": "a"}, '{"meta": {}}', "/v1/project/find of the metal-api was answered with something"),
    ("metal_filesystem_layout", {"id": "a"}, '{"id": "a", "disks": {"b": 1}}', "is not a list of objects"),
    ("metal_filesystem_layout", {"id": "a"}, '{"id": "a", "disks": [{"device": 1}]}', "its device is not of the type"),
]


@pytest.mark.parametrize(("module", "options", "body", "said"), ODD)
def test_odd_answers(api: MetalApi, module: str, options: dict[str, Any], body: str, said: str) -> None:
    api.control.add_fault("status", status=200, body=body, content_type="application/json")
    done = Runner(api, module)(**options)
    assert said in failure(done)
    assert done["failure"]["message"] == done["msg"]
    assert writes(api) == []
