# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_volume against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.volume import Volume
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, requests, writes

CREATE: dict[str, Any] = {"name": "data", "size": "1GiB", "replica_count": 2}
GIB = 1 << 30


@pytest.fixture
def volume(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_volume", defaults=tuple(QUICK.items()))


def volumes(cluster: Lightbits) -> list[dict[str, Any]]:
    listed = cluster.control.state()["volumes"]
    assert isinstance(listed, list)
    return listed


def test_life(volume: Runner, cluster: Lightbits) -> None:
    predicted = ok(volume(**CREATE, check_mode=True))
    assert volumes(cluster) == []
    made = ok(volume(**CREATE))
    assert made["diff"] == predicted["diff"]
    real = made["volume"]
    assert {name: real[name] for name in predicted["volume"]} == predicted["volume"]
    assert (real["state"], real["protection"], real["size"]) == ("Available", "FullyProtected", GIB)
    assert (real["acl"], real["ip_acl"]) == (["ALLOW_NONE"], ["ALLOW_ANY"])
    assert not ok(volume(**CREATE))["changed"]

    wish = {"name": "data", "size": "2 GiB", "acl": ["nqn.b", "nqn.a", "nqn.b"], "compression": True}
    predicted = ok(volume(**wish, check_mode=True))
    changed = ok(volume(**wish))
    assert changed["diff"] == predicted["diff"]
    assert changed["volume"]["acl"] == ["nqn.a", "nqn.b"]
    assert (changed["volume"]["size"], changed["volume"]["compression"]) == (2 * GIB, True)
    assert not ok(volume(**wish))["changed"]

    assert ok(volume(name="data", state="absent"))["volume"] is None
    assert volumes(cluster) == []
    assert not ok(volume(name="data", state="absent"))["changed"]


def test_addresses_have_many_spellings(volume: Runner, cluster: Lightbits) -> None:
    made = ok(volume(**CREATE, ip_acl=["FD00:0:0::0005", "10.0.0.5", "fd00::5"]))
    assert made["volume"]["ip_acl"] == ["10.0.0.5", "fd00::5"]
    assert volumes(cluster)[0]["IPAcl"] == {"values": ["10.0.0.5", "fd00::5"]}
    cluster.control.change_state(volumes=[{"name": "data", "IPAcl": {"values": ["fd00:0::5", "10.0.0.5"]}}])
    assert not ok(volume(name="data", ip_acl=["fd00::5", "10.0.0.5"]))["changed"]


@pytest.mark.parametrize(
    ("listed", "access"),
    [
        ({}, ()),
        ({"values": []}, ()),
        ({"values": ["FD00:0:0::0005"]}, ("fd00::5",)),
        ({"values": ["fd00::5", "10.0.0.5", "fd00:0::5", "10.0.0.5"]}, ("10.0.0.5", "fd00::5")),
    ],
)
def test_access_lists_are_sets(listed: dict[str, Any], access: tuple[str, ...]) -> None:
    read = Volume.from_api({"name": "data", "IPAcl": listed})
    assert read.ip_acl == access


def test_sizes_are_whole_blocks(volume: Runner) -> None:
    made = ok(volume(name="data", size="5000", replica_count=1))
    assert made["volume"]["size"] == 8192
    assert not ok(volume(name="data", size="4.5KiB"))["changed"]


def test_smaller_only_by_force(volume: Runner, cluster: Lightbits) -> None:
    ok(volume(**CREATE))
    cluster.control.forget_requests()
    assert "what is behind the new end would be lost" in failure(volume(name="data", size="512MiB"))
    assert writes(cluster) == []
    assert ok(volume(name="data", size="512MiB", force=True))["volume"]["size"] == 512 << 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "a b"}, "name is 'a b', but such a name"),
        ({"name": "a", "size": "big"}, 'size is "big", which is not a size'),
        ({"name": "a", "size": "0"}, "size is 0"),
        ({"name": "a", "acl": []}, "acl is empty: give ALLOW_NONE"),
        ({"name": "a", "ip_acl": ["ALLOW_ANY", "10.0.0.1"]}, "ip_acl has ALLOW_ANY or ALLOW_NONE beside others"),
        ({"name": "a", "ip_acl": ["10.0.0.0/24"]}, "ip_acl has '10.0.0.0/24', which is no IP address"),
        ({"name": "a", "labels": {"a.b": "c"}}, "labels has the key 'a.b'"),
        ({"name": "a", "labels": {str(number): "" for number in range(17)}}, "labels has 17 entries"),
        ({"name": "a", "project": "A"}, "project is 'A'"),
        ({"name": "a", "wait_interval": 0}, "wait_interval is 0"),
    ],
)
def test_wrong_options(volume: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(volume(**options))
    assert cluster.control.requests() == []


def test_what_a_new_one_needs(volume: Runner) -> None:
    assert failure(volume(name="a")).startswith("size and replica_count are missing: the volume default/a")
    assert failure(volume(name="a", size="1GiB")).startswith("replica_count is missing")


def test_replicas_cannot_be_changed(volume: Runner) -> None:
    ok(volume(**CREATE))
    assert "replica_count is 3, but the volume default/data has 2" in failure(volume(name="data", replica_count=3))


def test_a_full_cluster_says_so(volume: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(cluster={"_full": True})
    assert "not enough space in the cluster" in failure(volume(**CREATE))
    assert volumes(cluster) == []


def test_labels_are_replaced(volume: Runner) -> None:
    ok(volume(**CREATE, labels={"tier": "gold", "team": "a"}))
    assert ok(volume(name="data", labels={"tier": "silver"}))["volume"]["labels"] == {"tier": "silver"}
    assert not ok(volume(name="data"))["changed"]


def test_a_volume_that_never_arrives(volume: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    said = failure(volume(**{**CREATE, "wait_timeout": 0}))
    assert said == "Waited 0 s for the volume default/data to be ready, in vain; the last state was: Creating, Unknown."
    cluster.control.pace(paused=False)
    assert not ok(volume(**CREATE))["changed"]
    assert len(volumes(cluster)) == 1


def test_without_waiting(volume: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    assert ok(volume(**CREATE, wait=False))["volume"]["state"] == "Creating"
    assert "cannot be changed yet" in failure(volume(name="data", size="2GiB", wait=False))
    cluster.control.pace(advance=1)
    changed = ok(volume(name="data", size="2GiB", wait=False))
    assert changed["changed"] and changed["volume"]["state"] == "Updating"
    cluster.control.pace(advance=1)
    assert ok(volume(name="data", state="absent", wait=False))["volume"] is None


def test_what_is_being_changed_is_waited_for_first(volume: Runner, cluster: Lightbits) -> None:
    ok(volume(**CREATE))
    cluster.control.pace(step=0.2)
    ok(volume(name="data", size="2GiB", wait=False))
    assert ok(volume(name="data", size="3GiB"))["volume"]["size"] == 3 * GIB
    cluster.control.pace(step=0.02)


def test_somebody_else_is_faster(volume: Runner, cluster: Lightbits) -> None:
    ok(volume(**CREATE))
    cluster.control.add_fault("race", method="PUT", count=1)
    cluster.control.forget_requests()
    assert ok(volume(name="data", size="2GiB"))["volume"]["size"] == 2 * GIB
    assert len(writes(cluster)) == 2


@pytest.mark.parametrize("old_status", [False, True])
@pytest.mark.parametrize("emit_defaults", [False, True])
def test_manners_of_other_versions(volume: Runner, cluster: Lightbits, old_status: bool, emit_defaults: bool) -> None:
    cluster.control.manners(old_status=old_status, emit_defaults=emit_defaults)
    ok(volume(**CREATE))
    cluster.control.add_fault("race", method="PUT", count=1)
    assert ok(volume(name="data", compression=True))["changed"]
    assert not ok(volume(name="data", compression=True, labels={}))["changed"]
    cluster.control.manners()


def test_many_in_one_task(volume: Runner, cluster: Lightbits) -> None:
    wish = [{"name": f"data-{number}", "size": "1GiB", "replica_count": 1} for number in range(12)]
    made = ok(volume(resources=wish))
    assert [entry["changed"] for entry in made["volumes"]] == [True] * 12
    cluster.control.forget_requests()
    assert not ok(volume(resources=wish))["changed"]
    assert requests(cluster) == ["GET /projects/default/volumes"]
    purged = ok(volume(resources=wish[:10], purge=True, purge_scope={"project": "default"}))
    assert [entry["volume"] for entry in purged["volumes"][10:]] == [None, None]
    assert len(volumes(cluster)) == 10


def test_the_same_volume_twice(volume: Runner) -> None:
    assert "more than once: default/data" in failure(volume(resources=[CREATE, {**CREATE, "size": "2GiB"}]))


def many(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"name": f"data-{number}", "size": "1GiB", "replica_count": 1, **more} for number in range(count)]


def test_many_are_waited_for_together(volume: Runner, cluster: Lightbits) -> None:
    cluster.control.forget_requests()
    done = ok(volume(resources=many(20)))
    assert {one["volume"]["state"] for one in done["volumes"]} == {"Available"}
    reads = [request for request in requests(cluster) if request.startswith("GET ")]
    assert set(reads) == {"GET /projects/default/volumes"}, "lists, and no volume alone"
    gone = ok(volume(resources=many(20, state="absent")))
    assert [one["volume"] for one in gone["volumes"]] == [None] * 20
    assert volumes(cluster) == []


def test_each_of_many_tells_what_became_of_it(volume: Runner, cluster: Lightbits) -> None:
    ok(volume(resources=many(1)))
    cluster.control.pace(paused=True)
    result = volume(resources=many(2), wait_timeout=1)
    assert result["volumes"][0].get("msg") is None
    assert result["volumes"][1]["msg"] == (
        "the volume default/data-1: Waited 1 s for the volume default/data-1 to be ready, in vain; the last state was: "
        "Creating, Unknown."
    )
    cluster.control.pace(paused=False)
    assert not ok(volume(resources=many(2)))["changed"]
