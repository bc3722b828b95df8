# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody must be allowed to do in a cluster, compared with a SelfSubjectRulesReview.

Private to metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._kubernetes_objects import path_of


def rule_for(thing: Mapping[str, Any], *verbs: str) -> dict[str, list[str]]:
    """Return the rule, as a Role has it, that allows verbs for the kind of an object."""
    return {
        "apiGroups": [thing["apiVersion"].rpartition("/")[0]],
        "resources": [path_of(thing).split("/")[-2]],
        "verbs": list(verbs),
    }


def missing_rights(wanted: Sequence[Mapping[str, Any]], review: Mapping[str, Any]) -> list[str]:
    """Return what is wanted and not allowed, as ``verb, verb resource.group/name``. An incomplete review tells nothing.

    ``wanted`` are rules as those of a Role.
    """
    if review.get("incomplete"):
        return []
    allowed = review.get("rules") or []
    missing: dict[str, list[str]] = {}
    for rule in wanted:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames") or [None]:
                    for verb in rule["verbs"]:
                        if not any(_allows(one, verb, group, resource, name) for one in allowed):
                            what = f"{resource}.{group}" if group else resource
                            verbs = missing.setdefault(f"{what}/{name}" if name else what, [])
                            if verb not in verbs:
                                verbs.append(verb)
    return [f"{', '.join(verbs)} {what}" for what, verbs in missing.items()]


def _allows(rule: Mapping[str, Any], verb: str, group: str, resource: str, name: str | None) -> bool:
    names = rule.get("resourceNames") or []
    return (
        _in(verb, rule.get("verbs"))
        and _in(group, rule.get("apiGroups"))
        and (_in(resource, rule.get("resources")) or _subresource(resource, rule.get("resources")))
        and (not names or name in names)
    )


def _in(one: str, several: Any) -> bool:
    return one in (several or []) or "*" in (several or [])


def _subresource(resource: str, several: Any) -> bool:
    """Whether a subresource is allowed by ``*/status``."""
    return "/" in resource and f"*/{resource.rpartition('/')[2]}" in (several or [])
