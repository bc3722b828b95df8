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
