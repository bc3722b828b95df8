# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses as they should be. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._bulk import Snapshot
from .._errors import UsageError
from .._reconcile import Plan, Resource, Step, changes
from .addresses import family_of, wanted_address
from .finder import Finder, Key, from_snapshot, one_by_one
from .ip import IP, MACHINE_TAG, is_system_tag
from .ip_calls import IpCalls
from .removal_step import removal_step

_COMPARED = ("name", "description", "type")
_FIXED = ("network", "project", "address_family")


class IpResource(Resource[IP]):
    """One address. ``wanted`` are the options of metal_ip: either ``ip``, or ``name``, ``network`` and ``project``."""

    def __init__(self, calls: IpCalls, wanted: Mapping[str, Any], finder: Finder[IP]) -> None:
        self._calls = calls
        self._finder = finder
        self._absent = wanted.get("state") == "absent"
        self._purge_tags = bool(wanted.get("purge_tags"))
        self._wanted = _normal(calls, wanted)
        # Keys of a creation: what the API itself decides is not known beforehand, and is no part of the diff.
        self._predicted: frozenset[str] | None = None
        # Which allocation is to end: another one of the same address is somebody else's.
        self._ending: str | None = None
        self.address: str | None = self._wanted["ip"]
        self.label = f"the IP {self.address or self._wanted['name']}"

    @property
    def key(self) -> str:
        """What tells it from others in one task."""
        return self.address or "{name} in the network {network} of the project {project}".format(**self._wanted)

    def read(self) -> IP | None:
        """Return the address; UsageError when several have the name."""
        actual = self._find()
        if actual is None or not self._absent:
            return actual
        self._ending = actual.allocation_uuid if self._ending is None else self._ending
        return actual if actual.allocation_uuid == self._ending else None

    def _find(self) -> IP | None:
        if self.address is not None:
            return self._finder.by_id(self.address, self._wanted["project"])
        wanted = self._wanted
        found = self._finder.by_key((wanted["name"], wanted["network"], wanted["project"]))
        if len(found) > 1:
            listed = ", ".join(sorted(ip.ip for ip in found))
            raise UsageError(
                f"name is {wanted['name']}, but several IPs of the project in the network {wanted['network']} are "
                f"called so: {listed}. Say with ip which one is meant."
            )
        return found[0] if found else None

    def show(self, actual: IP) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: IP | None) -> Plan:
        """Allocate, update or free."""
        if actual is None:
            return Plan(None, None) if self._absent else self._allocation()
        self._check_fixed(actual)
        before = {
            name: value
            for name, value in actual.as_dict().items()
            if self._predicted is None or name in self._predicted
        }
        if self._absent:
            self._check_free(actual)
            step = removal_step(self._calls.generation, f"free the IP {actual.ip}", lambda: self._calls.free(actual))
            return Plan(before, None, (step,))
        return self._update(actual, before)

    def _allocation(self) -> Plan:
        wanted = self._wanted
        for option in ("network", "project"):
            if not wanted[option]:
                raise UsageError(f"{option} is missing: {self.label} is not allocated yet, and cannot be without it.")
        known = {
            "name": "",
            "description": "",
            "type": "ephemeral",
            "tags": [],
            **{name: value for name, value in wanted.items() if value is not None},
        }
        known["tags"] = list(known["tags"])
        _check_machine_tags(known["tags"], ())
        self._predicted = frozenset(known)
        where = f"in the network {wanted['network']}"
        step = Step(
            f"allocate {self.label} {where}",
            lambda: self._calls.allocate(wanted),
            # A given address can be taken only once.
            creates=self.address is None,
        )
        return Plan(None, known, (step,))

    def _update(self, actual: IP, before: Mapping[str, Any]) -> Plan:
        wanted = self._wanted
        if wanted["type"] == "ephemeral" and actual.type == "static":
            raise UsageError(
                f"type is ephemeral, but the IP {actual.ip} is static, which the API never takes back: leave type out, "
                "or free it and allocate it again."
            )
        changed = changes(before, {name: wanted[name] for name in _COMPARED})
        after = {**before, **changed}
        tags = self._tags(actual)
        _check_machine_tags(tags, actual.tags)
        retag = tags != actual.tags
        if retag:
            after["tags"] = list(tags)
        if not changed and not retag:
            return Plan(before, before)
        what = ", ".join(sorted([*changed, *(["tags"] if retag else [])]))
        step = Step(
            f"update the IP {actual.ip}: {what}",
            lambda: self._calls.update(actual, changed, self._tags if retag else None),
        )
        return Plan(before, after, (step,))

    def _tags(self, actual: IP) -> tuple[str, ...]:
        """Return its tags as they should be: what metal-stack set stays, whatever the user wants."""
        wanted = self._wanted["tags"]
        if wanted is None:
            return actual.tags
        kept = actual.tags
        if self._purge_tags:
            kept = tuple(tag for tag in kept if is_system_tag(tag))
        return self._calls.merged_tags(kept, wanted)

    def _check_fixed(self, actual: IP) -> None:
        now = actual.as_dict()
        if self._absent and self._wanted["name"] not in (None, actual.name):
            # Freeing what is called otherwise than expected would be a guess.
            raise UsageError(
                f"name is {self._wanted['name']}, but the IP {actual.ip} is called {actual.name or 'nothing'}: it is "
                "not freed, since the options do not agree on which one is meant."
            )
        for option in _FIXED:
            value = self._wanted[option]
            if value is not None and value != now[option]:
                raise UsageError(
                    f"{option} is {value}, but the IP {actual.ip} has {now[option]}, and that cannot be changed: "
                    "another IP is meant, or it has to be freed first."
                )

    def _check_free(self, actual: IP) -> None:
        if actual.machine_scoped:
            machines = ", ".join(actual.machines) or "that is named in its tags"
            raise UsageError(
                f"state is absent, but the IP {actual.ip} is held by the machine {machines}: free the machine first; "
                "an ephemeral IP goes with it."
            )


def ips_of_api(calls: IpCalls) -> Finder[IP]:
    """Look addresses up in the API."""
    return one_by_one(calls.get, calls.find, ("name", "network", "project"), name_key)


def ips_of_list(snapshot: Snapshot[IP]) -> Finder[IP]:
    """Look addresses up in a list."""
    return from_snapshot(snapshot, _address, name_key)


def name_key(ip: IP) -> Key:
    """Return what an address without a number is known by."""
    return ip.name, ip.network, ip.project


def _address(ip: IP) -> str:
    return ip.ip


def _normal(calls: IpCalls, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as :meth:`IP.as_dict` has them, tags as a tuple. Raises UsageError."""
    values = {name: wanted.get(name) for name in ("ip", *_COMPARED, *_FIXED, "tags")}
    if values["ip"] is not None:
        values["ip"] = wanted_address("ip", values["ip"])
        family = family_of(values["ip"])
        if values["address_family"] not in (None, family):
            raise UsageError(
                f"address_family is {values['address_family']}, but ip is {values['ip']}, which is {family}: leave "
                "address_family out where ip is given."
            )
        values["address_family"] = family
    else:
        missing = [option for option in ("name", "network", "project") if not values[option]]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: an IP is known by ip, or by "
                "name, network and project together."
            )
    if values["tags"] is not None:
        values["tags"] = calls.normal_tags(values["tags"])
    return values


def _check_machine_tags(wanted: Sequence[str], present: Sequence[str]) -> None:
    added = [tag for tag in wanted if tag.startswith(MACHINE_TAG) and tag not in present]
    if added:
        raise UsageError(
            f"tags has {added[0]}, which would give the IP to a machine: name the IP when the machine is allocated."
        )
