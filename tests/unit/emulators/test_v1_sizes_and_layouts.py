# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: sizes and filesystem layouts on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .requests import RawClient

CORES = {"type": "cores", "min": 8, "max": 16}
MEMORY = {"type": "memory", "min": 1 << 36, "max": 1 << 37}
SIZE = {"id": "n1-medium", "name": "medium", "labels": {"a": "b"}, "constraints": [CORES, MEMORY]}
GPU = {"type": "gpu", "min": 1, "max": 1}
HARDWARE = {
    "memory": 1 << 36,
    "cpus": [{"vendor": "Intel", "model": "Xeon 4310", "cores": 12, "threads": 24}],
    "disks": [{"name": "/dev/nvme0n1", "size": 1 << 39}, {"name": "/dev/nvme1n1", "size": 1 << 39}],
    "gpus": [{"vendor": "NVIDIA", "model": "H100"}, {"vendor": "NVIDIA", "model": "H100"}],
}
MACHINE = {"id": "c0000000-0000-4000-8000-000000000001", "hardware": HARDWARE}

LAYOUT: dict[str, Any] = {
    "id": "storage",
    "disks": [
        {
            "device": "/dev/nvme0n1",
            "wipeonreinstall": True,
            "partitions": [
                {"number": 1, "label": "efi", "size": 500, "gpttype": "ef00"},
                {"number": 2, "size": 0, "gpttype": "8e00"},
            ],
        }
    ],
    "volumegroups": [{"name": "vg", "devices": ["/dev/nvme0n1p2"], "tags": []}],
    "logicalvolumes": [{"name": "root", "volumegroup": "vg", "size": 0, "lvmtype": "linear"}],
    "filesystems": [
        {"path": "/boot/efi", "device": "/dev/nvme0n1p1", "format": "vfat", "createoptions": ["-F", "32"]},
        {"path": "/", "device": "/dev/vg/root", "format": "ext4"},
        {"path": "/tmp", "device": "tmpfs", "format": "tmpfs", "mountoptions": ["noexec"]},
    ],
    "constraints": {"sizes": ["n1-medium"], "images": {"ubuntu": ">= 24.04", "debian": "*"}},
}


def test_size_lifecycle(api: MetalApi, raw: RawClient) -> None:
    answer = raw.v1("PUT", "/v1/size", SIZE)
    assert answer.status == 201
    assert answer.json()["constraints"] == [CORES, MEMORY]
    changed = raw.v1("POST", "/v1/size", {"id": "n1-medium", "description": "new"}).json()
    assert (changed["name"], changed["description"], changed["labels"]) == ("medium", "new", {"a": "b"})
    assert raw.v1("POST", "/v1/size", {"id": "n1-medium", "constraints": []}).json()["constraints"] == []
    api.control.add_fault("race", method="POST", path="/size$", count=1)
    assert raw.v1("POST", "/v1/size", {"id": "n1-medium"}).status == 409
    assert [size["id"] for size in raw.v1("GET", "/v1/size", role="view").json()] == ["n1-medium"]
    assert raw.v1("DELETE", "/v1/size/n1-medium").status == 200
    assert raw.v1("GET", "/v1/size").body == b"[]"


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        ({"id": ""}, 400, "id should not be empty"),
        ({"id": "unknown"}, 400, 'id cannot be "unknown"'),
        ({}, 409, "entity already exists: n1-medium"),
        ({"id": "x"}, 400, 'size "x" overlaps with "n1-medium"'),
        ({"id": "x", "constraints": [{**CORES, "max": 1}]}, 422, "index 0 is invalid: max is smaller than min"),
        (
            {"id": "x", "constraints": [MEMORY, CORES, CORES]},
            422,
            "index 2 is invalid: type duplicates are not allowed",
        ),
        ({"id": "x", "constraints": [GPU]}, 422, "for gpu constraints an identifier is required"),
        ({"id": "x", "constraints": [{**MEMORY, "identifier": "*"}]}, 422, "an identifier is not allowed"),
        ({"id": "x", "constraints": [{**CORES, "min": -1}]}, 400, "cannot unmarshal number -1"),
    ],
)
def test_sizes_that_cannot_be_created(raw: RawClient, wish: dict[str, Any], status: int, message: str) -> None:
    raw.v1("PUT", "/v1/size", SIZE)
    answer = raw.v1("PUT", "/v1/size", {**SIZE, **wish})
    assert answer.status == status
    assert message in answer.json()["message"]


def test_suggestion(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(machines=[MACHINE])
    assert raw.v1("POST", "/v1/size/suggest", {"machineID": MACHINE["id"]}, role="view").json() == [
        {"type": "cores", "min": 12, "max": 12, "identifier": "Xeon 4310"},
        {"type": "memory", "min": 1 << 36, "max": 1 << 36},
        {"type": "storage", "min": 1 << 40, "max": 1 << 40, "identifier": "/dev/nvme*"},
        {"type": "gpu", "min": 2, "max": 2, "identifier": "H100"},
    ]
    assert raw.v1("POST", "/v1/size/suggest", {}).status == 400
    assert raw.v1("POST", "/v1/size/suggest", {"machineID": "none"}).status == 404


def test_layout_lifecycle(api: MetalApi, raw: RawClient) -> None:
    answer = raw.v1("PUT", "/v1/filesystemlayout", LAYOUT)
    assert answer.status == 201
    layout = answer.json()
    assert "created" not in layout
    assert layout["raid"] is None, "what is empty is null"
    assert layout["disks"][0]["partitions"][1] == {"number": 2, "label": None, "size": 0, "gpttype": "8e00"}
    assert layout["constraints"] == LAYOUT["constraints"]
    assert raw.v1("GET", "/v1/filesystemlayout", role="view").json() == [layout]
    api.control.add_fault("race", method="POST", path="/filesystemlayout$", count=1)
    change = {**LAYOUT, "constraints": {}}
    assert [raw.v1("POST", "/v1/filesystemlayout", change).status for _unused in range(2)] == [409, 200]
    assert raw.v1("GET", "/v1/filesystemlayout/storage").json()["constraints"] == {"sizes": None, "images": None}
    assert raw.v1("PUT", "/v1/filesystemlayout", LAYOUT).status == 409
    assert raw.v1("DELETE", "/v1/filesystemlayout/storage").status == 200
    assert raw.v1("GET", "/v1/filesystemlayout").body == b"[]"
    assert raw.v1("GET", "/v1/filesystemlayout/storage").status == 404


def disk(*partitions: dict[str, Any]) -> dict[str, Any]:
    return {"disks": [{"device": "/dev/nvme0n1", "partitions": list(partitions)}], "volumegroups": []}


def volume(**settings: Any) -> dict[str, Any]:
    return {"logicalvolumes": [{**LAYOUT["logicalvolumes"][0], **settings}, LAYOUT["logicalvolumes"][0]]}


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        ({"id": ""}, 400, "id should not be empty"),
        ({"disks": [1]}, 400, "cannot unmarshal"),
        (disk({"number": 1, "gpttype": "8200"}), 422, "given GPTType:8200 is not supported, but:8300,8e00,ef00,fd00"),
        (disk({"number": 1}, {"number": 1}), 400, "partition number:1 given more than once"),
        (disk({"number": 1}, {"number": 2, "size": 9}), 400, "variable sized partition not the last one"),
        ({"raid": [{"arrayname": "/dev/md0", "level": "5"}]}, 422, "given raidlevel:5 is not supported, but:0,1"),
        (
            {"raid": [{"arrayname": "/dev/md0", "devices": ["/dev/sda1"], "level": "1"}]},
            400,
            "device:/dev/sda1 not provided by disk for raid:/dev/md0",
        ),
        ({"disks": []}, 400, "device:/dev/nvme0n1p2 not provided by machine for vg:vg"),
        ({"volumegroups": []}, 400, "volumegroup:vg not configured for lv:root"),
        (volume(lvmtype="raid1", size=9), 400, "has only 1 disk, consider linear instead"),
        (volume(lvmtype="mirror", size=9), 422, "given lvmtype:mirror is not supported, but:linear,raid1,striped"),
        (volume(name="var"), 400, "lv:var in vg:vg, variable sized lv must be the last"),
        (
            {"filesystems": [{"path": "/", "device": "/dev/sdb", "format": "ext4"}]},
            400,
            "filesystem:/ is not configured",
        ),
        ({"filesystems": [{"path": "/", "device": "x", "format": "xfs"}]}, 422, "given format:xfs is not supported"),
        (
            {"filesystems": [{**LAYOUT["filesystems"][0], "createoptions": ["-F 32"]}]},
            400,
            "contains whitespace and must be split into separate options",
        ),
        ({"constraints": {"images": {"*": "*"}}}, 400, "just '*' is not allowed"),
        ({"constraints": {"images": {"ubuntu": ">24.04"}}}, 400, "missing space between op and version"),
        ({"constraints": {"images": {"ubuntu": "<> 24.04"}}}, 400, "op:<> is not supported"),
        ({"constraints": {"sizes": ["n1-*"]}}, 400, "no wildcard allowed in size constraint"),
        ({"constraints": {"sizes": ["a", "a"]}}, 400, "size a is configured more than once"),
    ],
)
def test_layouts_that_cannot_be_created(raw: RawClient, wish: dict[str, Any], status: int, message: str) -> None:
    answer = raw.v1("PUT", "/v1/filesystemlayout", {**LAYOUT, **wish})
    assert answer.status == status
    assert message in answer.json()["message"]
    assert raw.v1("GET", "/v1/filesystemlayout").json() == []


@pytest.mark.parametrize(
    ("sizes", "images", "status"),
    [
        (["n1-medium"], {"debian": "12.0"}, 400),
        (["n1-medium"], {"ubuntu": "24.10"}, 201),
        (["n1-medium"], {"ubuntu": ">= 25.04"}, 201),
        (["n1-medium"], {"ubuntu": "~ 24.04"}, 400),
        (["n1-large"], {"debian": "*"}, 201),
        ([], {}, 201),
    ],
)
def test_two_layouts_for_the_same_machine(
    raw: RawClient, sizes: list[str], images: dict[str, str], status: int
) -> None:
    raw.v1("PUT", "/v1/filesystemlayout", LAYOUT)
    other = {**LAYOUT, "id": "other", "constraints": {"sizes": sizes, "images": images}}
    answer = raw.v1("PUT", "/v1/filesystemlayout", other)
    assert answer.status == status
    assert (status == 201) or "these combinations already exist" in answer.json()["message"]


@pytest.mark.parametrize(
    ("size", "image", "status"),
    [
        ("n1-medium", "ubuntu-24.04.20251010", 200),
        ("n1-medium", "ubuntu-22.04.20251010", 422),
        ("n1-medium", "debian-12.0.20251010", 200),
        ("n1-medium", "none", 422),
        ("n1-large", "debian-12.0.20251010", 422),
    ],
)
def test_try(raw: RawClient, size: str, image: str, status: int) -> None:
    raw.v1("PUT", "/v1/filesystemlayout", LAYOUT)
    assert raw.v1("POST", "/v1/filesystemlayout/try", {"size": size, "image": image}).status == status


@pytest.mark.parametrize(
    ("disks", "status", "message"),
    [
        (HARDWARE["disks"], 200, ""),
        ([{"name": "nvme0n1", "size": 1 << 30}], 200, ""),
        ([{"name": "/dev/nvme0n1", "size": 1 << 20}], 422, "is not big enough required:500MiB, existing:1MiB"),
        ([{"name": "/dev/sda", "size": 1 << 40}], 422, "device:/dev/nvme0n1 does not exist on given hardware"),
    ],
)
def test_matches(api: MetalApi, raw: RawClient, disks: object, status: int, message: str) -> None:
    api.control.change_state(machines=[{**MACHINE, "hardware": {"disks": disks}}], filesystem_layouts=[LAYOUT])
    wish = {"machine": MACHINE["id"], "filesystemlayout": "storage"}
    answer = raw.v1("POST", "/v1/filesystemlayout/matches", wish)
    assert answer.status == status
    assert message in answer.json().get("message", "")
    assert raw.v1("POST", "/v1/filesystemlayout/matches", {**wish, "machine": "none"}).status == 404
    assert raw.v1("POST", "/v1/filesystemlayout/matches", wish, role="edit").status == 403


@pytest.mark.parametrize("section", ["sizes", "filesystem_layouts"])
def test_state_comes_back_as_it_went(api: MetalApi, section: str) -> None:
    api.control.change_state(sizes=[SIZE], filesystem_layouts=[LAYOUT])
    before = api.control.state()[section]
    api.control.change_state(**{section: before})
    assert api.control.state()[section] == before
    assert len(before) == 1
