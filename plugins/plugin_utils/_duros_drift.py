# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the servers of a Lightbits cluster are written down, and what is different there from what the cluster says.

A pure function of what was seen. Private to metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..module_utils._lightbits.endpoint import Endpoint
from ._duros_kubernetes import CLASSES, PROVISIONER
from ._duros_removal import CONTENTS, VOLUMES

_COLUMNS = ("place", "lacks", "has besides")


def drift(
    cluster: Iterable[str], seen: Mapping[str, Any], target: Mapping[str, Any], wish: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``places``, those that differ, as a ``table`` (text, "" if there are none) as well.

    ``cluster`` are the servers that the cluster names. ``wish`` has the paths ``deployment`` and ``network_policy``,
    the ``project``, the ``configured`` servers, and ``targets`` (what Prometheus has, or nothing).
    """
    expected = _literals(cluster)
    places = [
        {"place": place, "lacks": sorted(expected - has), "surplus": sorted(has - expected)}
        for place, has in _written_down(seen["objects"], target["objects"], wish, expected)
        if has != expected
    ]
    frozen = _frozen(target["objects"], expected)
    return {"places": places, "frozen": frozen, "table": _table(places, frozen)}


def _literals(texts: Iterable[str]) -> set[str]:
    found = set()
    for text in texts:
        try:
            found.add(Endpoint.parse(text).literal)
        except ValueError:
            # what is no address differs from all that are some
            found.add(text)
    return found


def _written_down(
    objects: Mapping[str, Any], target: Mapping[str, Any], wish: Mapping[str, Any], expected: set[str]
) -> Iterator[tuple[str, set[str]]]:
    yield "duros_controller_endpoints", _literals(wish["configured"])
    deployment = objects.get(wish["deployment"])
    for container in _containers(deployment):
        for argument in container.get("args") or []:
            if argument.startswith("-endpoints="):
                yield "Deployment, -endpoints", _literals(argument.partition("=")[2].split(","))
    policy = objects.get(wish["network_policy"])
    if policy is not None:
        yield "NetworkPolicy", _allowed(policy, expected)
    for one in target.get(CLASSES) or []:
        parameters = one.get("parameters") or {}
        if one.get("provisioner") == PROVISIONER and parameters.get("project-name") == wish["project"]:
            yield f"StorageClass {one['metadata']['name']}", _literals(parameters.get("mgmt-endpoint", "").split(","))
    for group in wish.get("targets") or []:
        if (group.get("labels") or {}).get("job") == "lightos-api":
            yield "Prometheus", _literals(group.get("targets") or [])


def _containers(deployment: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return [] if deployment is None else deployment["spec"]["template"]["spec"]["containers"]


def _allowed(policy: Mapping[str, Any], expected: set[str]) -> set[str]:
    """Return which of the servers a policy lets through; a server by name is let through by the networks of a user."""
    rules: list[tuple[Any, int]] = []
    for rule in policy["spec"].get("egress") or []:
        for port in rule.get("ports") or []:
            for peer in rule.get("to") or []:
                if "ipBlock" in peer:
                    rules.append((ipaddress.ip_network(peer["ipBlock"]["cidr"]), port.get("port")))
    allowed = set()
    for literal in expected:
        endpoint = Endpoint.parse(literal)
        try:
            address = ipaddress.ip_address(endpoint.host)
        except ValueError:
            allowed.add(literal)
            continue
        if any(port == endpoint.port and address in network for network, port in rules):
            allowed.add(literal)
    return allowed


def _frozen(target: Mapping[str, Any], expected: set[str]) -> dict[str, int]:
    """Return how many volumes and snapshots have other servers in their handle, and how many none that is left."""
    counts = {"volumes": 0, "snapshots": 0, "unreachable": 0}
    handles = [("volumes", ((one.get("spec") or {}).get("csi") or {})) for one in target.get(VOLUMES) or []] + [
        ("snapshots", {**(one.get("spec") or {}), "volumeHandle": (one.get("status") or {}).get("snapshotHandle")})
        for one in target.get(CONTENTS) or []
    ]
    for kind, source in handles:
        handle = source.get("volumeHandle") or ""
        if source.get("driver") != PROVISIONER or not handle.startswith("mgmt:"):
            continue
        servers = _literals(handle.partition("|")[0].removeprefix("mgmt:").split(","))
        if servers != expected:
            counts[kind] += 1
            counts["unreachable"] += not servers & expected
    return counts


def _table(places: list[dict[str, Any]], frozen: Mapping[str, int]) -> str:
    rows = [(one["place"], ", ".join(one["lacks"]), ", ".join(one["surplus"])) for one in places]
    lines = []
    if rows:
        widths = [max(len(row[number]) for row in [_COLUMNS, *rows]) for number in range(2)]
        lines = [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}".rstrip() for row in [_COLUMNS, *rows]]
    if frozen["volumes"] or frozen["snapshots"]:
        lines.append(
            f"{frozen['volumes']} volumes and {frozen['snapshots']} snapshots keep the servers of the day when they "
            f"were made; {frozen['unreachable']} of them know none that is left."
        )
    return "\n".join(lines)
