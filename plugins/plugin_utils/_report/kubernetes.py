# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part about Kubernetes: storage classes and duros-controller. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .words import count, items, listed, part, shown_time

PROVISIONER = "csi.lightbitslabs.com"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def kubernetes_part(kubernetes: Mapping[str, Any], endpoints: Sequence[str]) -> dict[str, Any]:
    """Return ``classes``, ``duros``, ``controllers``, and what all parts have.

    ``endpoints`` are those of the cluster's API, none when it was not asked.
    """
    classes = [_class(one, endpoints) for one in items(kubernetes.get("storage_classes"))]
    lightbits = [one for one in classes if one["provisioner"] == PROVISIONER]
    resources = [_duros(one) for one in items(kubernetes.get("duros"))]
    controllers = [_controller(one) for one in items(kubernetes.get("deployments"))]
    problems: list[tuple[str, str]] = []
    for one in lightbits:
        if one["strangers"]:
            problems.append(
                (
                    "warning",
                    f"The storage class {one['name']} names {listed(one['strangers'])}, which is not of the cluster.",
                )
            )
        if one["missing"]:
            problems.append(
                ("warning", f"The storage class {one['name']} does not name {listed(one['missing'])} of the cluster.")
            )
    for one in resources:
        if one["error"]:
            problems.append(("bad", f"duros-controller cannot reconcile {one['name']}: {one['error']}"))
        elif not one["reconciled"]:
            problems.append(("warning", f"duros-controller has not looked at {one['name']} yet."))
    problems += [
        ("bad", f"The deployment {one['name']} has {one['ready']}.") for one in controllers if one["state"] != "ok"
    ]
    # what may not be read may be there
    if resources and not controllers and not kubernetes.get("partly"):
        problems.append(("bad", "There are Duros resources, but no deployment duros-controller beside them."))
    asked = kubernetes.get("storage_classes") is not None
    if asked and not lightbits:
        problems.append(("warning", f"There is no storage class of {PROVISIONER}."))
    return {
        "classes": classes,
        "duros": resources,
        "controllers": controllers,
        "problems": problems,
        "figure": str(len(lightbits)) if asked else "–",
        "unit": "storage class" if len(lightbits) == 1 else "storage classes",
        "detail": count(len(resources), "Duros resource"),
        "states": [one["state"] for one in (*resources, *controllers)] or ["ok" if lightbits else "unknown"],
    }  # fmt: skip


def _name(thing: Mapping[str, Any]) -> str:
    meta = part(thing.get("metadata"))
    return "/".join(str(one) for one in (meta.get("namespace"), meta.get("name")) if one)


def _class(thing: Mapping[str, Any], endpoints: Sequence[str]) -> dict[str, Any]:
    parameters = part(thing.get("parameters"))
    named = [one for one in str(parameters.get("mgmt-endpoint") or "").split(",") if one]
    encrypted = parameters.get("host-encryption") == "enabled"
    return {
        "name": _name(thing),
        "provisioner": str(thing.get("provisioner") or ""),
        "default": part(part(thing.get("metadata")).get("annotations")).get(_DEFAULT) == "true",
        "replicas": str(parameters.get("replica-count") or ""),
        "compression": str(parameters.get("compression") or ""),
        "encryption": "by the host" if encrypted else "",
        "endpoints": f"{len(set(named) & set(endpoints))} of {len(endpoints)} of the cluster"
        if endpoints and named
        else listed(named, 3),
        "strangers": sorted(set(named) - set(endpoints)) if endpoints else [],
        "missing": sorted(set(endpoints) - set(named)) if named else [],
    }


def _duros(thing: Mapping[str, Any]) -> dict[str, Any]:
    status = part(thing.get("status"))
    reconcile = part(status.get("reconcileStatus"))
    error, last = str(reconcile.get("error") or ""), shown_time(reconcile.get("lastReconcile"))
    return {
        "name": _name(thing),
        "project": str(part(thing.get("spec")).get("metalProjectID") or ""),
        "reconciled": last,
        "error": error,
        "state": "bad" if error else "ok" if last else "unknown",
        "word": error or ("reconciled" if last else "not yet"),
        "managed": [
            f"{one.get('group')} {one.get('name')}: {one.get('description') or one.get('state')}"
            for one in items(status.get("managedResourceStatuses"))
        ],
    }


def _controller(thing: Mapping[str, Any]) -> dict[str, Any]:
    containers = items(part(part(part(thing.get("spec")).get("template")).get("spec")).get("containers"))
    wanted = int(part(thing.get("spec")).get("replicas", 1))
    ready = int(part(thing.get("status")).get("readyReplicas") or 0)
    return {
        "name": _name(thing),
        "image": ", ".join(str(one.get("image")) for one in containers),
        "ready": f"{ready} of {wanted} ready",
        "state": "ok" if ready >= wanted else "bad",
        "word": f"{ready} of {wanted} ready",
    }
