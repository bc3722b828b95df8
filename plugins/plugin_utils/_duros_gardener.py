# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for the extensions of Gardener that deploy duros-controller for shoots, and what they would refuse.

Both decode their configuration strictly: a field that they do not know, or of another type, keeps them from starting.
Private to metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..module_utils._errors import UsageError
from ..module_utils._lightbits.endpoint import Endpoint

_PKCS1 = "-----BEGIN RSA PRIVATE KEY-----"
_CERTIFICATE = ("apiCA", "apiCert", "apiKey")
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_MOST_REPLICAS = 3
_QOS_TYPES = (0, 1, 2)

Check = Callable[[str, Any], "Iterator[str]"]


def gardener_values(partitions: Any, regions: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``provider_metal`` and ``duros``, the values of both charts, and ``problems``. Raises UsageError.

    ``defaults`` are fields for those partitions and regions that do not have them.
    """
    problems: list[str] = []
    made = []
    for option, given, check, common in (
        ("partitions", partitions, _partition, ("endpoints", "adminKey", "adminToken")),
        ("regions", regions, _region, ("endpoints", "adminKey", "adminToken", "apiEndpoint")),
    ):
        if not isinstance(given, Mapping):
            raise UsageError(f"{option} is not a dictionary.")
        filled = {}
        for name, fields in given.items():
            where = f"{option}.{name}"
            if not isinstance(fields, Mapping):
                problems.append(f"{where} is not a dictionary.")
                continue
            usual = {key: defaults[key] for key in common if defaults.get(key)}
            filled[str(name)] = {**usual, **fields}
            problems.extend(f"{one}." for one in check(where, filled[str(name)]))
        made.append(filled)
    metal, duros = made
    return {
        "problems": problems,
        "provider_metal": {"storage": {"duros": {"enabled": bool(metal), "partitionConfig": metal}}},
        "duros": {"config": {"regionConfig": duros}},
    }


def _partition(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    known: dict[str, Check] = {**_COMMON, "storageClasses": _storage_classes}
    yield from _fields(where, fields, known, required=("endpoints", "adminKey", "adminToken", "storageClasses"))
    yield from _certificate(where, fields, needed=bool(fields.get("apiEndpoint")))


def _region(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    known: dict[str, Check] = {**_COMMON, "qosPolicies": _qos_policies}
    yield from _fields(where, fields, known, required=("endpoints", "adminKey", "adminToken", "apiEndpoint"))
    yield from _certificate(where, fields, needed=False)


def _certificate(where: str, fields: Mapping[str, Any], *, needed: bool) -> Iterator[str]:
    missing = [key for key in _CERTIFICATE if not fields.get(key)]
    if missing and (needed or len(missing) < len(_CERTIFICATE)):
        yield f"{where} lacks {', '.join(missing)}, which belong to its apiEndpoint"


def _fields(where: str, given: Any, known: Mapping[str, Check], required: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"{where} is not a dictionary"
        return
    for key, value in given.items():
        if key not in known:
            close = next((one for one in known if one.lower() == str(key).lower().replace("_", "")), None)
            hint = f"did you mean {close}" if close else f"known are {', '.join(known)}"
            yield f"{where} has {key}, which is not known: {hint}"
        else:
            yield from known[key](f"{where}.{key}", value)
    missing = [key for key in required if key not in given]
    if missing:
        yield f"{where} lacks {', '.join(missing)}"


def _text(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where} is no text"


def _filled(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not value.strip():
        yield f"{where} is no text"


def _flag(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{where} is neither true nor false"


def _endpoint(where: str, value: Any) -> Iterator[str]:
    try:
        if not isinstance(value, str) or "://" in value or Endpoint.parse(value).literal != value:
            raise ValueError
    except ValueError:
        yield f"{where} is {value!r}; it must be a host and a port, like 10.0.0.10:443"


def _endpoints(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{where} is no list of hosts with ports"
        return
    for number, one in enumerate(value):
        yield from _endpoint(f"{where}[{number}]", one)


def _key(where: str, value: Any) -> Iterator[str]:
    """The key, which is never shown."""
    if not isinstance(value, str) or not value.lstrip().startswith(_PKCS1):
        yield f"{where} is no private key in the form PKCS#1 (BEGIN RSA PRIVATE KEY)"


def _token(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        yield f"{where} is no token, which has three parts with dots between them and nothing after it"


def _replicas(where: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_REPLICAS:
        yield f"{where} is {value!r}; it must be a number from 1 to {_MOST_REPLICAS}"


def _storage_classes(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{where} is no list of storage classes"
        return
    known: dict[str, Check] = {"name": _filled, "replicaCount": _replicas, "compression": _flag, "encryption": _flag}
    for number, one in enumerate(value):
        yield from _fields(f"{where}[{number}]", one, known, required=("name", "replicaCount"))
    names = [one.get("name") for one in value if isinstance(one, Mapping)]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        yield f"{where} has {twice[0]} twice"


def _qos_type(where: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool) or value not in _QOS_TYPES:
        yield f"{where} is {value!r}; it must be 0 (bandwidth), 1 (IOPS) or 2 (IOPS per GB)"


def _limit(where: str, value: Any) -> Iterator[str]:
    yield from _fields(
        where, value, {"readLimit": _filled, "writeLimit": _filled}, required=("readLimit", "writeLimit")
    )


def _qos_policies(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} is no list of policies"
        return
    known: dict[str, Check] = {"name": _filled, "qosType": _qos_type, "readWriteLimit": _limit}
    for number, one in enumerate(value):
        yield from _fields(f"{where}[{number}]", one, known, required=("name", "qosType", "readWriteLimit"))


_COMMON: dict[str, Check] = {
    "endpoints": _endpoints,
    "adminKey": _key,
    "adminToken": _token,
    "apiEndpoint": _endpoint,
    "apiCA": _text,
    "apiCert": _text,
    "apiKey": _text,
}
