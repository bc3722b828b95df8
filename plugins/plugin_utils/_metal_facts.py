# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host of the inventory knows of its machine: JSON of the metal-api v1 to variables. Private to the collection.

Thousands of machines are read for every command, so these are plain dictionaries, made in one pass. Their names are
those of the module metal_machine_info, after ``metal_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._metal.machine_v1 import STATES

Facts = dict[str, Any]

_NOTHING: Mapping[str, Any] = {}
_TEXT = (str, type(None))


def facts_of(item: Any, *, bmc: bool) -> Facts:
    """Return the variables of one machine; ``bmc``: with what is known of its BMC, except the password.

    Not among them, because they may be secret: user data, the key of the VPN. Raises ValueError, TypeError,
    AttributeError or KeyError for a machine that makes no sense.
    """
    name = item.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError("it has no id")
    state = item.get("state") or _NOTHING
    value = state.get("value") or ""
    events = item.get("events") or _NOTHING
    log = events.get("log") or ()
    last = log[0] if log else None
    facts = {
        "metal_id": name,
        "metal_partition": _id(item.get("partition")),
        "metal_rack": _text(item.get("rackid")),
        "metal_size": _id(item.get("size")),
        "metal_state": STATES.get(value) or value.lower(),
        "metal_state_description": _text(state.get("description")),
        "metal_identify_led": (item.get("ledstate") or _NOTHING).get("value") == "LED-ON",
        "metal_liveliness": _text(item.get("liveliness")),
        "metal_event": _text(last.get("event")) if last else "",
        "metal_last_event": _event(last),
        "metal_last_error": _event(events.get("last_error_event")),
        "metal_crash_loop": events.get("crash_loop") is True,
        "metal_failed_reclaim": events.get("failed_machine_reclaim") is True,
        "metal_tags": sorted(item.get("tags") or ()),
        "metal_hardware": _hardware(item.get("hardware") or _NOTHING),
        **_allocation(item.get("allocation")),
    }
    if bmc:
        facts["metal_bmc"] = _bmc(item.get("ipmi") or _NOTHING)
    return facts


def _allocation(item: Any) -> Facts:
    if not item:
        return {"metal_allocated": False, "metal_networks": [], "metal_ips": [], "metal_asn": None, **_FREE}
    networks = [network_facts(network) for network in item.get("networks") or ()]
    return {
        "metal_allocated": True,
        "metal_name": _text(item.get("name")),
        "metal_hostname": _text(item.get("hostname")),
        "metal_description": _text(item.get("description")),
        "metal_role": _text(item.get("role")) or "machine",
        "metal_project": _text(item.get("project")),
        "metal_image": _id(item.get("image")),
        "metal_filesystem_layout": _id(item.get("filesystemlayout")),
        "metal_networks": networks,
        "metal_ips": [ip for network in networks for ip in network["ips"]],
        # one number that all networks of the machine share
        "metal_asn": next((network["asn"] for network in networks if network["asn"]), None),
        "metal_ssh_public_keys": item.get("ssh_pub_keys") or [],
        "metal_dns_servers": [server["ip"] for server in item.get("dns_servers") or ()],
        "metal_ntp_servers": [server["address"] for server in item.get("ntp_servers") or ()],
        "metal_creator": _text(item.get("creator")),
        "metal_created": item.get("created"),
        "metal_allocation_uuid": _text(item.get("allocationuuid")),
        "metal_succeeded": item.get("succeeded") is True,
        "metal_reinstalling": item.get("reinstall") is True,
    }


_FREE: Mapping[str, None] = dict.fromkeys(
    f"metal_{name}"
    for name in (
        "name",
        "hostname",
        "description",
        "role",
        "project",
        "image",
        "filesystem_layout",
        "ssh_public_keys",
        "dns_servers",
        "ntp_servers",
        "creator",
        "created",
        "allocation_uuid",
        "succeeded",
        "reinstalling",
    )
)


def network_facts(item: Any) -> Facts:
    """Return one network of an allocation. Raises ValueError."""
    ips = item.get("ips") or []
    if not all(isinstance(ip, str) for ip in ips):
        raise ValueError("the IPs of its networks are not text")
    return {
        "network": _text(item.get("networkid")),
        "kind": _text(item.get("networktype")),
        "ips": ips,
        "prefixes": item.get("prefixes") or [],
        "destination_prefixes": item.get("destinationprefixes") or [],
        "vrf": item.get("vrf") or 0,
        "asn": item.get("asn") or 0,
        "nat": item.get("nat") is True,
        "project": _text(item.get("projectid")),
    }


def _hardware(item: Mapping[str, Any]) -> Facts:
    return {
        "memory": item.get("memory") or 0,
        # cpu_cores is never filled
        "cores": sum(cpu.get("cores") or 0 for cpu in item.get("cpus") or ()),
        "gpus": len(item.get("gpus") or ()),
        "disks": [{"name": disk.get("name"), "size": disk.get("size")} for disk in item.get("disks") or ()],
        "nics": [
            {
                "name": nic.get("name"),
                "mac": nic.get("mac"),
                "neighbors": [
                    {"name": peer.get("name"), "mac": peer.get("mac")} for peer in nic.get("neighbors") or ()
                ],
            }
            for nic in item.get("nics") or ()
        ],
    }


def _bmc(item: Mapping[str, Any]) -> Facts:
    fru = item.get("fru") or _NOTHING
    return {
        "address": _text(item.get("address")),
        "mac": _text(item.get("mac")),
        "user": _text(item.get("user")),
        "interface": _text(item.get("interface")),
        "version": _text(item.get("bmcversion")),
        "power_state": _text(item.get("powerstate")),
        "last_updated": item.get("last_updated"),
        "fru": {key: value for key, value in fru.items() if isinstance(value, str)},
    }


def _event(item: Any) -> Facts | None:
    if not item:
        return None
    return {"event": item.get("event"), "message": item.get("message"), "time": item.get("time")}


def _text(value: Any) -> str:
    if not isinstance(value, _TEXT):
        raise ValueError(f"{type(value).__name__} stands where a text was expected")
    return value or ""


def _id(item: Any) -> str:
    return _text(item.get("id")) if item else ""
