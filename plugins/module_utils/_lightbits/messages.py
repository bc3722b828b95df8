# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that write, in the API's own spelling: the only place where their fields are named.

The server silently ignores a field that it does not know, so ``forceDisable`` instead of ``ForceDisable`` would be
another operation. Names and types are those of the service ``lightbits.api.duros.v2.DurosAPI``; REST is that service
behind a gateway, which writes 64-bit numbers as text, bytes as base64 and durations as ``3600s``.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Callable, Union

Kind = Union[Callable[[Any], Any], "Message", "Repeated"]


class Message(dict[str, Kind]):
    """The fields of a message, and what writes each of them."""


class Repeated:
    """A list of values of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is not text")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} is not a number")
    return value


def _number64(value: Any) -> str:
    return str(_number(value))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} is not true or false")
    return value


def _bytes(value: Any) -> str:
    return base64.b64encode(bytes(value)).decode("ascii")


def _seconds(value: Any) -> str:
    return f"{_number(value)}s"


_LABEL = Message(key=_text, value=_text)
_LIST = Message(values=Repeated(_text))
_DEFAULT_POLICY = Message(policyType=_text, policyUUID=_text)
_QOS = Message(
    projectsNamesScope=Repeated(_text),
    policyVisibility=_text,
    limitIOPS=Message(writeIOPSLimit=_number, readIOPSLimit=_number),
    limitBw=Message(writeBWLimit=_number, readBWLimit=_number),
    limitIOPSPerGB=Message(writeIOPSPerGBLimit=_number, readIOPSPerGBLimit=_number),
)
_SCHEDULE = Message(
    snapshotSchedulePolicy=Message(
        hourlySchedule=Message(startTime=_text, hoursInCycle=_number),
        dailySchedule=Message(startTime=_text, daysInCycle=_number),
        weeklySchedule=Message(daysOfWeek=Repeated(Message(startTime=_text, day=_text))),
    ),
    retentionTime=_seconds,
)
_PROXY = Message(URL=_text, Username=_text, Password=_text)

NOTHING = Message()
CREATE_PROJECT = Message(name=_text, description=_text, defaultPolicies=Repeated(_DEFAULT_POLICY))
UPDATE_PROJECT = Message(projectName=_text, defaultPolicies=Repeated(_DEFAULT_POLICY))
CREATE_CREDENTIAL = Message(projectName=_text, ID=_text, type=_text, payload=_bytes)
CREATE_VOLUME = Message(
    name=_text,
    size=_number64,
    acl=_LIST,
    replicaCount=_number,
    projectName=_text,
    compression=_text,
    IPAcl=_LIST,
    sectorSize=_text,
    sourceSnapshotUUID=_text,
    sourceSnapshotName=_text,
    qosPolicyUUID=_text,
    qosPolicyName=_text,
    labels=Repeated(_LABEL),
)
UPDATE_VOLUME = Message(
    UUID=_text,
    projectName=_text,
    acl=_LIST,
    IPAcl=_LIST,
    size=_number64,
    Force=_flag,
    compression=_text,
    qosPolicyUUID=_text,
    qosPolicyName=_text,
    labels=Repeated(_LABEL),
    newName=_text,
)
ROLL_BACK_VOLUME = Message(UUID=_text, projectName=_text, srcSnapshotUUID=_text, srcSnapshotName=_text)
CREATE_SNAPSHOT = Message(
    name=_text,
    projectName=_text,
    sourceVolumeUUID=_text,
    sourceVolumeName=_text,
    retentionTime=_seconds,
    description=_text,
)
CREATE_QOS_POLICY = Message(name=_text, description=_text, qoSRateLimitPolicy=_QOS)
UPDATE_QOS_POLICY = Message(UUID=_text, name=_text, description=_text, qoSRateLimitPolicy=_QOS)
CREATE_SNAPSHOT_POLICY = Message(
    name=_text,
    projectName=_text,
    resourceUUID=_text,
    resourceName=_text,
    schedulePolicy=_SCHEDULE,
    description=_text,
)
UPDATE_SNAPSHOT_POLICY = Message(UUID=_text, projectName=_text, schedulePolicy=_SCHEDULE, description=_text)
UPDATE_CLUSTER_CONFIG = Message(configParam=Message(name=_text, value=_text))
CREATE_ADMIN_ENDPOINT = Message(port=_number, ips=Repeated(_text))
UPDATE_ADMIN_ENDPOINT = Message(port=_number, ips=Repeated(_text))
CREATE_SERVER = Message(serverEndpoints=Repeated(_text), serverUUID=_text, reuseIP=_flag, extendCluster=_flag)
DISABLE_SERVER = Message(UUID=_text, ForceDisable=_flag, evictData=_flag, permanentFailureTimeout=_seconds)
UPGRADE_SERVER = Message(UUID=_text, InstallPkgUri=_text, ForceUpgrade=_flag, ProxyInfo=_PROXY)
UPGRADE_CLUSTER = Message(InstallPkgUri=_text, UUIDs=Repeated(_text), ProxyInfo=_PROXY)
REPLACE_NODE = Message(SrcNodeUUID=_text, TargetNodeUUID=_text, ReplaceWhileActive=_flag)
ADD_DEVICE = Message(serialNumber=_text, nodeUUID=_text)
LIGHT_DEVICE = Message(serialNumber=_text, serverUUID=_text, ledPattern=_text)


def encode(message: Message, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` as JSON of that message.

    Texts, numbers, seconds, bytes, lists and mappings. Raises KeyError for a field that the message does not have, and
    TypeError for a value of another type: both are mistakes of this collection.
    """
    written = {}
    for name, value in values.items():
        if name not in message:
            raise KeyError(f"the message has no field {name!r}; it has: {', '.join(message)}")
        try:
            written[name] = _encode(message[name], value)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
    return written


def _encode(kind: Kind, value: Any) -> Any:
    if isinstance(kind, Message):
        return encode(kind, value)
    if isinstance(kind, Repeated):
        return [_encode(kind.kind, entry) for entry in value]
    return kind(value)
