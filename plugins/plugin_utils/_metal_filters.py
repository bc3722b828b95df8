# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the metal-api v1 can find by, and how a user's filters become its requests. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._errors import UsageError

_FRU = (
    "chassis_part_number",
    "chassis_part_serial",
    "board_mfg",
    "board_mfg_serial",
    "board_part_number",
    "product_manufacturer",
    "product_part_number",
    "product_serial",
)
# MachineFindRequest: also of firewalls, and of machines with their BMC.
MACHINE: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "id",
            "name",
            "partition_id",
            "sizeid",
            "rackid",
            "allocation_name",
            "allocation_project",
            "allocation_image_id",
            "allocation_hostname",
            "allocation_role",
            "ipmi_address",
            "ipmi_mac_address",
            "ipmi_user",
            "ipmi_interface",
            *(f"fru_{name}" for name in _FRU),
        ),
        "str",
    ),
    **dict.fromkeys(
        (
            "tags",
            "network_ids",
            "network_prefixes",
            "network_ips",
            "network_destination_prefixes",
            "nics_mac_addresses",
            "nics_names",
            "nics_vrfs",
            "nics_neighbor_mac_addresses",
            "nics_neighbor_names",
            "nics_neighbor_vrfs",
            "disk_names",
        ),
        "list",
    ),
    **dict.fromkeys(("network_vrfs", "network_asns", "disk_sizes"), "integers"),
    "hardware_memory": "int",
    "allocation_succeeded": "bool",
}
NETWORK: Mapping[str, str] = {
    **dict.fromkeys(("id", "name", "partitionid", "projectid", "parentnetworkid", "addressfamily"), "str"),
    **dict.fromkeys(("prefixes", "destinationprefixes"), "list"),
    **dict.fromkeys(("nat", "privatesuper", "underlay"), "bool"),
    "vrf": "int",
    "labels": "dict",
}
IP: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "ipaddress",
            "allocationuuid",
            "name",
            "networkprefix",
            "networkid",
            "projectid",
            "type",
            "machineid",
            "addressfamily",
        ),
        "str",
    ),
    "tags": "list",
}
IMAGE: Mapping[str, str] = {
    **dict.fromkeys(("id", "name", "os", "version", "classification"), "str"),
    "features": "list",
}
PROJECT: Mapping[str, str] = dict.fromkeys(("id", "name", "description", "tenant_id"), "str")
SWITCH: Mapping[str, str] = dict.fromkeys(("id", "name", "osvendor", "osversion", "partitionid", "rackid"), "str")

# Asking for RESERVED finds nothing: the database says TAINTED, and requests are compared with that.
_INSTEAD = {"state_value": "states"}


def request(filters: Mapping[str, Any], known: Mapping[str, str], option: str = "filters") -> dict[str, Any]:
    """Return the body of a find request. Raises UsageError for names and values that the API would ignore or refuse."""
    body = {}
    for name, value in filters.items():
        if name in _INSTEAD and name not in known:
            raise UsageError(
                f"{option} has {name}, by which the API does not find reserved machines; use the option "
                f"{_INSTEAD[name]} instead."
            )
        if name not in known:
            raise UsageError(
                f"{option} has {name!r}, which the API does not find by; it knows {', '.join(sorted(known))}."
            )
        if value is None:
            continue
        body[str(name)] = _value(f"{option} has {name}", value, known[name])
    return body


def _value(where: str, value: Any, kind: str) -> Any:
    if kind == "str" and isinstance(value, str):
        return str(value)
    if kind == "int" and _is_integer(value):
        return int(value)
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "list":
        values = value if isinstance(value, (list, tuple)) else [value]
        if all(isinstance(one, str) for one in values):
            return [str(one) for one in values]
    if kind == "integers":
        values = value if isinstance(value, (list, tuple)) else [value]
        if all(_is_integer(one) for one in values):
            return [int(one) for one in values]
    if kind == "dict" and isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    wanted = {
        "str": "a text",
        "int": "a whole number",
        "bool": "true or false",
        "list": "a text or a list of texts",
        "integers": "a whole number or a list of them",
        "dict": "a dictionary",
    }[kind]
    raise UsageError(f"{where}: {value!r}, but it must be {wanted}.")


def _is_integer(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdigit())
