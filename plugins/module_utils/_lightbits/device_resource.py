# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVMe devices that should be attached to a node, and their lights. Private to the collection metalstack.provisioning.

The API attaches a device once, and never takes it off again. It does not tell what a light shows, so a light is set in
every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .client import segment
from .device import ADDING, FAILED, HEALTHY, Device, list_devices
from .gate import listed
from .messages import ADD_DEVICE, LIGHT_DEVICE
from .server import Node, list_nodes

if TYPE_CHECKING:
    from .client import Lightbits

# Devices that LightOS or the server itself needs for something else.
_TAKEN = ("Journal", "OS")


@dataclass(frozen=True)
class Found:
    """The device, the node that it is for (None when only its light is wanted), and all nodes."""

    device: Device
    target: Node | None
    nodes: tuple[Node, ...]

    @property
    def owner(self) -> str | None:
        """The name of the node that has it, None when none has it."""
        owners = [node.name for node in self.nodes if node.uuid == self.device.node]
        return owners[0] if owners else self.device.node or None


class DeviceResource(Resource[Found]):
    """The device with a serial number. ``wanted`` has the options of lightbits_nvme_device."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._serial: str = wanted["serial"]
        self._node: str | None = wanted.get("node")
        self._led: str | None = wanted.get("led")
        self._waiting = waiting
        self._added = self._lit = False
        self.label = f"the device {self._serial}"

    def read(self) -> Found:
        """Return the device, and wait until it is attached if there is something to wait with."""
        found = self._read()
        if self._waiting is None or self._node is None:
            return found
        if not self._arrived(found):
            found = self._waiting.until(
                self._read,
                self._arrived,
                what=f"{self.label} to be attached",
                seen=lambda one: f"{one.device.state}, attached to {one.owner or 'no node'}",
                hopeless=lambda one: "the device has failed" if one.device.state == FAILED else None,
            )
        return found

    def _read(self) -> Found:
        devices, nodes = list_devices(self._api), list_nodes(self._api)
        device = next((one for one in devices if one.serial == self._serial), None)
        if device is None:
            spare = [one.serial for one in devices if not one.node and one.usage not in _TAKEN]
            raise UsageError(
                f"serial is {self._serial!r}, but the cluster has no such device; those that are attached to no node: "
                f"{listed(spare) if spare else 'none'}."
            )
        target = next((node for node in nodes if node.name == self._node), None)
        if self._node is not None and target is None:
            names = ", ".join(node.name for node in nodes)
            raise UsageError(f"node is {self._node!r}, but the cluster has no such node; it has: {names or 'none'}.")
        return Found(device, target, tuple(nodes))

    def _arrived(self, found: Found) -> bool:
        """Whether there is nothing to wait for; what this task has added has to get well."""
        device = found.device
        if self._added and found.target is not None:
            return device.node == found.target.uuid and device.state == HEALTHY
        return device.state != ADDING

    def show(self, actual: Found) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {**actual.device.as_dict(), "node": actual.owner, **({"led": self._led} if self._lit else {})}

    def plan(self, actual: Found | None) -> Plan:
        """Attach it, then set its light."""
        if actual is None:
            raise TypeError("a device that does not exist is refused by read")
        before: dict[str, Any] = {"serial": self._serial, "node": actual.owner}
        after = dict(before)
        steps: list[Step] = []
        warnings: tuple[str, ...] = ()
        if actual.target is not None:
            after["node"] = actual.target.name
            if actual.device.node == actual.target.uuid:
                warnings = self._doubts(actual)
            elif not self._added:
                self._check(actual.device, actual.target, actual)
                target = actual.target
                steps.append(Step(f"attach {self.label} to {target.name}", lambda: self._add(target)))
        if self._led is not None:
            after["led"] = self._led
            if not self._lit:
                server = actual.device.server
                steps.append(Step(f"set the light of {self.label} to {self._led}", lambda: self._light(server)))
        return Plan(before, after, tuple(steps), warnings)

    def _doubts(self, actual: Found) -> tuple[str, ...]:
        if actual.device.state in (HEALTHY, ADDING):
            return ()
        return (f"The device {self._serial} is attached to {actual.owner}, but in the state {actual.device.state}.",)

    def _check(self, device: Device, target: Node, actual: Found) -> None:
        """Raise UsageError when the device cannot be attached to the node."""
        reason = ""
        if device.node:
            reason = f"{self.label} is attached to {actual.owner}, from which the API cannot take it"
        elif device.state == ADDING:
            reason = f"{self.label} is just being attached to a node by somebody else: look again when that is done"
        elif device.server != target.server:
            neighbours = [node.name for node in actual.nodes if node.server == device.server]
            reason = f"{self.label} is in another server, {_server_of(neighbours)}"
        elif device.usage in _TAKEN:
            reason = f"{self.label} is in use for something else ({device.usage})"
        elif target.state != "Active":
            reason = f"the node is in the state {target.state}, and only an active one takes devices"
        elif target.max_devices and target.devices >= target.max_devices:
            reason = f"the node is full: it has {target.devices} devices, of at most {target.max_devices}"
        if reason:
            raise UsageError(f"node is {target.name}, but {reason}.")

    def _add(self, target: Node) -> None:
        """Sent once: the API refuses a second one in the words for a device that somebody else has taken."""
        values = {"serialNumber": self._serial, "nodeUUID": target.uuid}
        self._api.post("/nvmeDevices", ADD_DEVICE, values)
        self._added = True

    def _light(self, server: str) -> None:
        values = {"serialNumber": self._serial, "serverUUID": server, "ledPattern": self._led}
        self._api.post(f"/nvmeDevices/{segment(self._serial)}", LIGHT_DEVICE, values, repeatable=True)
        self._lit = True


def _server_of(nodes: list[str]) -> str:
    return f"that of {' and '.join(nodes)}" if nodes else "which has no node"
