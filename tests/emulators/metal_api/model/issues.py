# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with machines, by the API's own rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import times
from .life import IS_ALIVE, IS_DEAD, IS_UNKNOWN, PHONED_HOME, WAITING, Events, LifeClock, Phase
from .machine import Machine

MINOR, MAJOR, CRITICAL = "minor", "major", "critical"
SEVERITIES = (MINOR, MAJOR, CRITICAL)
DEFAULT_ERROR_THRESHOLD = timedelta(days=7)
BMC_OUTDATED = timedelta(minutes=20)
NO_CONTAINER = "no-event-container"


@dataclass(frozen=True)
class Look:
    """A machine as it is at present, among all those that are looked at."""

    machine: Machine
    phase: Phase
    events: Events
    now: datetime
    threshold: timedelta
    addresses: Counter[str]
    asns: Counter[int]


@dataclass(frozen=True)
class Issue:
    """A kind of issue; ``test`` says whether a machine has it."""

    id: str
    severity: str
    description: str
    test: Callable[[Look], bool]

    @property
    def reference(self) -> str:
        """Where the documentation explains it."""
        return f"https://docs.metal-stack.io/stable/installation/troubleshoot/#{self.id}"


def _failed_reclaim(look: Look) -> bool:
    return look.events.failed_reclaim or (look.machine.allocation is None and look.events.newest == PHONED_HOME)


def _recent_error(look: Look) -> bool:
    error = look.events.last_error
    return error is not None and look.now - error.time < look.threshold


def _outdated(look: Look) -> bool:
    updated = look.machine.ipmi.get("last_updated")
    # Without a given time metal-bmc reports all the time, if there is a BMC at all.
    return look.now - times.parse(updated) > BMC_OUTDATED if updated else not look.machine.ipmi


def _shared_asn(look: Look) -> bool:
    return any(look.asns[asn] > 1 for asn in _asns(look.machine))


ISSUES = (
    Issue("no-partition", MAJOR, "machine with no partition", lambda look: not look.machine.partition),
    Issue(
        "liveliness-dead",
        MAJOR,
        "the machine is not sending events anymore",
        lambda look: look.phase.liveliness == IS_DEAD,
    ),
    Issue(
        "liveliness-unknown",
        MAJOR,
        "the machine is not sending LLDP alive messages anymore",
        lambda look: look.phase.liveliness == IS_UNKNOWN,
    ),
    Issue(
        "liveliness-not-available",
        MINOR,
        "the machine liveliness is not available",
        lambda look: look.phase.liveliness not in (IS_ALIVE, IS_DEAD, IS_UNKNOWN),
    ),
    Issue("failed-machine-reclaim", CRITICAL, "machine phones home but not allocated", _failed_reclaim),
    Issue(
        "crashloop",
        MAJOR,
        "machine is in a provisioning crash loop (⭕)",
        lambda look: look.events.crash_loop and look.events.newest != WAITING,
    ),
    Issue("last-event-error", MINOR, "the machine had an error during the provisioning lifecycle", _recent_error),
    Issue("bmc-without-mac", MAJOR, "BMC has no mac address", lambda look: not look.machine.ipmi.get("mac")),
    Issue("bmc-without-ip", MAJOR, "BMC has no ip address", lambda look: not look.machine.ipmi.get("address")),
    Issue("bmc-info-outdated", MAJOR, "BMC has not been updated from either metal-hammer or metal-bmc", _outdated),
    Issue("asn-not-unique", MINOR, "The ASN is not unique (only impact on firewalls)", _shared_asn),
    Issue(
        "bmc-no-distinct-ip",
        MAJOR,
        "BMC IP address is not distinct",
        lambda look: look.addresses[look.machine.ipmi.get("address", "")] > 1,
    ),
    Issue(NO_CONTAINER, MAJOR, "machine has no event container", lambda look: not look.machine.life.container),
)
BY_ID = {issue.id: issue for issue in ISSUES}


def find(
    machines: Iterable[Machine],
    clock: LifeClock,
    now: datetime,
    *,
    severity: str = MINOR,
    only: Container[str] = (),
    omit: Container[str] = (),
    threshold: timedelta = DEFAULT_ERROR_THRESHOLD,
) -> dict[str, list[Issue]]:
    """The issues of the machines that have any, by id in ascending order. Without an event container that is the only.

    ``omit`` wins over ``only``; an empty ``only`` is all.
    """
    listed = sorted(machines, key=lambda machine: machine.id)
    addresses = Counter(machine.ipmi["address"] for machine in listed if machine.ipmi.get("address"))
    asns = Counter(asn for machine in listed for asn in _asns(machine))
    least = SEVERITIES.index(severity)
    wanted = [
        issue
        for issue in ISSUES
        if SEVERITIES.index(issue.severity) >= least and issue.id not in omit and (not only or issue.id in only)
    ]
    found: dict[str, list[Issue]] = {}
    for machine in listed:
        phase = machine.phase(clock)
        look = Look(machine, phase, machine.life.events(phase.passed, clock), now, threshold, addresses, asns)
        has = [issue for issue in wanted if (machine.life.container or issue.id == NO_CONTAINER) and issue.test(look)]
        if has:
            found[machine.id] = has
    return found


def _asns(machine: Machine) -> set[int]:
    """The ASNs of a firewall; machines may share them."""
    if machine.allocation is None or not machine.is_firewall:
        return set()
    return {network.asn for network in machine.allocation.networks if network.asn}
