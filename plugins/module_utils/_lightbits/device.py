# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVMe devices of a cluster (``/nvmeDevices``), as they are. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import integer, text

if TYPE_CHECKING:
    from .client import Lightbits

ADDING, HEALTHY, FAILED = "Adding", "Healthy", "Failed"


@dataclass(frozen=True)
class Device:
    """A device. ``server`` is the UUID of where it is plugged in, ``node`` of what uses it, "" for nothing.

    ``size`` is in bytes; ``usage`` is Data, Journal, OS or UnManaged.
    """

    serial: str
    name: str
    model: str
    size: int
    server: str
    node: str
    state: str
    usage: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Device:
        """Read an object of the API. Raises ProtocolError."""
        try:
            return cls(
                serial=text(item, "serial"),
                name=text(item, "name"),
                model=text(item, "model"),
                size=integer(item.get("size")),
                server=text(item, "serverUUID"),
                node=text(item, "nodeUUID"),
                state=text(item, "state") or "None",
                usage=text(item, "deviceUsage") or "Unknown",
            )
        except ValueError as error:
            raise ProtocolError(f"A device of the Lightbits API cannot be understood: {error}.") from None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words, without the node, which has a name elsewhere."""
        return {
            "serial": self.serial,
            "name": self.name,
            "model": self.model,
            "size": self.size,
            "state": self.state,
            "usage": self.usage,
        }


def list_devices(api: Lightbits) -> list[Device]:
    """Return all devices, by serial number."""
    found = map(Device.from_api, api.get_list("/nvmeDevices", "NvmeDevices"))
    return sorted(found, key=lambda device: device.serial)
