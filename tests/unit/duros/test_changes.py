# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs of objects: only what is wanted counts, and what was wanted before."""

from __future__ import annotations

import base64
import copy
import hashlib
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._kubernetes_objects import changes, path_of

ME = "metalstack.provisioning"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "metrics", "namespace": "duros", "labels": {"app": "duros"}},
    "spec": {"selector": {"app": "duros"}, "ports": [{"name": "metrics", "port": 8080}]},
}
PATH = "/api/v1/namespaces/duros/services/metrics"
OWNED = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:selector": {},
        "f:ports": {'k:{"port":8080,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}},
    },
}


def applied(thing: dict[str, Any], owned: dict[str, Any], manager: str = ME) -> dict[str, Any]:
    """Return it as the API has it after it was applied."""
    made = copy.deepcopy(thing)
    made["metadata"]["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsV1": owned}]
    return made


def fields(wanted: dict[str, Any], actual: dict[str, Any] | None) -> list[str] | None:
    """Return what differs, None if nothing does."""
    found = changes([wanted], {path_of(wanted): actual}, ME)
    return found[0]["fields"] if found else None


def test_what_others_add_is_no_difference() -> None:
    actual = applied(SERVICE, OWNED)
    actual["spec"]["clusterIP"] = "10.0.0.1"
    actual["spec"]["ports"][0]["protocol"] = "TCP"
    actual["metadata"]["annotations"] = {"somebody": "else"}
    assert fields(SERVICE, actual) is None


def test_what_is_not_there_is_created() -> None:
    [found] = changes([SERVICE], {PATH: None}, ME)
    assert (found["create"], found["title"], found["path"], found["object"]) == (
        True,
        "Service duros/metrics",
        PATH,
        SERVICE,
    )


def test_values_lists_and_missing_keys_differ() -> None:
    actual = applied(SERVICE, OWNED)
    actual["spec"]["ports"][0]["port"] = 9090
    assert "spec.ports[0].port" in (fields(SERVICE, actual) or [])
    actual = applied(SERVICE, OWNED)
    actual["spec"]["ports"].append({"name": "other", "port": 1})
    assert fields(SERVICE, actual) == ["spec.ports"]
    actual = applied(SERVICE, OWNED)
    del actual["metadata"]["labels"]["app"]
    assert fields(SERVICE, actual) == ["metadata.labels.app"]


def test_what_was_applied_before_and_is_not_wanted_any_more_differs() -> None:
    before = copy.deepcopy(SERVICE)
    before["metadata"]["labels"]["old"] = "one"
    owned = copy.deepcopy(OWNED)
    owned["f:metadata"]["f:labels"]["f:old"] = {}
    assert fields(SERVICE, applied(before, owned)) == ["metadata.labels.old"]
    # somebody else's label stays
    assert fields(SERVICE, applied(before, OWNED)) is None
    owned = copy.deepcopy(OWNED)
    owned["f:spec"]["f:ports"]['k:{"port":9090,"protocol":"TCP"}'] = {"f:port": {}}
    assert fields(SERVICE, applied(SERVICE, owned)) == ['spec.ports{"port":9090,"protocol":"TCP"}']


def test_what_nobody_has_applied_yet_is_taken_over() -> None:
    assert fields(SERVICE, applied(SERVICE, OWNED, manager="kubectl")) == ["metadata.managedFields"]


def test_secrets_are_compared_by_their_checksums() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "admin", "namespace": "duros"},
        "data": {"token": base64.b64encode(b"one").decode()},
    }
    owned = {"f:data": {"f:token": {}}}
    seen = applied(secret, owned)
    seen["data"] = {"token": f"sha256:{hashlib.sha256(b'one').hexdigest()}"}
    assert fields(secret, seen) is None
    seen["data"]["token"] = f"sha256:{hashlib.sha256(b'two').hexdigest()}"
    assert fields(secret, seen) == ["data.token"]
    text = {**secret, "stringData": {"token": "two"}}
    del text["data"]
    assert fields(text, seen) is None
    seen["metadata"]["managedFields"][0]["fieldsV1"]["f:data"]["f:old"] = {}
    assert fields(text, seen) == ["data.old"]
    with pytest.raises(UsageError, match="token, which is no base64"):
        fields({**secret, "data": {"token": "###"}}, seen)


def test_empty_values_that_the_api_leaves_out() -> None:
    wanted = {**SERVICE, "spec": {**SERVICE["spec"], "loadBalancerSourceRanges": [], "publishNotReadyAddresses": False}}
    assert fields(wanted, applied(SERVICE, OWNED)) is None


def test_values_of_sets_that_are_not_wanted_any_more() -> None:
    wanted = {**SERVICE, "metadata": {**SERVICE["metadata"], "finalizers": ["one"]}}
    owned = {"f:metadata": {"f:finalizers": {'v:"one"': {}, 'v:"two"': {}}}}
    assert fields(wanted, applied(wanted, owned)) == ['metadata.finalizers["two"]']


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({"apiVersion": "v1", "kind": "Teapot", "metadata": {"name": "x"}}, "the kind 'Teapot' is not known"),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, "has no apiVersion, name or namespace"),
    ],
)
def test_objects_that_have_no_path(thing: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        path_of(thing)


def test_object_that_was_not_looked_at() -> None:
    with pytest.raises(UsageError, match="Service duros/metrics was not looked at"):
        changes([SERVICE], {}, ME)
