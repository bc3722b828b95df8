# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts of the inventory have said of themselves. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .words import items, part


class Host:
    """One host: what the inventory says, and what was seen when it was reached."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        groups = set(data.get("groups") or ())
        self.name = name
        self.cache = "image_cache" in groups
        self.server = "storage_servers" in groups
        self.client = "storage_clients" in groups
        self.rack = str(data.get("rack") or "")
        self.machine = data.get("machine") or None
        self.server_name = str(data.get("server_name") or name)
        self.address = str(data.get("address") or "")
        self.storage_addresses = [str(one) for one in data.get("storage_addresses") or () if one]
        self.failure = str(data.get("failure") or "")
        self.reached = not self.failure
        #: ``image-cache-sync status``, haproxy's table, packages; and why they could not be had
        self.status = part(data.get("status"))
        self.traffic = str(data.get("traffic") or "")
        self.packages = dict(
            line.split(" ", 1) for line in str(data.get("packages") or "").splitlines() if " " in line.strip()
        )
        self.cache_failure = str(data.get("cache_failure") or "")
        self._facts = part(data.get("facts"))

    def _fact(self, name: str) -> Any:
        return self._facts.get(f"ansible_{name}", self._facts.get(name))

    @property
    def system(self) -> str:
        """Such as ``Debian 12.5, kernel 6.1.0``."""
        kernel = self._fact("kernel")
        words = [str(self._fact(one)) for one in ("distribution", "distribution_version") if self._fact(one)]
        return " ".join(words) + (f", kernel {kernel}" if kernel else "")

    def interface_of(self, addresses: Sequence[str]) -> tuple[str, str]:
        """Return interface and MTU of the first of these addresses that the host has; empty when none was seen."""
        for name in self._fact("interfaces") or ():
            one = part(self._fact(str(name).replace("-", "_").replace(".", "_")))
            families = [one.get("ipv4"), *(one.get("ipv4_secondaries") or ()), *(one.get("ipv6") or ())]
            if {entry.get("address") for entry in items(families)} & set(addresses):
                return str(one.get("device") or name), str(one.get("mtu") or "")
        return "", ""
