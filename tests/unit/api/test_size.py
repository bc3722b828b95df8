# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_size and metal_size_info against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

STORED = {
    "id": "s1",
    "name": "storage",
    "description": "disks",
    "labels": {"a": "b"},
    "constraints": [
        {"type": "storage", "min": 1000, "max": 2000, "identifier": "/dev/sd*"},
        {"type": "cores", "min": 4, "max": 8},
        {"type": "storage", "min": 5000, "max": 6000, "identifier": "/dev/nvme*"},
        {"type": "gpu", "max": 1, "identifier": "AD102*"},
    ],
}
SHOWN = {
    **STORED,
    "constraints": [
        {"type": "cores", "identifier": "", "min": 4, "max": 8},
        {"type": "gpu", "identifier": "AD102*", "min": 0, "max": 1},
        {"type": "storage", "identifier": "/dev/nvme*", "min": 5000, "max": 6000},
        {"type": "storage", "identifier": "/dev/sd*", "min": 1000, "max": 2000},
    ],
}


def stored(api: MetalApi) -> list[dict[str, Any]]:
    sizes: list[dict[str, Any]] = api.control.state()["sizes"]
    return sizes


@pytest.fixture
def size(api: MetalApi) -> Runner:
    api.control.change_state(sizes=[STORED])
    return Runner(api, "metal_size")


def test_the_order_of_constraints_and_the_spelling_of_sizes_are_no_change(api: MetalApi, size: Runner) -> None:
    constraints = [
        {"type": "gpu", "max": 1, "identifier": "AD102*"},
        {"type": "storage", "min": "5kB", "max": "6 k", "identifier": "/dev/nvme*"},
        {"type": "storage", "min": 1000, "max": "2000", "identifier": "/dev/sd*"},
        {"type": "cores", "min": 4, "max": 8},
    ]
    assert not ok(size(id="s1", constraints=constraints))["changed"]
    assert not ok(size(id="s1"))["changed"]
    assert requests(api) == ["GET /v1/size/s1"] * 2


def test_an_update_keeps_what_was_not_given(api: MetalApi, size: Runner) -> None:
    done = ok(size(id="s1", description="more"))
    assert done["diff"] == {"before": SHOWN, "after": {**SHOWN, "description": "more"}}
    (after,) = stored(api)
    assert (after["constraints"], after["labels"]) == (STORED["constraints"], STORED["labels"])
    assert ok(size(id="s1", labels={}))["size"]["labels"] == {}


def test_somebody_else_is_faster(api: MetalApi, size: Runner) -> None:
    api.control.add_fault("race", method="POST", path="/v1/size$", count=1)
    assert ok(size(id="s1", name="x"))["size"]["name"] == "x"
    assert api.control.counts()["POST /metal/v1/size 409"] == 1


def test_a_size_that_overlaps_with_another(api: MetalApi, size: Runner) -> None:
    constraints = [
        {"type": "cores", "max": 8},
        {"type": "memory", "min": "1GiB", "max": "2GiB"},
    ]
    assert ok(size(id="s2", constraints=constraints))["changed"]
    message = failure(size(id="s3", constraints=constraints))
    assert 'overlaps with "s2"' in message
    assert sorted(one["id"] for one in stored(api)) == ["s1", "s2"]


def test_an_answer_that_is_lost(api: MetalApi, size: Runner) -> None:
    api.control.add_fault("reset", when="after", method="DELETE", count=1)
    assert ok(size(id="s1", state="absent"))["changed"]
    api.control.add_fault("reset", when="after", method="PUT", count=1)
    assert ok(size(id="s1", constraints=[{"type": "cores", "max": 8}]))["changed"]
    assert [one["id"] for one in stored(api)] == ["s1"]


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        (None, "constraints is missing"),
        ([], "constraints is missing"),
        ([{"type": "cores", "min": 4, "max": 2}], "constraints[0].max is 2, which is less than min (4)"),
        ([{"type": "cores", "max": "4G"}], "constraints[0].max is '4G', which is not a number of cores"),
        ([{"type": "gpu", "max": "-1", "identifier": "x"}], "which is not a number of cards"),
        ([{"type": "memory", "max": "much"}], 'constraints[0].max is "much"'),
        ([{"type": "gpu", "max": 1}], "constraints[0].identifier is missing"),
        ([{"type": "memory", "max": 1, "identifier": "x"}], "memory has no name"),
        ([{"type": "cores", "max": 1, "identifier": "x"}, {"type": "cores", "max": 1}], "has 2 of the type cores"),
        ([{"type": "storage", "max": 1}, {"type": "storage", "max": 2}], "of the type storage with no identifier"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    api: MetalApi, size: Runner, constraints: list[dict[str, Any]] | None, said: str
) -> None:
    assert said in failure(size(id="new", constraints=constraints))
    assert writes(api) == []


@pytest.mark.parametrize("value", [["b"], {"b": "c"}])
def test_labels_are_text(api: MetalApi, size: Runner, value: object) -> None:
    assert "a is to be a " in failure(size(id="s1", labels={"a": value}))
    assert writes(api) == []


def test_the_size_of_machines_that_have_none(size: Runner) -> None:
    assert "id is 'unknown'" in failure(size(id="unknown", constraints=[{"type": "cores", "max": 1}]))


def test_info(api: MetalApi) -> None:
    api.control.change_state(sizes=[STORED, {"id": "a1"}])
    v1 = Runner(api, "metal_size_info", user="Metal-View")
    v2 = Runner(api, "metal_size_info", methods=["/metalstack.api.v2.SizeService/List"])
    for info in (v1, v2):
        assert [one["id"] for one in ok(info())["sizes"]] == ["a1", "s1"]
        for wanted in ({"id": "s1"}, {"name": "storage"}, {"labels": {"a": "b"}}):
            assert ok(info(**wanted))["sizes"] == [SHOWN]
        for nothing in ({"id": "s"}, {"name": "x"}, {"labels": {"a": "c"}}):
            assert ok(info(**nothing))["sizes"] == []
