# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps duros-controller from being deployed to a cluster, and whether it does its work there.

Pure functions of what kubernetes_objects_info has seen. Private to metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..module_utils._values import timestamp
from ._duros_access import unusable
from ._duros_rights import missing_rights, rule_for
from ._kubernetes_objects import path_of, title_of

PROVISIONER = "csi.lightbitslabs.com"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_OLDEST = (1, 25)
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_ROLES = ("Role", "ClusterRole")


def problems(seen: Mapping[str, Any], target: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return ``problems``, those ``ending`` among them (what is wanted and being removed), and ``warnings``.

    ``seen`` is the cluster where it runs, ``target`` the one that uses the storage, which may be the same. ``wish`` has
    ``namespace``, ``manage_namespace``, ``objects`` and ``target_objects`` (what is applied), ``storage_classes``,
    ``project``, ``snapshots`` (paths of the definitions that are needed), ``names`` (addresses that a network policy
    cannot have), ``access`` (what was seen with the access that is handed over, or nothing), ``access_rules``, and that
    access as ``kubeconfig`` with the ``kubeconfig_option`` where it was given.
    """
    found: list[str] = []
    same = seen.get("server") == target.get("server")
    for place, look, here, objects in (
        ("", seen, wish["namespace"], [*wish["objects"], *(wish["target_objects"] if same else ())]),
        ("the cluster that uses the storage", target, "kube-system", () if same else wish["target_objects"]),
    ):
        if place and same:
            continue
        where = place or "the cluster"
        found.extend(_version(look, where))
        found.extend(f"In {where} {path} may not be read." for path in look.get("forbidden") or [])
        found.extend(_rights(look, where, here, objects))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": wish["namespace"]}}
    ending = [
        *_ending([namespace, *wish["objects"]], seen["objects"]),
        *_ending(wish["target_objects"], target["objects"]),
    ]
    found.extend(ending)
    there = seen["objects"].get(path_of(namespace))
    if not wish["manage_namespace"] and there is None:
        found.append(
            f"The namespace {wish['namespace']} is not there: make it, or let the role do so "
            "(duros_controller_manage_namespace)."
        )
    if wish["manage_namespace"] and re.match(r"(kube-.*|default)$", wish["namespace"]):
        found.append(
            f"The namespace {wish['namespace']} is one of Kubernetes itself: choose another one, or leave it alone "
            "(duros_controller_manage_namespace: false)."
        )
    # what may not be read may be there
    unseen = target.get("forbidden") or []
    lacking = [
        path.rpartition("/")[2]
        for path in wish["snapshots"]
        if target["objects"].get(path) is None and path not in unseen
    ]
    if lacking:
        found.append(
            f"The cluster that uses the storage lacks {', '.join(lacking)}, without which duros-controller does not "
            "come to its end: install the definitions of the external-snapshotter there."
        )
    classes = target["objects"].get(CLASSES) or []
    found.extend(_foreign_classes(classes, wish))
    for name in wish["names"]:
        found.append(
            f"{name} is a name, but a network policy can have addresses only: give its networks in "
            "duros_controller_network_policy_peers, or the address instead."
        )
    found.extend(unusable(wish["kubeconfig"], wish["kubeconfig_option"]))
    if wish.get("access"):
        missing = missing_rights(wish["access_rules"], wish["access"]["rights"]["kube-system"])
        if missing:
            found.append(
                "The access that duros-controller is given to the cluster that uses the storage lacks: "
                f"{'; '.join(missing)}."
            )
    return {
        "problems": list(dict.fromkeys(found)),
        "ending": list(dict.fromkeys(ending)),
        "warnings": list(_other_defaults(classes, wish)),
    }


def _ending(wanted: Sequence[Mapping[str, Any]], objects: Mapping[str, Any]) -> Iterator[str]:
    """Yield what terminates: it looks as wanted, takes nothing in any more, and is gone soon."""
    for one in wanted:
        if ((objects.get(path_of(one)) or {}).get("metadata") or {}).get("deletionTimestamp"):
            yield f"The {title_of(one)} is being removed: wait until it is gone."


def _version(look: Mapping[str, Any], where: str) -> Iterator[str]:
    match = re.match(r"v?(\d+)\.(\d+)", str(look.get("version", "")))
    if match is None:
        yield f"The API of {where} does not tell its version."
    elif (int(match[1]), int(match[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        yield f"{where[0].upper()}{where[1:]} has the version {look['version']}; at least {oldest} is needed."


def _rights(look: Mapping[str, Any], where: str, namespace: str, objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    review = (look.get("rights") or {}).get(namespace)
    if review is None:
        return
    rules: list[Mapping[str, Any]] = []
    for thing in objects:
        rules.append(rule_for(thing, "get", "create", "patch"))
        # Nobody may give others more than he has himself.
        if thing["kind"] in _ROLES and missing_rights([rule_for(thing, "escalate")], review):
            rules.extend(thing.get("rules") or [])
    missing = missing_rights(rules, review)
    if missing:
        yield f"Whoever kubeconfig says may not do all that is needed in {where}: {'; '.join(missing)}."


def _foreign_classes(classes: Sequence[Mapping[str, Any]], wish: Mapping[str, Any]) -> Iterator[str]:
    wanted = {one["name"] for one in wish["storage_classes"]}
    for one in classes:
        name = one["metadata"]["name"]
        if name not in wanted:
            continue
        project = (one.get("parameters") or {}).get("project-name")
        if one.get("provisioner") != PROVISIONER:
            yield (
                f"The storage class {name} is there already, of {one.get('provisioner')}; duros-controller would "
                "delete it: choose another name."
            )
        elif project != wish["project"]:
            yield (
                f"The storage class {name} is there already, of the project {project}; duros-controller would replace "
                "it: choose another name."
            )


def _other_defaults(classes: Sequence[Mapping[str, Any]], wish: Mapping[str, Any]) -> Iterator[str]:
    names = {one["name"] for one in wish["storage_classes"]}
    ours = [one["name"] for one in wish["storage_classes"] if one.get("default")]
    for one in classes:
        metadata = one["metadata"]
        is_default = (metadata.get("annotations") or {}).get(_DEFAULT) == "true"
        if ours and is_default and metadata["name"] not in names:
            yield f"{ours[0]} is going to be the default storage class, but {metadata['name']} is one as well."


def verdict(seen: Mapping[str, Any], wish: Mapping[str, Any]) -> list[str]:
    """Return what is not as it should be, sentences.

    ``wish`` has ``deployment``, or ``resource`` and ``pods`` (paths) with the ``manager``, for the cluster where it
    runs; or ``storage_classes`` (of the Duros resource), ``left`` (names of classes that should be gone), ``project``
    and ``endpoints`` (as storage classes have them), for the one that uses the storage.
    """
    found: list[str] = []
    objects = seen.get("objects") or {}
    if "deployment" in wish:
        found.extend(_deployment(objects.get(wish["deployment"])))
    if "resource" in wish:
        found.extend(_reconciled(objects.get(wish["resource"]), wish["manager"], objects.get(wish["pods"]) or []))
    if "storage_classes" in wish:
        found.extend(_classes(objects.get(CLASSES) or [], wish))
    return found


def _deployment(deployment: Mapping[str, Any] | None) -> Iterator[str]:
    if deployment is None:
        yield "The Deployment is not there."
        return
    status = deployment.get("status") or {}
    wanted = deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        yield "The Deployment has not been looked at since it was changed: does a controller manager run?"
    elif status.get("updatedReplicas", 0) < wanted or status.get("availableReplicas", 0) < wanted:
        conditions = [
            f" ({one.get('message', '').rstrip('.')})"
            for one in status.get("conditions") or []
            if one.get("type") in ("Available", "Progressing") and one.get("status") == "False"
        ]
        yield (
            f"The Deployment has {status.get('availableReplicas', 0)} of {wanted} pods available"
            f"{conditions[0] if conditions else ''}."
        )
    elif status.get("replicas", 0) > wanted:
        yield "Old pods of the Deployment are still there."


def _reconciled(duros: Mapping[str, Any] | None, manager: str, pods: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if duros is None:
        yield "The Duros resource is not there."
        return
    status = (duros.get("status") or {}).get("reconcileStatus") or {}
    last = timestamp(status.get("lastReconcile"))
    changed, began = applied_at(duros, manager), _began(pods)
    if last is None:
        yield "The Duros resource was never reconciled."
    elif changed is not None and last < changed:
        yield "The Duros resource was not reconciled since it was changed."
    elif began is not None and last < began:
        yield "The Duros resource was not reconciled by a controller that runs now."
    elif status.get("error"):
        yield f"duros-controller says: {status['error'].rstrip('.')}."


def _began(pods: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Return since when one of them runs: it is that one which reconciles, or one that has waited for it to end."""
    times = [
        timestamp(one.get("state", {}).get("running", {}).get("startedAt"))
        for pod in pods
        for one in (pod.get("status") or {}).get("containerStatuses") or []
    ]
    return min((one for one in times if one is not None), default=None)


def applied_at(thing: Mapping[str, Any], manager: str) -> datetime | None:
    """Return when this manager has last changed an object."""
    times = [
        timestamp(one.get("time"))
        for one in thing["metadata"].get("managedFields") or []
        if one.get("manager") == manager and one.get("operation") == "Apply"
    ]
    known = [one for one in times if one is not None]
    return max(known) if known else None


def _classes(classes: Sequence[Mapping[str, Any]], wish: Mapping[str, Any]) -> Iterator[str]:
    there = {one["metadata"]["name"]: one for one in classes}
    for wanted in wish["storage_classes"]:
        name = wanted["name"]
        actual = there.get(name)
        if actual is None:
            yield f"The storage class {name} is not there."
            continue
        has = {**(actual.get("parameters") or {}), "provisioner": actual.get("provisioner")}
        encrypted = bool(wanted.get("encryption"))
        expected = {
            "provisioner": PROVISIONER,
            "mgmt-endpoint": wish["endpoints"],
            "project-name": wish["project"],
            "replica-count": str(wanted["replicas"]),
            "compression": "enabled" if wanted.get("compression") and not encrypted else "disabled",
            "host-encryption": "enabled" if encrypted else None,
        }
        for key, value in expected.items():
            if has.get(key) != value:
                yield f"The storage class {name} has {key} {has.get(key)}; {value} is wanted."
        is_default = (actual["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
        if is_default != bool(wanted.get("default")):
            yield f"The storage class {name} is {'' if is_default else 'not '}the default."
    for name in wish["left"]:
        if name in there:
            yield f"The storage class {name} is still there."
