# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_filesystem_layout against the emulator."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
import yaml

from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

# Everything that there is, on disks of both kinds.
FULL: dict[str, Any] = {
    "name": "Full",
    "description": "all of it",
    "disks": [
        {
            "device": "/dev/sda",
            "wipe_on_reinstall": True,
            "partitions": [
                {"number": 2, "size": 1000, "gpt_type": "fd00"},
                {"number": 1, "size": 500, "label": "efi", "gpt_type": "ef00"},
                {"number": 3, "size": 0, "gpt_type": "8e00"},
            ],
        },
        {"device": "/dev/nvme0n1", "partitions": [{"number": 1, "size": 1000}]},
        {"device": "/dev/sdb"},
    ],
    "raid": [
        {
            "array_name": "/dev/md0",
            "devices": ["/dev/sda2", "/dev/nvme0n1p1"],
            "level": 1,
            "create_options": ["--metadata=1.0"],
            "spares": 0,
        }
    ],
    "volume_groups": [{"name": "vg0", "devices": ["/dev/sda3", "/dev/sdb"], "tags": ["t"]}],
    "logical_volumes": [
        {"name": "root", "volume_group": "vg0", "size": 5000, "lvm_type": "striped"},
        {"name": "rest", "volume_group": "vg0", "size": 0},
    ],
    "filesystems": [
        {"path": "/boot/efi", "device": "/dev/sda1", "format": "vfat", "create_options": ["-F", "32"]},
        {"path": "/boot", "device": "/dev/md0", "format": "ext3"},
        {"path": "/", "device": "/dev/vg0/root", "format": "ext4", "label": "root", "mount_options": ["noatime"]},
        {"device": "/dev/vg0/rest", "format": "none"},
        {"path": "/tmp", "device": "tmpfs", "format": "tmpfs"},
    ],
    "constraints": {"sizes": ["b", "a"], "images": {"debian": ">= 12", "ubuntu": "*", "almalinux": "9"}},
}
STORED: dict[str, Any] = {
    "id": "old",
    "name": "Old",
    "disks": [{"device": "/dev/sda", "wipeonreinstall": True, "partitions": None}],
    "filesystems": [
        {"path": "/", "device": "/dev/sda", "format": "ext4", "label": "", "mountoptions": [], "createoptions": None}
    ],
    "constraints": {"sizes": ["s1"], "images": {"debian": "*"}},
}


def stored(api: MetalApi) -> dict[str, Any]:
    (layout,) = api.control.state()["filesystem_layouts"]
    assert isinstance(layout, dict)
    return layout


@pytest.fixture
def layout(api: MetalApi) -> Runner:
    return Runner(api, "metal_filesystem_layout")


@pytest.fixture
def old(api: MetalApi) -> None:
    api.control.change_state(filesystem_layouts=[STORED])


def without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_null(entry) for name, entry in value.items() if entry is not None}
    return [without_null(entry) for entry in value] if isinstance(value, list) else value


def changed(**parts: Any) -> dict[str, Any]:
    """Return the full layout with changes: ``disks__0__device="x"`` sets ``disks[0]["device"]``."""
    new: Any = copy.deepcopy(FULL)
    for path, value in parts.items():
        at = new
        *steps, last = path.split("__")
        for step in steps:
            at = at[int(step) if step.isdigit() else step]
        at[int(last) if last.isdigit() else last] = value
    return dict(new)


def test_everything_comes_back_as_it_was_given(api: MetalApi, layout: Runner) -> None:
    done = ok(layout(id="full", **FULL))
    shown = done["filesystem_layout"]
    assert done["diff"] == {"before": {}, "after": shown}
    assert [one["number"] for one in shown["disks"][0]["partitions"]] == [1, 2, 3]
    assert shown["raid"] == [{**FULL["raid"][0], "level": "1"}]
    assert shown["logical_volumes"][1]["lvm_type"] == "linear"
    assert shown["constraints"]["sizes"] == ["a", "b"]
    assert stored(api)["raid"][0]["arrayname"] == "/dev/md0"
    assert stored(api)["disks"][0]["partitions"][0] == {"number": 1, "label": "efi", "size": 500, "gpttype": "ef00"}
    api.control.forget_requests()
    assert not ok(layout(id="full", **FULL))["changed"]
    # what is returned can be given again, except that Ansible knows no null among choices
    assert not ok(layout(**without_null(shown)))["changed"]
    assert requests(api) == ["GET /v1/filesystemlayout/full"] * 2


@pytest.mark.usefixtures("old")
def test_an_update_sends_all_sections(api: MetalApi, layout: Runner) -> None:
    before = stored(api)
    done = ok(layout(id="old", description="x"))
    assert done["filesystem_layout"]["description"] == "x"
    after = stored(api)
    assert after["disks"][0]["device"] == "/dev/sda"
    assert after["disks"][0]["wipeonreinstall"] is True
    for name in ("name", "constraints", "raid", "volumegroups", "logicalvolumes"):
        assert after[name] == before[name]
    assert after["filesystems"][0]["device"] == "/dev/sda"


@pytest.mark.usefixtures("old")
def test_null_empty_and_left_out_are_the_same(layout: Runner) -> None:
    disks = [{"device": "/dev/sda", "wipe_on_reinstall": True, "partitions": []}]
    filesystems = [{"path": "/", "device": "/dev/sda", "format": "ext4", "label": "", "mount_options": None}]
    assert not ok(layout(id="old", disks=disks, filesystems=filesystems, raid=[]))["changed"]


@pytest.mark.usefixtures("old")
def test_constraints_are_cleared(api: MetalApi, layout: Runner) -> None:
    assert ok(layout(id="old", constraints={}))["filesystem_layout"]["constraints"] == {"sizes": [], "images": {}}
    assert stored(api)["constraints"] == {"sizes": None, "images": None}
    assert not ok(layout(id="old", constraints={}))["changed"]


@pytest.mark.usefixtures("old")
def test_a_part_that_stands_on_what_is_taken_away(api: MetalApi, layout: Runner) -> None:
    """The sections that are not given count as well."""
    message = failure(layout(id="old", disks=[{"device": "/dev/sdb"}]))
    assert "the filesystem / uses /dev/sda, but the layout has no such disk" in message
    assert writes(api) == []


@pytest.mark.usefixtures("old")
def test_a_pair_of_size_and_image_that_another_layout_is_for(layout: Runner) -> None:
    parts = changed(constraints={"sizes": ["s1"], "images": {"debian": "*"}})
    assert "these combinations already exist" in failure(layout(id="full", **parts))


@pytest.mark.usefixtures("old")
def test_somebody_else_is_faster(api: MetalApi, layout: Runner) -> None:
    api.control.add_fault("race", method="POST", path="/v1/filesystemlayout$", count=1)
    assert ok(layout(id="old", name="x"))["filesystem_layout"]["name"] == "x"
    assert api.control.counts()["POST /metal/v1/filesystemlayout 409"] == 1


@pytest.mark.usefixtures("old")
def test_delete(api: MetalApi, layout: Runner) -> None:
    api.control.add_fault("reset", when="after", method="DELETE", count=1)
    assert ok(layout(id="old", state="absent"))["changed"]
    assert api.control.state()["filesystem_layouts"] == []


WRONG = [
    ({"disks": []}, "disks is missing"),
    ({"filesystems": []}, "filesystems is missing"),
    ({"disks__1__device": "/dev/sda"}, "disks has /dev/sda more than once"),
    ({"disks__0__partitions__2__number": 4}, "the partitions of /dev/sda have the numbers 1, 2, 4"),
    ({"disks__0__partitions__2__number": 2}, "the partitions of /dev/sda have the numbers 1, 2, 2"),
    ({"disks__0__partitions__1__size": 0}, "only the last partition of /dev/sda can have the size 0"),
    ({"disks__0__partitions__1__size": -1}, "the partition 1 of /dev/sda has the size -1"),
    ({"raid__0__devices": ["/dev/nvme0n11"]}, "the array /dev/md0 uses /dev/nvme0n11"),
    ({"raid__0__devices": []}, "the array /dev/md0 has no devices"),
    ({"raid__0__spares": -1}, "the array /dev/md0 has -1 spares"),
    ({"raid__0__create_options": ["-a b"]}, "the array /dev/md0 has the create option '-a b'"),
    ({"volume_groups__0__devices": ["/dev/sdc"]}, "the volume group vg0 uses /dev/sdc"),
    ({"volume_groups__0__devices": []}, "the volume group vg0 has no devices"),
    ({"volume_groups__0__devices": ["/dev/sdb"]}, "root is striped, but its volume group vg0 has only one device"),
    ({"logical_volumes__0__volume_group": "vg1"}, "is in the volume group vg1, which the layout does not have"),
    ({"logical_volumes__0__size": 0}, "only the last one can have that"),
    ({"logical_volumes__0__size": -5}, "the logical volume root has the size -5"),
    ({"logical_volumes__1__name": "root"}, "the logical volume root is there twice"),
    ({"filesystems__1__path": "/"}, "filesystems has / more than once"),
    ({"filesystems__1__device": "/dev/sda1"}, "filesystems has /dev/sda1 more than once"),
    ({"filesystems__3__device": "/dev/sdx"}, "the filesystem on /dev/sdx uses /dev/sdx"),
    ({"filesystems__0__create_options": ["-F 32"]}, "has the create option '-F 32'"),
    ({"constraints__sizes": ["a*"]}, "constraints.sizes has 'a*'"),
    ({"constraints__sizes": ["a", "a"]}, "constraints.sizes has a more than once"),
    ({"constraints__images": {"*": "*"}}, "the operating system has to be named"),
    ({"constraints__images": {"debian": ">=12"}}, "constraints.images has debian: '>=12'"),
    ({"constraints__images": {"debian": "about 12"}}, "constraints.images has debian: 'about 12'"),
]


@pytest.mark.parametrize(("parts", "said"), WRONG, ids=lambda value: None if isinstance(value, dict) else value[:40])
def test_wrong_layouts_are_refused_before_anything_is_written(
    api: MetalApi, layout: Runner, parts: dict[str, Any], said: str
) -> None:
    assert said in failure(layout(id="full", **changed(**parts)))
    assert writes(api) == []


def test_all_that_is_wrong_is_said_at_once(layout: Runner) -> None:
    parts = changed(raid__0__spares=-1, filesystems__3__device="/dev/sdx")
    message = failure(layout(id="full", **parts))
    assert message.startswith("The filesystem layout full cannot be: ")
    assert "spares" in message
    assert "/dev/sdx" in message


def test_the_example_of_a_storage_server_touches_the_system_disk_only(layout: Runner) -> None:
    module = importlib.import_module(
        "ansible_collections.metalstack.provisioning.plugins.modules.metal_filesystem_layout"
    )
    (task,) = yaml.safe_load(module.EXAMPLES)
    given = task["metalstack.provisioning.metal_filesystem_layout"]
    shown = ok(layout(**{name: value for name, value in given.items() if not name.startswith("api_")}))
    assert [disk["device"] for disk in shown["filesystem_layout"]["disks"]] == ["/dev/sda"]
