# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_project against the emulator."""

from __future__ import annotations

import pytest

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, writes


@pytest.fixture
def project(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_project")


def names(cluster: Lightbits) -> list[str]:
    return [one["name"] for one in cluster.control.state()["projects"]]


def test_a_project_is_created_once(project: Runner, cluster: Lightbits) -> None:
    predicted = ok(project(name="acme", description="A tenant", check_mode=True))
    assert predicted["changed"] and names(cluster) == ["system", "default"]
    made = ok(project(name="acme", description="A tenant"))
    assert made["diff"] == predicted["diff"]
    assert made["project"]["description"] == "A tenant" and made["project"]["uuid"]
    assert not ok(project(name="acme"))["changed"]
    assert writes(cluster) == ["POST /projects"]


def test_what_cannot_be_changed_is_said(project: Runner) -> None:
    ok(project(name="acme", description="A tenant"))
    assert "cannot change: leave description out" in failure(project(name="acme", description="Another"))


def test_a_project_with_volumes_stays(project: Runner, cluster: Lightbits) -> None:
    ok(project(name="acme"))
    volume = Runner(cluster, "lightbits_volume", defaults=(("wait_interval", 0.01),))
    ok(volume(project="acme", name="data", size="1GiB", replica_count=1))
    assert "still has volumes: delete them first" in failure(project(name="acme", state="absent"))
    ok(volume(project="acme", name="data", state="absent"))
    assert ok(project(name="acme", state="absent"))["project"] is None
    assert not ok(project(name="acme", state="absent"))["changed"]
    assert names(cluster) == ["system", "default"]


def policies(cluster: Lightbits, number: int) -> list[dict[str, str]]:
    found = cluster.control.state()["projects"][number]["defaultPolicies"]
    assert isinstance(found, list)
    return found


def test_a_policy_for_volumes_without_one(project: Runner, cluster: Lightbits) -> None:
    scoped = {"policyVisibility": "Scoped", "projectsNamesScope": ["other"], "limitBw": {}}
    cluster.control.replace_state(
        policies=[{"name": "silver"}, {"name": "gold"}, {"name": "theirs", "QoSRateLimitPolicy": scoped}]
    )
    uuids = {policy["name"]: policy["UUID"] for policy in cluster.control.state()["policies"]}
    for name in ("theirs", "bronze"):
        assert failure(project(name="acme", qos_policy=name)) == (
            f"qos_policy is {name!r}, but the project acme may use no such QoS policy; it may use: gold, silver."
        )
    predicted = ok(project(name="acme", qos_policy="silver", check_mode=True))
    made = ok(project(name="acme", qos_policy="silver"))
    assert made["diff"] == predicted["diff"] and made["project"]["qos_policy"] == "silver"
    assert policies(cluster, 2) == [{"policyType": "qosRateLimit", "policyUUID": uuids["silver"]}]
    assert ok(project(name="acme"))["project"]["qos_policy"] == "silver", "not said, not changed"

    predicted = ok(project(name="acme", qos_policy="gold", check_mode=True))
    changed = ok(project(name="acme", qos_policy="gold"))
    assert changed["diff"] == predicted["diff"] and changed["project"]["qos_policy"] == "gold"
    assert not ok(project(name="acme", qos_policy="gold"))["changed"]
    assert ok(project(name="acme", qos_policy=""))["project"]["qos_policy"] == ""
    assert policies(cluster, 2) == []
    assert not ok(project(name="acme", qos_policy=""))["changed"]
    assert writes(cluster) == ["POST /projects", "PUT /projects/acme", "PUT /projects/acme"]


def test_other_default_policies_stay(project: Runner, cluster: Lightbits) -> None:
    other = {"policyType": "snapshot", "policyUUID": "u"}
    cluster.control.replace_state(
        policies=[{"name": "silver"}], projects=[{"name": "acme", "defaultPolicies": [other]}]
    )
    ok(project(name="acme", qos_policy="silver"))
    assert [policy["policyType"] for policy in policies(cluster, 2)] == ["snapshot", "qosRateLimit"]
    ok(project(name="acme", qos_policy=""))
    assert policies(cluster, 2) == [other]


@pytest.mark.parametrize("name", ["system", "default"])
def test_what_every_cluster_needs_stays(project: Runner, cluster: Lightbits, name: str) -> None:
    assert "cannot be deleted" in failure(project(name=name, state="absent"))
    assert writes(cluster) == []


@pytest.mark.parametrize("name", ["", "Acme", "-a", "a_b", "a" * 64, "a/b"])
def test_wrong_names(project: Runner, cluster: Lightbits, name: str) -> None:
    assert failure(project(name=name)).startswith(f"name is {name!r}, but a project's name has")
    assert cluster.control.requests() == []


def test_description_that_is_too_long(project: Runner) -> None:
    assert "description has more than 256 bytes" in failure(project(name="acme", description="\u00e4" * 129))


def test_who_may_not(cluster: Lightbits) -> None:
    viewer = Runner(cluster, "lightbits_project", token=keys.token(["system:cluster-viewer"]))
    assert "the token (roles: system:cluster-viewer) may not do this" in failure(viewer(name="acme"))
