# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of Kubernetes that are wanted, compared with those that are there, by what server-side apply would own.

Only what is wanted counts: what the API or somebody else adds is theirs. What this manager has applied before and does
not want any more counts as well, since the next apply takes it away. Private to metalstack.provisioning.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._errors import UsageError

# kind: (plural, namespaced)
_KINDS = {
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "CSIDriver": ("csidrivers", False),
    "CustomResourceDefinition": ("customresourcedefinitions", False),
    "DaemonSet": ("daemonsets", True),
    "Deployment": ("deployments", True),
    "Duros": ("duros", True),
    "Namespace": ("namespaces", False),
    "NetworkPolicy": ("networkpolicies", True),
    "Role": ("roles", True),
    "RoleBinding": ("rolebindings", True),
    "Secret": ("secrets", True),
    "Service": ("services", True),
    "ServiceAccount": ("serviceaccounts", True),
    "ServiceMonitor": ("servicemonitors", True),
    "StatefulSet": ("statefulsets", True),
    "StorageClass": ("storageclasses", False),
    "VolumeSnapshotClass": ("volumesnapshotclasses", False),
}


def path_of(thing: Mapping[str, Any]) -> str:
    """Return the path of an object in the API. Raises UsageError."""
    kind = str(thing.get("kind", ""))
    if kind not in _KINDS:
        raise UsageError(f"the kind {kind!r} is not known here; known are {', '.join(sorted(_KINDS))}.")
    plural, namespaced = _KINDS[kind]
    version = str(thing.get("apiVersion", ""))
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    metadata = thing.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not version or not name or (namespaced and not namespace):
        raise UsageError(f"an object of the kind {kind} has no apiVersion, name or namespace.")
    return f"{root}/namespaces/{namespace}/{plural}/{name}" if namespaced else f"{root}/{plural}/{name}"


def title_of(thing: Mapping[str, Any]) -> str:
    """Return kind and name, for people."""
    metadata = thing.get("metadata") or {}
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{thing.get('kind')} {place}{metadata.get('name')}"


def changes(wanted: Sequence[Mapping[str, Any]], seen: Mapping[str, Any], manager: str) -> list[dict[str, Any]]:
    """Return what differs: ``object``, its ``title`` and ``path``, whether it is a ``create``, and which ``fields``.

    ``seen`` are objects by their paths, as kubernetes_objects_info returns them.
    """
    found = []
    for thing in wanted:
        path = path_of(thing)
        if path not in seen:
            raise UsageError(f"{title_of(thing)} was not looked at ({path}).")
        actual = seen[path]
        fields = (
            []
            if actual is None
            else sorted({*_differences(_comparable(thing), actual), *_left(thing, actual, manager)})
        )
        if actual is None or fields:
            found.append(
                {"object": thing, "title": title_of(thing), "path": path, "create": actual is None, "fields": fields}
            )
    return found


def _comparable(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return it as kubernetes_objects_info would show it."""
    if thing.get("kind") != "Secret":
        return thing
    shown = {key: value for key, value in thing.items() if key not in ("data", "stringData")}
    data: dict[str, str] = {}
    for key, value in (thing.get("data") or {}).items():
        try:
            data[key] = _digest(base64.b64decode(value, validate=True))
        except (ValueError, binascii.Error):
            raise UsageError(f"{title_of(thing)} has {key}, which is no base64.") from None
    for key, value in (thing.get("stringData") or {}).items():
        data[key] = _digest(str(value).encode())
    return {**shown, "data": data}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _differences(wanted: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Return the paths of fields that are not as wanted."""
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        for key, value in wanted.items():
            inner = f"{path}.{key}" if path else str(key)
            if key in actual:
                yield from _differences(value, actual[key], inner)
            elif value not in (None, {}, [], "", False, 0):
                # what is empty is left out by the API
                yield inner
    elif isinstance(wanted, list) and isinstance(actual, list):
        if len(wanted) != len(actual):
            yield path
            return
        for number, (one, other) in enumerate(zip(wanted, actual)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif wanted != actual and not (wanted in (None, {}, []) and actual in (None, {}, [])):
        yield path


def _left(wanted: Mapping[str, Any], actual: Mapping[str, Any], manager: str) -> list[str]:
    """Return the paths of fields that this manager has applied, and that are not wanted any more."""
    entries = (actual.get("metadata") or {}).get("managedFields") or []
    mine = [
        one
        for one in entries
        if one.get("manager") == manager and one.get("operation") == "Apply" and not one.get("subresource")
    ]
    if not mine:
        return ["metadata.managedFields"]
    owned: list[str] = []
    for one in mine:
        owned.extend(_owned(one.get("fieldsV1") or {}, _with_data(wanted)))
    return owned


def _with_data(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a Secret as the API keeps it: what was given as text is data."""
    if "stringData" not in thing:
        return thing
    return {**thing, "data": {**(thing.get("data") or {}), **thing["stringData"]}}


def _owned(fields: Mapping[str, Any], wanted: Any, path: str = "") -> Iterator[str]:
    for key, inner in fields.items():
        kind, _colon, rest = key.partition(":")
        if kind == "f":
            deeper = f"{path}.{rest}" if path else rest
            if not isinstance(wanted, Mapping) or rest not in wanted:
                yield deeper
            elif inner:
                yield from _owned(inner, wanted[rest], deeper)
        elif kind == "k":
            keys = json.loads(rest)
            items = [one for one in wanted if _has(one, keys)] if isinstance(wanted, list) else []
            if not items:
                yield f"{path}{rest}"
            elif inner:
                yield from _owned(inner, items[0], f"{path}{rest}")
        elif kind == "v" and (not isinstance(wanted, list) or json.loads(rest) not in wanted):
            yield f"{path}[{rest}]"


# Keys of lists that the API fills in before it compares them.
_DEFAULT_KEYS = {"protocol": "TCP"}


def _has(item: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(
        item.get(key, _DEFAULT_KEYS.get(key)) == value for key, value in keys.items()
    )
