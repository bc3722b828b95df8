# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a cluster (``/clusterConfig``). Private to the collection metalstack.provisioning.

The API keeps all of them as text. What a text means depends on the parameter: ``1h`` and ``60m`` are the same time, but
not the same name of a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, Union

from .._durations import DurationError, parse_duration
from .._errors import ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step, changes
from .._units import shown
from .._values import text
from .client import segment
from .messages import UPDATE_CLUSTER_CONFIG

if TYPE_CHECKING:
    from .client import Lightbits

Value = Union[bool, int, str]

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _truth(value: object, option: str) -> bool:
    found = value if isinstance(value, bool) else _TRUTHS.get(str(value).strip().lower())
    if found is None:
        raise UsageError(f"{option} is {shown(value)}, but the parameter is either true or false.")
    return found


def _number(value: object, option: str) -> int:
    written = "" if isinstance(value, bool) else str(value).strip()
    if not (written.isascii() and written.isdigit() and len(written) <= 18):
        raise UsageError(f"{option} is {shown(value)}, but the parameter is a whole number that is not negative.")
    return int(written)


def _time(value: object, option: str) -> str:
    """Return a time in the units of the API, which knows no days: ``36h``, ``1h30m``, ``0s``."""
    try:
        seconds = parse_duration(value, option)
    except DurationError as error:
        raise UsageError(str(error)) from None
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _word(value: object, _option: str) -> str:
    return _as_text(value).strip()


def _any(value: object, option: str) -> str:
    """Return a value of a parameter that came with a later version: a time if it looks like one, otherwise text."""
    try:
        return _time(value, option) if isinstance(value, str) and not value.strip().isdigit() else _word(value, option)
    except UsageError:
        return _word(value, option)


_KINDS: Mapping[str, Callable[[object, str], Value]] = {
    "AllowedNumRevives": _number,
    "ClockDriftIntervalForRaisingEvent": _time,
    "ClusterName": _word,
    "DefaultQoSName": _word,
    "DeviceHealthIntervalForRaisingEvent": _time,
    "DisableVolumeStatisticsExport": _truth,
    "DurationToTurnIntoPermanentFailure": _time,
    "EnableTrim": _truth,
    "EvictionNoProgressTimeout": _time,
    "RevivesWindowDuration": _time,
    "VolumeDeletionFromNodeDelay": _time,
}


def wanted_value(name: str, value: object) -> Value:
    """Return what a user means by a value: a time as ``1h30m``, a truth, a number or text. Raises UsageError."""
    option = f"parameters.{name}"
    if value is None or isinstance(value, (dict, list)):
        raise UsageError(f"{option} is {shown(value)}; give a text, a number, true or false, or leave it out.")
    return _KINDS.get(name, _any)(value, option)


def actual_value(name: str, value: str) -> Value:
    """Return what a value of the API means; as it is when it means nothing that we know."""
    try:
        return _KINDS.get(name, _any)(value, name)
    except UsageError:
        return value


def read_config(api: Lightbits) -> dict[str, Value]:
    """Return all parameters, by name (``GET /clusterConfig``)."""
    try:
        listed = [(text(item, "name"), text(item, "value")) for item in api.get_list("/clusterConfig", "values")]
    except ValueError as error:
        raise ProtocolError(f"A parameter of the Lightbits API cannot be understood: {error}.") from None
    return {name: actual_value(name, value) for name, value in sorted(listed)}


class ConfigResource(Resource["dict[str, Value]"]):
    """The parameters of a cluster. ``wanted`` has the options of lightbits_cluster_config."""

    label = "the configuration of the cluster"

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._wanted = {str(name): wanted_value(str(name), value) for name, value in wanted["parameters"].items()}

    def read(self) -> dict[str, Value]:
        """Return all parameters, also those that nobody asked for."""
        return read_config(self._api)

    def show(self, actual: dict[str, Value]) -> dict[str, Any]:
        """Return them as they are."""
        return dict(actual)

    def plan(self, actual: dict[str, Value] | None) -> Plan:
        """Set what differs, one after the other. Raises UsageError for what the cluster does not know."""
        before = actual or {}
        unknown = sorted(set(self._wanted) - set(before))
        if unknown:
            raise UsageError(
                f"parameters has {', '.join(unknown)}, which the cluster does not know; it has: "
                f"{', '.join(before) or 'none'}."
            )
        changed = changes(before, self._wanted)
        for name, value in changed.items():
            if value == "":
                raise UsageError(f"parameters.{name} is empty, but the API cannot tell an empty value from none.")
        return Plan(before, {**before, **changed}, tuple(self._step(name, value) for name, value in changed.items()))

    def _step(self, name: str, value: Value) -> Step:
        values = {"configParam": {"name": name, "value": _as_text(value)}}
        path = f"/clusterConfig/{segment(name)}"
        sentence = f"set {name} to {_as_text(value)}"
        return Step(sentence, lambda: self._api.put(path, UPDATE_CLUSTER_CONFIG, values))


def _as_text(value: object) -> str:
    """Return a value as the API writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
