# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions of scenarios to a world's API server, many in one go: what there is, who may do what, who asked what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .api import Api
from .base import KubernetesError


def get(api: Api, paths: Sequence[str]) -> dict[str, Any]:
    """What is at each path: an object, the list of a kind's objects, or None."""

    def one(path: str) -> Any:
        answer = api.send("GET", path)
        if answer.status_code == 404:
            return None
        if not answer.ok:
            raise KubernetesError(f"GET {path}: {answer.status_code} {answer.text[:300]}")
        document = answer.json()
        return document.get("items", document)

    return {path: one(path) for path in paths}


def everything(api: Api) -> dict[str, dict[str, Any]]:
    """All objects of all kinds that can be listed, by their paths."""
    lists: list[str] = []
    groups = ["/api/v1"]
    groups += [f"/apis/{group['preferredVersion']['groupVersion']}" for group in api("GET", "/apis")["groups"]]
    for group in groups:
        for kind in api("GET", group)["resources"]:
            if "list" in kind["verbs"] and "/" not in kind["name"]:
                lists.append(f"{group}/{kind['name']}")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: get(api, [path])[path], lists))
    objects = {}
    for path, items in zip(lists, found):
        for item in items or []:
            metadata = item["metadata"]
            objects[f"{path} {metadata.get('namespace', '')}/{metadata['name']}"] = item
    return objects


def wrong_rights(api: Api, table: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a table of rights says that is not so: one sentence each.

    An entry has `user`, `namespace` ("" for the whole cluster), and in `allowed` and `refused` lines like those that
    `kubectl auth can-i` is asked: "update apps:statefulsets lb-csi-controller", "get secrets", "update x:y/status".
    """
    asked = [
        (entry["user"], entry.get("namespace", ""), line, wanted)
        for entry in table
        for wanted, key in ((True, "allowed"), (False, "refused"))
        for line in entry.get(key, [])
    ]
    if not asked:
        raise KubernetesError("the table of rights is empty.")

    def one(question: tuple[str, str, str, bool]) -> str:
        user, namespace, line, wanted = question
        verb, resource, *name = line.split()
        group, _colon, kind = resource.rpartition(":")
        kind, _slash, part = kind.partition("/")
        attributes = {"verb": verb, "group": group, "resource": kind, "subresource": part, "namespace": namespace}
        spec = {"user": user, "resourceAttributes": {**attributes, "name": name[0] if name else ""}}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        allowed = answer["status"].get("allowed", False)
        where = f"in {namespace}" if namespace else "in the cluster"
        return "" if allowed == wanted else f"{user} {'may' if allowed else 'may not'} {line} {where}"

    return [sentence for sentence in map(one, asked) if sentence]


def requests(audit_log: Path) -> list[dict[str, str]]:
    """Every request that the API server has answered: `user`, `agent`, `verb`, `path`."""
    entries = (json.loads(line) for line in audit_log.read_text().splitlines())
    return [
        {
            "user": entry["user"].get("username", ""),
            "agent": entry.get("userAgent", ""),
            "verb": entry["verb"],
            "path": entry["requestURI"],
        }
        for entry in entries
    ]
