# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order duros-controller and all that it has made go, and what is a reason to leave everything as it is.

A pure function of what kubernetes_objects_info has seen. Private to metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._duros_kubernetes import CLASSES, PROVISIONER
from ._duros_rights import missing_rights, rule_for
from ._kubernetes_objects import path_of

RESOURCES = "/apis/storage.metal-stack.io/v1/duros"
VOLUMES = "/api/v1/persistentvolumes"
CONTENTS = "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents"
_NAME = "app.kubernetes.io/name"


def removal(seen: Mapping[str, Any], target: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``problems``, and what is there in the order in which it goes: ``first``, ``in_target``, ``last``.

    ``ending`` are the paths of those that take a while to end, also if they are on their way already.

    ``wish`` has ``namespace`` and whether it is managed (``manage_namespace``), ``project``, and the objects as
    ``first``, ``in_target`` and ``last``; the namespace and the kind are added where nobody else needs them.
    """
    objects, in_target = seen["objects"], target["objects"]
    namespace = wish["namespace"]
    problems = [f"{path} may not be read." for path in [*seen.get("forbidden", []), *target.get("forbidden", [])]]
    own = {path_of(one) for one in wish["first"]}
    others = [one for one in objects.get(RESOURCES) or [] if path_of(one) not in own]
    here = [one for one in others if one["metadata"]["namespace"] == namespace]
    problems.extend(_data(in_target))
    if here:
        names = ", ".join(one["metadata"]["name"] for one in here)
        problems.append(f"The namespace {namespace} has other Duros resources, which need the controller: {names}.")
    classes = [
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": one["metadata"]["name"]}}
        for one in in_target.get(CLASSES) or []
        if one.get("provisioner") == PROVISIONER
        and (one.get("parameters") or {}).get("project-name") == wish["project"]
    ]
    slow: list[dict[str, Any]] = []
    if not others:
        name = "duros.storage.metal-stack.io"
        kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name}}
        slow.append(kind)
    strangers = _strangers(objects, namespace)
    if wish["manage_namespace"] and not strangers:
        slow.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    kept = f"The namespace {namespace} stays, because others use it: {', '.join(strangers)}." if strangers else ""
    goes = {
        "first": _there(wish["first"], objects),
        "in_target": [*classes, *_there(wish["in_target"], in_target)],
        "last": _there([*wish["last"], *slow], objects),
    }
    where = "the cluster" if seen.get("server") == target.get("server") else "the cluster that uses the storage"
    problems.extend(_rights(seen, namespace, [*goes["first"], *goes["last"]], "the cluster"))
    problems.extend(_rights(target, "kube-system", goes["in_target"], where))
    return {
        "problems": problems,
        **goes,
        "ending": [path for path in map(path_of, slow) if objects.get(path)],
        "kept": kept if wish["manage_namespace"] else "",
    }


def _data(in_target: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is of data that only this driver can reach."""
    volumes = [
        one
        for one in in_target.get(VOLUMES) or []
        if ((one.get("spec") or {}).get("csi") or {}).get("driver") == PROVISIONER
    ]
    snapshots = [one for one in in_target.get(CONTENTS) or [] if (one.get("spec") or {}).get("driver") == PROVISIONER]
    for word, several in (("volumes", volumes), ("snapshots", snapshots)):
        names = [one["metadata"]["name"] for one in several]
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            yield (
                f"There are {len(names)} {word} of this storage ({shown}), whose data nobody could reach any more: "
                "delete them first."
            )


def _rights(look: Mapping[str, Any], namespace: str, going: Sequence[Mapping[str, Any]], where: str) -> Iterator[str]:
    """Yield what may not be removed, because of which half of it would stay."""
    review = (look.get("rights") or {}).get(namespace)
    if review is None:
        return
    rules = [{**rule_for(one, "delete"), "resourceNames": [one["metadata"]["name"]]} for one in going]
    missing = missing_rights(rules, review)
    if missing:
        yield f"Whoever kubeconfig says may not remove all of it in {where}: {'; '.join(missing)}."


def _there(wanted: Sequence[Mapping[str, Any]], objects: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what is there and is not on its way already."""
    found = [(one, objects.get(path_of(one))) for one in wanted]
    return [one for one, actual in found if actual and not actual["metadata"].get("deletionTimestamp")]


def _strangers(objects: Mapping[str, Any], namespace: str) -> list[str]:
    """Return pods and claims of others in the namespace."""
    place = f"/api/v1/namespaces/{namespace}"
    return [
        f"{one['kind']} {one['metadata']['name']}"
        for plural in ("pods", "persistentvolumeclaims")
        for one in objects.get(f"{place}/{plural}") or []
        if (one["metadata"].get("labels") or {}).get(_NAME) != "duros-controller"
    ]
