# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health and space of a cluster (``/cluster``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import integer, mapping, text

if TYPE_CHECKING:
    from .client import Lightbits

# The collection's word -> the API's, in bytes.
_CAPACITY = {
    "installed": "installedPhysicalStorage",
    "physical": "effectivePhysicalStorage",
    "physical_free": "freePhysicalStorage",
    "allocated": "logicalStorage",
    "logical": "estimatedLogicalStorage",
    "logical_free": "estimatedFreeLogicalStorage",
    "logical_used": "logicalUsedStorage",
}
# Counters of volumes, and what they count, in words.
_WEAK = {
    "numDegradedVolumes": "degraded",
    "numReadOnlyVolumes": "read-only",
    "numNotAvailableVolumes": "not available",
}


# Of a server; of the cluster only the first.
_RUNNING = ("Upgrading", "Rebooting", "Recovering")


@dataclass(frozen=True)
class Upgrade:
    """The last upgrade of something, or the one that goes on. ``started`` tells it from an earlier one."""

    status: str
    target: str
    started: str
    step: int
    steps: int
    error: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Upgrade:
        """Read ``lastUpgrade`` or ``LastUpgrade``. Raises ValueError."""
        return cls(
            status=text(item, "Status") or "None",
            target=text(item, "TargetVersion"),
            started=text(item, "StartTime"),
            step=integer(item.get("ProgressStep")),
            steps=integer(item.get("ProgressTotal")),
            error=text(item, "ErrorMessage"),
        )

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status in _RUNNING

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        return f"{self.status} (step {self.step} of {self.steps})" if self.steps else self.status

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "status": self.status,
            "target_version": self.target,
            "step": self.step,
            "steps": self.steps,
            "error": self.error,
        }


@dataclass(frozen=True)
class Condition:
    """What only roles of the whole cluster may read. ``state`` is the cluster's word for its health, sizes are bytes.

    ``weak`` are the numbers of volumes that are not fully protected, by what they are in words.
    """

    state: str
    weak: Mapping[str, int]
    capacity: Mapping[str, Any]
    upgrade: Upgrade
    min_version: str
    min_allowed_version: str
    max_allowed_version: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Condition:
        """Read the answer of the API. Raises ProtocolError."""
        try:
            health, statistics = mapping(item, "health"), mapping(item, "statistics")
            sizes: dict[str, Any] = {word: integer(statistics.get(field)) for word, field in _CAPACITY.items()}
            counts = {word: integer(health.get(field)) for field, word in _WEAK.items()}
            ratio = statistics.get("compressionRatio")
            return cls(
                state=text(health, "state") or "None",
                weak={word: count for word, count in counts.items() if count},
                capacity={**sizes, "compression_ratio": ratio if isinstance(ratio, (int, float)) else 0},
                upgrade=Upgrade.from_api(mapping(item, "lastUpgrade")),
                min_version=text(item, "MinVersionInCluster"),
                min_allowed_version=text(item, "MinAllowedVersion"),
                max_allowed_version=text(item, "MaxAllowedVersion"),
            )
        except ValueError as error:
            raise ProtocolError(f"The cluster of the Lightbits API cannot be understood: {error}.") from None

    def weak_volumes(self) -> list[str]:
        """Return what the counters of volumes say, in words."""
        return [
            f"{count} volume is {word}" if count == 1 else f"{count} volumes are {word}"
            for word, count in self.weak.items()
        ]

    def versions(self) -> dict[str, str]:
        """Return which versions it runs and takes, in the collection's words."""
        return {
            "lowest": self.min_version,
            "lowest_allowed": self.min_allowed_version,
            "highest_allowed": self.max_allowed_version,
        }


def get_condition(api: Lightbits) -> Condition:
    """Return the condition (``GET /cluster``)."""
    return Condition.from_api(api.get("/cluster"))
