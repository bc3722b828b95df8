# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Features of a cluster that can be switched (``/featureFlags``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step
from .._values import mappings
from .client import segment
from .failures import UnsupportedError
from .messages import NOTHING

if TYPE_CHECKING:
    from .client import Lightbits


def read_flags(api: Lightbits) -> dict[str, bool]:
    """Return whether each feature is on, by name (``GET /featureFlags``); the API leaves out what is false."""
    found = api.get("/featureFlags").get("featureFlags") or {}
    if not isinstance(found, Mapping):
        raise ProtocolError("The feature flags of the Lightbits API are not an object.")
    try:
        # as a list, whose entries are checked
        flags = mappings({"flags": list(found.values())}, "flags")
    except ValueError:
        raise ProtocolError("A feature flag of the Lightbits API is not an object.") from None
    return {name: flag.get("enabled") is True for name, flag in sorted(zip(found, flags))}


class FeatureFlagResource(Resource["dict[str, bool]"]):
    """The flag with a name. ``wanted`` has the options of lightbits_feature_flag."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._name: str = wanted["name"]
        self._enabled: bool = wanted["state"] == "enabled"
        self.label = f"the feature {self._name}"

    def read(self) -> dict[str, bool]:
        """Return all flags, so that a wrong name can be told from a right one."""
        return read_flags(self._api)

    def show(self, actual: dict[str, bool]) -> dict[str, Any]:
        """Return this one."""
        return self._shown(actual[self._name])

    def plan(self, actual: dict[str, bool] | None) -> Plan:
        """Enable or disable it. Raises UsageError when the cluster does not know it."""
        flags = actual or {}
        if self._name not in flags:
            raise UsageError(
                f"name is {self._name!r}, but the cluster has no such feature; it has: {', '.join(flags) or 'none'}."
            )
        before, after = self._shown(flags[self._name]), self._shown(self._enabled)
        if before == after:
            return Plan(before, after)
        return Plan(before, after, (Step(f"{self._verb} {self.label}", self._switch),))

    def _shown(self, enabled: bool) -> dict[str, Any]:
        return {"name": self._name, "state": "enabled" if enabled else "disabled"}

    @property
    def _verb(self) -> str:
        return "enable" if self._enabled else "disable"

    def _switch(self) -> None:
        try:
            self._api.post(f"/featureFlags/{segment(self._name)}/{self._verb}", NOTHING, {}, repeatable=True)
        except UnsupportedError as error:
            raise UnsupportedError(
                f"{self.label[0].upper()}{self.label[1:]} cannot be {self._verb}d with this version of LightOS: "
                f"{error.message}",
                status=error.status,
                code=error.code,
                request=error.request,
                unclear=error.unclear,
            ) from None
