# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Allocations of machines and firewalls as they should be.

The thing that exists or not is the allocation: a machine that nobody has does not exist for this. Private to the
collection metalstack.provisioning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._errors import NotFoundError, UsageError
from .._reconcile import Plan, Resource, Step
from .allocation_rules import Surroundings, broken_rules
from .image import exact_image, image_matches
from .machine import DEAD, FIREWALL, LOCKED, WAITING, Allocation, Machine
from .machine_calls import MachineCalls
from .machine_wish import (
    CHANGEABLE,
    FIXED,
    Wish,
    actual_value,
)
from .removal_step import removal_step

NEVER, ON_IMAGE_CHANGE, ALWAYS = "never", "on_image_change", "always"


class AllocationResource(Resource[Machine]):
    """The allocation of one machine or firewall; its plans show the options that the user gave.

    ``machine`` is the machine as it was read last, also when it is not allocated (any more). ``drift`` is what differs
    from the wish and cannot be changed: ``{option, is, wanted}``.
    """

    def __init__(self, calls: MachineCalls, wish: Wish, *, absent: bool = False, reinstall: str = NEVER) -> None:
        self._calls = calls
        self._wish = wish
        self._absent = absent
        self._reinstall = reinstall
        self._reinstalled = self._began_reinstall = False
        self._surroundings: Surroundings | None = None
        self._looked = False
        # Which allocation is to end: another one of the same machine or name is somebody else's.
        self._ending: str | None = None
        self.machine: Machine | None = None
        self.drift: list[dict[str, Any]] = []
        self.label = f"the {wish.role} {wish.name if wish.id is None else wish.id}"

    def read(self) -> Machine | None:
        """Return the machine if it is allocated; otherwise look at what an allocation needs."""
        machine = self._find()
        if machine is not None:
            self.machine = machine
        if machine is not None and machine.allocation is not None:
            return machine if self._is_meant(machine.allocation) else None
        if not self._absent and not self._looked:
            self._check_complete()
            self._surroundings = self._calls.surroundings(self._wish)
            self._looked = True
        return None

    def show(self, actual: Machine) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Machine | None) -> Plan:
        """Allocate, change, reinstall or free."""
        self.drift = []
        if actual is None or actual.allocation is None:
            return Plan(None, None) if self._absent else self._allocation()
        allocation = actual.allocation
        self._check_identity(actual, allocation)
        if self._absent:
            return self._release(actual, allocation)
        return self._change(actual, allocation)

    def _find(self) -> Machine | None:
        wish = self._wish
        if wish.id is not None:
            return self._calls.get(wish.id, wish.project)
        if wish.name is None or wish.project is None:
            raise UsageError("name and project are missing: a machine is found by both of them, or by its id.")
        named = self._calls.named(wish.name, wish.project, wish.partition)
        found = [machine for machine in named if machine.role == wish.role]
        if len(found) > 1:
            ids = ", ".join(sorted(machine.id for machine in found))
            raise UsageError(
                f"name is {wish.name}, but the project {wish.project} has {len(found)} {wish.role}s of that name "
                f"({ids}): say by id which one is meant."
            )
        return found[0] if found else None

    def _is_meant(self, allocation: Allocation) -> bool:
        if self._absent and self._ending is None:
            self._ending = allocation.uuid
        return not self._absent or allocation.uuid == self._ending

    def _check_identity(self, machine: Machine, allocation: Allocation) -> None:
        """Raise UsageError when the machine of an id is somebody else's."""
        wish = self._wish
        if allocation.role != wish.role:
            other = "metal_firewall" if allocation.role == FIREWALL else "metal_machine"
            raise UsageError(f"id is {machine.id}, which is a {allocation.role}: use {other}.")
        if wish.project not in (None, allocation.project):
            raise UsageError(
                f"id is {machine.id}, which belongs to the project {allocation.project} and not to {wish.project}."
            )
        if self._absent and wish.name not in (None, allocation.name):
            raise UsageError(
                f"id is {machine.id}, whose name is {allocation.name or 'empty'} and not {wish.name}: it is not freed, "
                "since the options do not agree on which one is meant."
            )

    def _check_complete(self) -> None:
        """Raise UsageError when something is missing that an allocation needs."""
        wish = self._wish
        if wish.id is not None and self.machine is None:
            hidden = " that the token may see" if self._calls.generation == "v2" else ""
            raise UsageError(f"id is {wish.id}, but there is no such machine{hidden}.")
        needed = ["project", "image", "networks"] + (["partition", "size"] if wish.id is None else [])
        if self._calls.generation == "v2":
            needed.append("name")
        for option in needed:
            if getattr(wish, option) is None:
                raise UsageError(f"{option} is missing: {self.label} is not allocated yet, and cannot be without it.")

    def _allocation(self) -> Plan:
        wish = self._of_candidate()
        if wish.project is None or wish.partition is None:
            raise UsageError(f"project or partition is missing: {self.label} cannot be allocated without them.")
        if self._surroundings is not None:
            broken = broken_rules(
                wish.networks or (),
                self._surroundings,
                role=wish.role,
                project=wish.project,
                partition=wish.partition,
                generation=self._calls.generation,
            )
            if broken:
                raise UsageError(" ".join(broken))
        given = self._wish.given((*FIXED, *CHANGEABLE))
        after = {"project": wish.project, **{_key(option): self._wish.value(option) for option in given}}
        sentence = f"allocate {self.label} in project {wish.project}"
        # Without an id, a second attempt would take a second machine.
        return Plan(None, after, (Step(sentence, lambda: self._allocate(wish), creates=wish.id is None),))

    def _of_candidate(self) -> Wish:
        """Return the wish with what follows from the machine that it names. Raises UsageError if it cannot be had."""
        wish, machine = self._wish, self.machine
        if wish.id is None or machine is None:
            return wish
        for option in ("partition", "size"):
            if getattr(wish, option) not in (None, getattr(machine, option)):
                raise UsageError(
                    f"{option} is {getattr(wish, option)}, but the machine {wish.id} is of the {option} "
                    f"{getattr(machine, option)}: leave it out, or name another machine."
                )
        if machine.state == LOCKED:
            raise UsageError(
                f"id is {wish.id}, which is locked ({machine.state_description}): it cannot be allocated until "
                "metal_machine_state makes it available."
            )
        if machine.last_event != WAITING or machine.liveliness == DEAD:
            raise UsageError(
                f"id is {wish.id}, which does not wait for an allocation ({machine.seen()}): it would not be installed."
            )
        return replace(wish, partition=machine.partition, size=machine.size)

    def _allocate(self, wish: Wish) -> None:
        try:
            self._calls.allocate(wish)
        except NotFoundError:
            # v1 says so as well after it has allocated a machine without an event container.
            machine = self._find()
            if machine is None or machine.allocation is None:
                raise

    def _release(self, machine: Machine, allocation: Allocation) -> Plan:
        if machine.state == LOCKED:
            raise UsageError(
                f"{self.label[:1].upper()}{self.label[1:]} is locked ({machine.state_description}) and cannot be freed "
                "until metal_machine_state makes it available or reserved."
            )
        before = {"id": machine.id, "project": allocation.project, "name": allocation.name}
        # v1 answers 404 as well when it has freed a machine and lacks its events for an answer
        step = removal_step(self._calls.generation, f"free {self.label}", lambda: self._calls.free(machine))
        return Plan(before, None, (step,))

    def _change(self, machine: Machine, allocation: Allocation) -> Plan:
        wish = self._wish
        given = wish.given((*FIXED, *CHANGEABLE))
        options = {option: actual_value(machine, allocation, wish, option) for option in given}
        image = self._image_to_install(machine, allocation)
        changed = self._changes(machine, options)
        changing = {*changed, *(["image"] if image is not None else [])}
        self.drift = [
            {"option": option, "is": options[option], "wanted": wish.value(option)}
            for option in given
            if option not in changing and self._differs(option, options[option])
        ]
        before = {"project": allocation.project, **{_key(option): options[option] for option in given}}
        after = {**before, **changed}
        steps = []
        if changed:
            what = ", ".join(sorted(changed))
            # for 404 as in _release
            update = Step(f"update {self.label}: {what}", lambda: self._calls.update(machine, changed), missing_ok=True)
            steps.append(update)
        if image is not None:
            before["reinstalled"] = False
            after.update({"reinstalled": True}, **({"image": wish.value("image")} if "image" in after else {}))
            steps.append(Step(f"reinstall {self.label} with {image}", lambda: self._install(machine, image)))
        elif self._reinstalled:
            before["reinstalled"] = after["reinstalled"] = True
        warnings = tuple(
            f"{one['option']} of {self.label} is {one['is']!r} and not {one['wanted']!r}, which cannot be changed "
            "while it is allocated."
            for one in self.drift
        )
        return Plan(before, after, tuple(steps), warnings)

    def _differs(self, option: str, value: Any) -> bool:
        wanted = self._wish.value(option)
        # others' tags may be there as well
        return not set(wanted) <= set(value) if option == "tags" else bool(value != wanted)

    def _changes(self, machine: Machine, options: dict[str, Any]) -> dict[str, Any]:
        """Return the new values of what can be changed and should be; the API cannot empty lists."""
        wish = self._wish
        changed: dict[str, Any] = {}
        if wish.description is not None and options["description"] != wish.description:
            changed["description"] = wish.description
        if wish.tags:
            tags = list(self._calls.merged_tags(machine.tags, wish.tags))
            if tags != options["tags"]:
                changed["tags"] = tags
        if wish.ssh_public_keys and options["ssh_public_keys"] != list(wish.ssh_public_keys):
            changed["ssh_public_keys"] = list(wish.ssh_public_keys)
        return changed

    def _image_to_install(self, machine: Machine, allocation: Allocation) -> str | None:
        """Return the image to reinstall the machine with, None if it stays as it is. Raises UsageError."""
        wanted = self._wish.image
        same = wanted is None or image_matches(wanted, allocation.image)
        if self._began_reinstall and same and (allocation.reinstalling or self._reinstall == ON_IMAGE_CHANGE):
            # It has worked, whatever the answer was.
            self._reinstalled = True
        if self._reinstall == NEVER or self._reinstalled:
            return None
        if same and (self._reinstall == ON_IMAGE_CHANGE or allocation.reinstalling):
            return None
        image = allocation.image if same or wanted is None else wanted
        if not exact_image(image):
            raise UsageError(
                f"image is {image}, but a reinstallation needs the exact id of an image, like {image}.20251010 "
                "(metal_image_info tells the newest)."
            )
        if machine.state == LOCKED:
            raise UsageError(
                f"reinstall is {self._reinstall}, but {self.label} is locked ({machine.state_description}): "
                "metal_machine_state makes it available."
            )
        return image

    def _install(self, machine: Machine, image: str) -> None:
        self._began_reinstall = True
        try:
            self._calls.reinstall(machine, image)
        except NotFoundError:
            again = self._find()
            if again is None or again.allocation is None or not again.allocation.reinstalling:
                raise
        self._reinstalled = True


def _key(option: str) -> str:
    return "user_data_sha256" if option == "user_data" else option
