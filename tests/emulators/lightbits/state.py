# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a cluster knows. All servers share it."""

from __future__ import annotations

import base64
import pickle
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..common.clock import Clock
from .model.availability import Availability
from .model.given import usual
from .model.settings import FEATURES, PARAMETERS
from .pace import Pace
from .refusal import FAILED_PRECONDITION, NOT_FOUND, Refusal

# An object of the API in its own spelling; numbers are numbers, and what begins with an underscore is not shown.
Thing = dict[str, Any]

SERVERS = 3
DEVICES = 4
DEVICE_SIZE = 4 << 40
_TABLES = (
    "servers",
    "nodes",
    "devices",
    "projects",
    "credentials",
    "volumes",
    "snapshots",
    "policies",
    "resource_policies",
    "admin_endpoints",
    "events",
)
# Of these, what is not there yet is added.
_ADDED = {
    "projects",
    "credentials",
    "volumes",
    "snapshots",
    "policies",
    "resource_policies",
    "admin_endpoints",
    "events",
}
_KEYS = {"devices": "serial", "admin_endpoints": "port", "events": "ID"}
_SETTINGS = ("cluster", "config", "flags")


class State:
    """Tables of things, by what identifies them. ``addresses`` are where the servers really listen."""

    def __init__(self, clock: Clock, root_key: bytes | None, servers: int = SERVERS, nodes: int = 1) -> None:
        """Without a root key nobody can call anything until `model.installation` founds the cluster."""
        self.clock = clock
        self.pace = Pace(then=self.look)
        self.availability = Availability()
        self.addresses: list[str] = []
        self.old_status = False
        self.emit_defaults = False
        self._root_key = root_key
        self.founded_with = root_key
        self._count = servers
        self.instances = range(nodes)
        self.cluster: Thing = {
            "UUID": _uuid("cluster"),
            "subsystemNQN": f"nqn.2016-01.com.lightbitslabs:uuid:{_uuid('subsystem')}",
            "clusterName": "test",
            "supportedMaxReplicas": min(3, self._count),
            "MinVersionInCluster": "3.12.1",
            "MinAllowedVersion": "3.10.1",
            "MaxAllowedVersion": "3.14.9",
            "inBandAuthMode": "Disabled",
            "encryptionStatus": {"encryptionState": "Disabled", "rotationState": "NoRotation"},
            "ETag": "1",
            "lastUpgrade": {"Status": "None"},
            "_full": False,
        }
        self.servers: list[Thing] = []
        # what an installer has said of servers that the cluster does not have yet, by their places
        self.spares: dict[int, Thing] = {}
        self.nodes: list[Thing] = []
        self.devices: list[Thing] = []
        for number in range(self._count):
            self.install(number, instances=self.instances)
        self.projects: list[Thing] = [self.new_project("system"), self.new_project("default")]
        self.credentials: list[Thing] = []
        if self._root_key is not None:
            self.add_credential("system", "root", "RS256PubKey", self._root_key)
        self.volumes: list[Thing] = []
        self.snapshots: list[Thing] = []
        self.policies: list[Thing] = []
        self.resource_policies: list[Thing] = []
        self.admin_endpoints: list[Thing] = []
        self.events: list[Thing] = []
        self.config = dict(PARAMETERS)
        self.flags = dict(FEATURES)
        self._kept: bytes | None = None

    def reset(self, sections: Mapping[str, Any]) -> None:
        """Begin anew; what the sections leave out is as after an installation. ValueError as by ``load``."""
        fresh = State(self.clock, self._root_key, self._count, len(self.instances))
        fresh.addresses = self.addresses
        fresh.pace.step = self.pace.step if self._root_key is None else fresh.pace.step
        fresh.load(sections)
        vars(self).update(vars(fresh))
        self.pace.then = self.look

    def keep(self) -> None:
        """Remember everything as it is. ValueError while something is still to happen."""
        if self.pace.waiting:
            raise ValueError("the state can be kept only when nothing is still to happen")
        self._kept = pickle.dumps({name: getattr(self, name) for name in (*_SETTINGS, *_TABLES)})

    def restore(self) -> None:
        """Bring back what was kept; nothing is to happen then. ValueError when nothing was."""
        if self._kept is None:
            raise ValueError("no state was kept")
        self.pace.forget()
        vars(self).update(pickle.loads(self._kept))

    def load(self, sections: Mapping[str, Any]) -> None:
        """Change things by what identifies them, or add them. ValueError, and nothing is changed, when one is wrong."""
        for name, content in sections.items():
            self._check(name, content)
        for name, content in sections.items():
            if name in _SETTINGS:
                getattr(self, name).update(content)
            elif name == "credentials":
                for entry in content:
                    self.add_credential(entry["projectName"], entry["ID"], entry["type"], entry["payload"].encode())
            elif name == "projects":
                for entry in content:
                    self.projects.append({**self.new_project(entry["name"]), **entry})
            else:
                self._merge(name, content)

    def _check(self, name: str, content: object) -> None:
        if name not in (*_SETTINGS, *_TABLES):
            raise ValueError(f"there is no section {name!r}; there are: {', '.join((*_SETTINGS, *_TABLES))}")
        if not isinstance(content, dict if name in _SETTINGS else list):
            raise ValueError(f"section {name!r} must be {'an object' if name in _SETTINGS else 'a list'}")
        for entry in content if isinstance(content, list) else []:
            needed = {"credentials": ("projectName", "ID", "type", "payload")}.get(name, (_KEYS.get(name, "name"),))
            if not isinstance(entry, dict) or any(key not in entry for key in needed):
                raise ValueError(f"what is in {name} has {', '.join(needed)}")
            new = name in _ADDED or (name == "devices" and "serverUUID" in entry)
            if not new and self._known(name, entry) is None:
                raise ValueError(f"{name} has nothing whose {needed[0]} is {entry[needed[0]]!r}")

    def _known(self, table: str, entry: Mapping[str, Any]) -> Thing | None:
        key = _KEYS.get(table, "name")
        return next((thing for thing in getattr(self, table) if thing[key] == entry[key]), None)

    def _merge(self, table: str, entries: Iterable[Mapping[str, Any]]) -> None:
        key = _KEYS.get(table, "name")
        known = {thing[key]: thing for thing in reversed(getattr(self, table))}
        for entry in entries:
            if entry[key] not in known:
                known[entry[key]] = self._new(table, entry)
                getattr(self, table).append(known[entry[key]])
            known[entry[key]].update(entry)

    def _new(self, table: str, entry: Mapping[str, Any]) -> Thing:
        if table == "devices":
            return self._spare_device(entry["serial"], entry["serverUUID"])
        if table in ("volumes", "snapshots", "policies", "resource_policies"):
            return usual(self, table, entry["name"])
        return {} if table == "events" else {"ETag": "1"}

    def as_json(self) -> dict[str, Any]:
        """Everything, in a form that can be compared."""
        shown = {name: getattr(self, name) for name in (*_SETTINGS, *_TABLES)}
        shown["credentials"] = [
            {name: value for name, value in credential.items() if name not in ("_pem", "payload")}
            for credential in self.credentials
        ]
        return shown

    def install(self, number: int, name: str = "", instances: Sequence[int] = (0,), devices: int = DEVICES) -> Thing:
        """Enter a server that is as after an installation, with its nodes and devices."""
        name = name or f"server{number:02}"
        self.servers.append(
            {
                "UUID": _uuid(name),
                "name": name,
                "NodesUUIDs": [_uuid(f"{name}-{instance}") for instance in instances],
                "state": "Enabled",
                "ServerEndpoints": [f"http://10.10.10.{number + 100}:2380"],
                "ETag": "1",
                "LightOSVersion": "3.12.1~b1",
                "UpgradeStatus": "None",
                "LastUpgrade": {"Status": "None"},
                "LastEviction": {"status": "None"},
                "_unhealthy": False,
                "_failure_timeout": None,
                "_number": number,
                "_slow": 0,
                "_upgrade_error": "",
                "_eviction_error": "",
            }
        )
        for instance in instances:
            self._install_node(name, instance, devices)
        return self.servers[-1]

    def _install_node(self, name: str, instance: int, devices: int) -> None:
        node, number = f"{name}-{instance}", self.servers[-1]["_number"]
        self.nodes.append(
            {
                "UUID": _uuid(node),
                "name": node,
                "serverUUID": _uuid(name),
                "state": "Active",
                "status": "ConnectivityOK",
                "hostname": name,
                "nvmeEndpoint": f"10.10.10.{number + 100}:{4420 + instance}",
                "failureDomains": [name],
                "numManagedDevices": devices,
                "maxNvmeDevices": 12,
                "ec": True,
                "readOnly": False,
                "inLocalRebuild": False,
                "permanentFailure": False,
                "powerupProgress": 100,
                "ETag": "1",
                "_away_since": "",
            }
        )
        for disk in range(devices):
            place = instance * devices + disk
            device = self._spare_device(f"{name.upper()}-{place}", _uuid(name))
            device.update(name=f"nvme{place}n1", nodeUUID=_uuid(node), state="Healthy", deviceUsage="Data")
            self.devices.append(device)

    def _spare_device(self, serial: str, server: str) -> Thing:
        return {
            "serial": serial,
            "name": serial.lower(),
            "model": "EMULATED",
            "size": DEVICE_SIZE,
            "serverUUID": server,
            "nodeUUID": "",
            "state": "None",
            "deviceUsage": "UnManaged",
            "ETag": "1",
            "_led": "",
        }

    def api_endpoints(self, server: Thing) -> list[str]:
        """``host:port`` of a server's API. One that was added later has none that listens, unless it was installed."""
        if "_endpoints" in server:
            return list(server["_endpoints"])
        addresses = self.addresses[server["_number"] : server["_number"] + 1]
        return [urlsplit(address).netloc for address in addresses]

    def look(self) -> None:
        """Something may have changed."""
        self.availability.look(self)

    def timestamp(self) -> str:
        """The present, as the API writes it."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def new_project(self, name: str) -> Thing:
        """A project that is not in the table yet."""
        return {"UUID": _uuid(f"project {name}"), "name": name, "description": "", "defaultPolicies": []}

    def add_credential(self, project: str, name: str, kind: str, pem: bytes) -> Thing:
        """Enter a credential."""
        credential: Thing = {
            "projectName": project,
            "ID": name,
            "type": kind,
            "payload": base64.b64encode(pem).decode(),
            "_pem": pem,
        }
        self.credentials.append(credential)
        return credential

    def project(self, name: str) -> Thing:
        """The project; Refusal when there is none."""
        return find(self.projects, "project", name=name)

    def touch(self, thing: Thing) -> None:
        """Whatever is changed gets another ETag."""
        thing["ETag"] = str(int(thing.get("ETag") or 0) + 1)

    def check_etag(self, thing: Thing, etag: str) -> None:
        """Refusal when the caller knows an older one. The status differs between versions of the gateway."""
        if etag and etag != thing["ETag"]:
            raise Refusal(FAILED_PRECONDITION, "Etag mismatch", status=412 if self.old_status else 400)


def find(table: Iterable[Thing], what: str, **wanted: str) -> Thing:
    """The first thing with these values; Refusal when there is none."""
    for thing in table:
        if all(thing.get(name) == value for name, value in wanted.items()):
            return thing
    raise Refusal(NOT_FOUND, f"{what} not found")


def _uuid(name: str) -> str:
    """The same in every run, so that runs can be compared."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://lightbits.example.com/{name}"))
