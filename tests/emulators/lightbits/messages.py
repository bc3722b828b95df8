# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of the gRPC calls: of each only the fields that the emulator knows, under their real numbers."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

PACKAGE = "lightbits.api.duros.v2"
_Field = descriptor_pb2.FieldDescriptorProto
# Their types in the wire format; "texts" is a list.
_TYPES = {
    "text": _Field.TYPE_STRING,
    "texts": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "number": _Field.TYPE_UINT32,
    "type": _Field.TYPE_ENUM,
}

_CREDS_TYPE = {"UnknownType": 0, "RS256PubKey": 1, "TlsCertChainPem": 2, "TlsPrivKeyPem": 3}
# Of each message the fields: number and type.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "GetVersionRequest": {},
    "Version": {"apiVersion": (4, "text")},
    "GetClusterRequest": {},
    "ClusterInfoV2": {
        "UUID": (1, "text"),
        "subsystemNQN": (2, "text"),
        "currentMaxReplicas": (3, "number"),
        "supportedMaxReplicas": (4, "number"),
        "ETag": (6, "text"),
        "apiEndpoints": (11, "texts"),
        "discoveryEndpoints": (12, "texts"),
        "nvmeEndpoints": (13, "texts"),
        "clusterName": (14, "text"),
    },
    "GetProjectRequest": {"name": (1, "text")},
    "CreateProjectRequest": {"name": (1, "text"), "description": (2, "text")},
    "Project": {"UUID": (1, "text"), "name": (2, "text"), "description": (3, "text")},
    "GetCredentialRequest": {"ID": (1, "text"), "projectName": (2, "text")},
    "CreateCredentialRequest": {
        "projectName": (1, "text"),
        "ID": (2, "text"),
        "type": (3, "type"),
        "payload": (4, "bytes"),
    },
    "Credential": {
        "projectName": (1, "text"),
        "ID": (2, "text"),
        "type": (3, "type"),
        "payload": (4, "bytes"),
    },
}


def _definition() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="emulator/lightbits.proto", package=PACKAGE, syntax="proto3")
    types = file.enum_type.add(name="CredsType")
    for value, number in _CREDS_TYPE.items():
        types.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = _Field.LABEL_REPEATED if kind == "texts" else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, type=_TYPES[kind], label=label, json_name=field)
            if kind == "type":
                added.type_name = f".{PACKAGE}.CredsType"
    return file


# A pool of our own: a client in the same process may bring the real definition with the same names.
_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_definition())


def new(name: str) -> Message:
    """An empty message of this name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))()
