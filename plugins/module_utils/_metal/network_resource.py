# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as they should be. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._bulk import Snapshot
from .._errors import UsageError, ValidationError
from .._reconcile import Plan, Resource, Step, changes
from .addresses import normal_prefixes
from .finder import Finder, Key, from_snapshot, one_by_one
from .network import CHILD, SUPER, SUPERS, UNDERLAY, Network
from .network_calls import NetworkCalls
from .network_options import of_kind, wanted_network
from .removal_step import removal_step

_COMPARED = (
    "name",
    "description",
    "labels",
    "nat",
    "prefixes",
    "destination_prefixes",
    "default_child_prefix_length",
    "additional_announcable_cidrs",
)
_FIXED = ("kind", "project", "partition", "vrf")


class NetworkResource(Resource[Network]):
    """One network. ``wanted`` are the options of metal_network: ``id``, or ``name``, ``project`` and ``partition``."""

    def __init__(self, calls: NetworkCalls, wanted: Mapping[str, Any], finder: Finder[Network]) -> None:
        self._calls = calls
        self._finder = finder
        self._absent = wanted.get("state") == "absent"
        self._force = bool(wanted.get("force"))
        self._share_existing = bool(wanted.get("share_existing"))
        self._wanted = wanted_network(wanted)
        # Keys of a creation: what the API itself decides is not known beforehand, and is no part of the diff.
        self._predicted: frozenset[str] | None = None
        self.id: str | None = self._wanted["id"]
        self.label = f"the network {self.id or self._wanted['name']}"

    @property
    def key(self) -> str:
        """What tells it from others in one task."""
        return self.id or "{name} of the project {project} in the partition {partition}".format(**self._wanted)

    def read(self) -> Network | None:
        """Return the network; UsageError when several have the name."""
        wanted = self._wanted
        if self.id is not None:
            return self._finder.by_id(self.id, wanted["project"])
        found = self._finder.by_key((wanted["name"], wanted["project"], wanted["partition"]))
        if len(found) > 1:
            listed = ", ".join(sorted(network.id for network in found))
            raise UsageError(
                f"name is {wanted['name']}, but several networks of the project in the partition "
                f"{wanted['partition']} are called so: {listed}. Say with id which one is meant."
            )
        return found[0] if found else None

    def show(self, actual: Network) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Network | None) -> Plan:
        """Allocate or create, update, free or delete."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        self._check_fixed(actual)
        before = {
            name: value
            for name, value in actual.as_dict().items()
            if self._predicted is None or name in self._predicted
        }
        if self._absent:
            verb = "free" if actual.kind == CHILD else "delete"
            step = removal_step(self._calls.generation, f"{verb} {self.label}", lambda: self._remove(actual))
            return Plan(before, None, (step,))
        return self._update(actual, before)

    def _creation(self) -> Plan:
        wanted = {**self._wanted, "kind": self._wanted["kind"] or CHILD}
        of_kind(wanted, self.label)
        known: dict[str, Any] = {
            "name": wanted["name"] or "",
            "description": wanted["description"] or "",
            "kind": wanted["kind"],
            "shared": bool(wanted["shared"]),
            "project": wanted["project"] or "",
            "partition": wanted["partition"] or "",
            "labels": wanted["labels"] or {},
            "default_child_prefix_length": wanted["default_child_prefix_length"] or {},
            "additional_announcable_cidrs": wanted["additional_announcable_cidrs"] or [],
        }
        if wanted["kind"] == CHILD:
            known.update(self._calls.predict_child(wanted))
            kind = "shared network" if wanted["shared"] else "network"
            step = Step(f"allocate the {kind} {wanted['name']}", lambda: self._calls.allocate(wanted), creates=True)
        else:
            self._calls.check_creation(wanted)
            known.update(
                id=wanted["id"],
                parent="",
                prefixes=wanted["prefixes"],
                destination_prefixes=wanted["destination_prefixes"] or [],
                nat=bool(wanted["nat"]),
                vrf=wanted["vrf"],
            )
            step = Step(f"create the {wanted['kind']} network {self.id}", lambda: self._calls.create(wanted))
        self._predicted = frozenset(known)
        return Plan(None, known, (step,))

    def _update(self, actual: Network, before: Mapping[str, Any]) -> Plan:
        wanted = {name: self._wanted[name] for name in _COMPARED}
        lengths = wanted["default_child_prefix_length"]
        if lengths is not None:
            wanted["default_child_prefix_length"] = {**actual.default_child_prefix_length, **lengths}
        changed = {**changes(before, wanted), **self._sharing(actual)}
        if not changed:
            return Plan(before, before)
        self._check_update(actual, changed)
        self._calls.check_update(actual, changed)
        after = {**before, **changed}
        written = dict(changed)
        removed: set[str] = set()
        if "additional_announcable_cidrs" in changed:
            removed = set(before["additional_announcable_cidrs"]) - set(changed["additional_announcable_cidrs"])
            spelled = {normal_prefixes([cidr])[0]: cidr for cidr in actual.announcable}
            # The API compares them as text.
            written["additional_announcable_cidrs"] = [
                spelled.get(cidr, cidr) for cidr in changed["additional_announcable_cidrs"]
            ]
        what = ", ".join(sorted(changed))
        step = Step(
            f"update {self.label}: {what}",
            lambda: self._calls.update(actual, written, force=bool(removed)),
        )
        warnings: tuple[str, ...] = ()
        if "shared" in changed:
            warnings = (
                f"Sharing {self.label} cannot be undone, and the metal-api v2 goes on showing it as not shared.",
            )
        return Plan(before, after, (step,), warnings)

    def _sharing(self, actual: Network) -> dict[str, bool]:
        """Return the change from not shared to shared, which is the only one that there is. Raises UsageError."""
        wanted = self._wanted["shared"]
        if wanted is None or wanted == actual.shared:
            return {}
        if not wanted:
            raise UsageError(
                f"shared is false, but {self.label} is shared, and a shared network stays shared: leave shared out, or "
                "allocate another network."
            )
        if actual.kind != CHILD:
            raise UsageError(
                f"shared is true, but {self.label} is of the kind {actual.kind}; only children are shared."
            )
        if not self._share_existing:
            raise UsageError(
                f"shared is true, but {self.label} exists and is not shared: allocate another one, or set "
                "share_existing to share this one, which needs the admin key and can never be undone."
            )
        return {"shared": True}

    def _check_fixed(self, actual: Network) -> None:
        now: dict[str, Any] = {name: getattr(actual, name) for name in _FIXED}
        fixed = [*_FIXED]
        if self._absent and self.id is not None:
            # Removing what is called otherwise than expected would be a guess.
            now["name"] = actual.name
            fixed.append("name")
        for option in fixed:
            if self._wanted[option] is not None and self._wanted[option] != now[option]:
                raise UsageError(_differs(option, self._wanted[option], self.label, now[option] or "none"))
        if self._absent:
            return
        for family, length in (self._wanted["prefix_length"] or {}).items():
            if actual.prefix_lengths.get(family) != length:
                is_now = actual.prefix_lengths.get(family, "no such prefix")
                raise UsageError(_differs("prefix_length", f"{length} for {family}", self.label, is_now))
        family = self._wanted["address_family"]
        if family is not None and actual.families != [family]:
            raise UsageError(_differs("address_family", family, self.label, " and ".join(actual.families)))

    def _check_update(self, actual: Network, changed: Mapping[str, Any]) -> None:
        if actual.kind == CHILD and "prefixes" in changed:
            raise UsageError(
                _differs("prefixes", ", ".join(changed["prefixes"]), self.label, ", ".join(actual.prefixes))
            )
        for option in ("prefixes", "destination_prefixes"):
            if option in changed and not changed[option]:
                raise UsageError(
                    f"{option} is empty, but {self.label} has {', '.join(getattr(actual, option))}, and the API takes "
                    "an empty list for no change: leave it out."
                )
        for option in ("default_child_prefix_length", "additional_announcable_cidrs"):
            if option in changed and actual.kind not in SUPERS:
                raise UsageError(
                    f"{option} is given, but {self.label} is of the kind {actual.kind}; only super networks have it."
                )
        if "nat" in changed and changed["nat"] and actual.kind in (SUPER, UNDERLAY):
            raise UsageError(f"nat is true, but {self.label} is of the kind {actual.kind}, which is never translated.")
        wanted = changed.get("additional_announcable_cidrs")
        lost = [] if wanted is None else sorted(set(normal_prefixes(actual.announcable)) - set(wanted))
        if lost and not self._force:
            raise UsageError(
                f"additional_announcable_cidrs lacks {', '.join(lost)}, which {self.label} has: add them, or set force "
                "to remove them, which cuts off those who use them."
            )

    def _remove(self, actual: Network) -> None:
        try:
            self._calls.remove(actual)
        except ValidationError as error:
            raise ValidationError(
                f"{error.message} A network can go only when no IP, no machine and no child network is left in it.",
                status=error.status,
                code=error.code,
                request=error.request,
            ) from None


def networks_of_api(calls: NetworkCalls) -> Finder[Network]:
    """Look networks up in the API."""
    return one_by_one(calls.get, calls.find, ("name", "project", "partition"), child_key)


def networks_of_list(snapshot: Snapshot[Network]) -> Finder[Network]:
    """Look networks up in a list."""
    return from_snapshot(snapshot, _id, child_key)


def child_key(network: Network) -> Key | None:
    """Return what a child network is known by besides its id; None for all others."""
    return (network.name, network.project, network.partition) if network.kind == CHILD else None


def _id(network: Network) -> str:
    return network.id


def _differs(option: str, wanted: object, label: str, now: object) -> str:
    return (
        f"{option} is {wanted}, but {label} has {now}, and that cannot be changed: another network is meant, or leave "
        f"{option} out."
    )
