# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Board management controllers (BMCs) of machines, as metal-bmc reported them to the metal-api v1.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._values import mapping, mappings, text, timestamp, write_timestamp

if TYPE_CHECKING:
    from datetime import datetime

FRU = (
    "chassis_part_number", "chassis_part_serial", "board_mfg", "board_mfg_serial", "board_part_number",
    "product_manufacturer", "product_part_number", "product_serial",
)  # fmt: skip
_METRICS = ("averageconsumedwatts", "intervalinmin", "maxconsumedwatts", "minconsumedwatts")


@dataclass(frozen=True)
class Bmc:
    """A BMC; ``address`` is host:port, ``power_state`` the word of the report, in upper case, like ON.

    ``power_supplies`` are (health, state). The API shows the password to everybody who may read machines.
    """

    address: str
    user: str
    mac: str
    interface: str
    version: str
    power_state: str
    power_metric: Mapping[str, float]
    power_supplies: tuple[tuple[str, str], ...]
    last_updated: datetime | None
    fru: Mapping[str, str]
    password: str = field(repr=False)

    def as_dict(self, *, password: bool = False) -> dict[str, Any]:
        """Return it as users see it, with the password only if they ask for it."""
        shown = {
            "address": self.address,
            "user": self.user,
            "mac": self.mac,
            "interface": self.interface,
            "version": self.version,
            "power_state": self.power_state,
            "power_metric": dict(self.power_metric) or None,
            "power_supplies": [{"health": health, "state": state} for health, state in self.power_supplies],
            "last_updated": None if self.last_updated is None else write_timestamp(self.last_updated),
            "fru": dict(self.fru),
        }
        return {**shown, "password": self.password} if password else shown


def bmc_from_v1(machine: Mapping[str, Any]) -> Bmc:
    """Return the BMC of a machine of ``/v1/machine/ipmi/find``. Raises ValueError with half a sentence."""
    item = mapping(machine, "ipmi")
    metric, fru = mapping(item, "powermetric"), mapping(item, "fru")
    supplies = (mapping(supply, "status") for supply in mappings(item, "powersupplies"))
    return Bmc(
        address=text(item, "address"),
        user=text(item, "user"),
        mac=text(item, "mac"),
        interface=text(item, "interface"),
        version=text(item, "bmcversion"),
        power_state=text(item, "powerstate").upper(),
        power_metric={key: metric[key] for key in _METRICS if isinstance(metric.get(key), (int, float))},
        power_supplies=tuple((text(status, "health"), text(status, "state")) for status in supplies),
        last_updated=timestamp(item.get("last_updated")),
        fru={key: text(fru, key) for key in FRU},
        password=text(item, "password"),
    )
