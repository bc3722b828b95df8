# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user wants of a machine or a firewall, and what of it a machine lacks.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._errors import UsageError
from .._values import normal_address
from .addresses import wanted_address
from .allocation_rules import WantedNetwork
from .firewall_rules import FirewallRules, rules_from_options
from .image import image_matches, parse_image_id
from .label_tags import label_tags
from .machine import SYSTEM_TAGS, UNDERLAY, Allocation, Machine, user_data_digest

_MOST_DNS, _MOST_NTP = 3, 5
# What cannot be changed once it is allocated; of some of it the API does not tell whether it is so.
FIXED = (
    "name", "size", "partition", "hostname", "image", "filesystem_layout", "networks", "user_data", "dns_servers",
    "ntp_servers", "firewall_rules",
)  # fmt: skip
CHANGEABLE = ("description", "tags", "ssh_public_keys")


@dataclass(frozen=True)
class Wish:
    """Options of a user, checked and normalised; None is what was not given. ``user_data`` is base64."""

    role: str
    id: str | None = None
    name: str | None = None
    project: str | None = None
    partition: str | None = None
    size: str | None = None
    image: str | None = None
    hostname: str | None = None
    description: str | None = None
    networks: tuple[WantedNetwork, ...] | None = None
    user_data: str | None = field(default=None, repr=False)
    ssh_public_keys: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    placement_tags: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] | None = None
    ntp_servers: tuple[str, ...] | None = None
    filesystem_layout: str | None = None
    firewall_rules: FirewallRules | None = None

    def value(self, option: str) -> Any:
        """Return an option as users see it; of user data only its SHA-256."""
        value = getattr(self, option)
        if option == "user_data":
            return None if value is None else user_data_digest(value)
        if option == "networks" and value is not None:
            return [_shown(one.network, one.ips) for one in value]
        if option == "firewall_rules" and value is not None:
            return value.as_dict()
        return list(value) if isinstance(value, tuple) else value

    def given(self, options: Iterable[str]) -> list[str]:
        """Return which of these options were given."""
        return [option for option in options if getattr(self, option) is not None]


def wish_from(params: Mapping[str, Any], role: str, *, generation: str = "v1") -> Wish:
    """Return what the options of metal_machine (metal_firewall) say. Raises UsageError."""
    for option in ("id", "name", "project", "partition", "size", "image", "hostname", "filesystem_layout"):
        if params.get(option) == "":
            raise UsageError(f"{option} is empty; leave it out if it does not matter.")
    if params.get("id") is None and params.get("project") is None:
        raise UsageError("project is missing: a name says which machine is meant only together with its project.")
    rules = params.get("firewall_rules")
    return Wish(
        role=role,
        **{option: params.get(option) for option in _PLAIN},
        networks=_networks(params.get("networks")),
        user_data=_user_data(params.get("user_data")),
        ssh_public_keys=_keys(params.get("ssh_public_keys")),
        tags=_tags("tags", params.get("tags"), generation),
        placement_tags=_tags("placement_tags", params.get("placement_tags"), generation) or (),
        dns_servers=_dns(params.get("dns_servers")),
        ntp_servers=_ntp(params.get("ntp_servers")),
        image=wanted_image(params.get("image")),
        firewall_rules=None if rules is None else rules_from_options(rules, generation=generation),
    )


_PLAIN = ("id", "name", "project", "partition", "size", "hostname", "description", "filesystem_layout")


def merged_tags(tags: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return tags with the wanted ones; a wanted ``key=value`` takes the place of another value of that key.

    The system's are left out: the API sets them itself.
    """
    keys = {tag.partition("=")[0] for tag in wanted if "=" in tag}
    kept = [tag for tag in own_tags(tags) if "=" not in tag or tag.partition("=")[0] not in keys]
    return tuple(sorted({*kept, *wanted}))


def own_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return tags without the system's."""
    return tuple(sorted(tag for tag in tags if tag.partition("=")[0] not in SYSTEM_TAGS))


def actual_value(machine: Machine, allocation: Allocation, wish: Wish, option: str) -> Any:
    """Return how an option is, in the user's own words where it is as wanted."""
    wanted = wish.value(option)
    if option in ("size", "partition"):
        return getattr(machine, option)
    if option == "image":
        return wanted if image_matches(wanted, allocation.image) else allocation.image
    if option == "user_data":
        return user_data_digest(allocation.user_data)
    if option == "tags":
        return list(own_tags(machine.tags))
    if option == "ssh_public_keys":
        return sorted(set(allocation.ssh_public_keys))
    if option == "networks":
        there = {one.network: set(map(normal_address, one.ips)) for one in allocation.networks if one.kind != UNDERLAY}
        asked = {one.network: set(one.ips) for one in wish.networks or ()}
        if set(there) == set(asked) and all(asked[name] <= there[name] for name in asked):
            return wanted
        return [_shown(name, sorted(ips)) for name, ips in there.items()]
    if option == "firewall_rules":
        return (allocation.firewall_rules or FirewallRules()).as_dict()
    if option == "dns_servers":
        return [normal_address(server) for server in allocation.dns_servers]
    value = getattr(allocation, option)
    return list(value) if isinstance(value, tuple) else value


def _shown(network: str, ips: Sequence[str]) -> dict[str, Any]:
    return {"network": network, "ips": list(ips)}


def _networks(items: Sequence[Mapping[str, Any]] | None) -> tuple[WantedNetwork, ...] | None:
    if items is None:
        return None
    found = []
    for item in items:
        ips = tuple(wanted_address("networks: ips", ip) for ip in item.get("ips") or ())
        auto = item.get("auto")
        if auto and ips:
            raise UsageError(
                f"networks has {item['network']} with ips and with auto true, but the API finds no further address "
                "where some are given: leave auto or ips out."
            )
        found.append(WantedNetwork(item["network"], tuple(dict.fromkeys(ips)), not ips if auto is None else auto))
    return tuple(found)


def _user_data(data: str | None) -> str | None:
    """Return it in base64. What is base64 already is taken as that: cloud-init and ignition never are."""
    if data is None:
        return None
    compact = "".join(data.split())
    try:
        base64.b64decode(compact.encode(), validate=True)
    except (binascii.Error, ValueError):
        return base64.b64encode(data.encode()).decode()
    return compact


def _keys(keys: Sequence[str] | None) -> tuple[str, ...] | None:
    if keys is None:
        return None
    for number, key in enumerate(keys, 1):
        fields = key.split()
        if not any(_is_blob(kind, blob) for kind, blob in zip(fields, fields[1:])):
            raise UsageError(f"ssh_public_keys: number {number} is no public key like ssh-ed25519 AAAA... comment.")
    return tuple(sorted({key.strip() for key in keys}))


def _is_blob(kind: str, blob: str) -> bool:
    """Whether it is the key of that kind, which it names itself."""
    try:
        return base64.b64decode(blob.encode(), validate=True)[4:].startswith(kind.encode())
    except (binascii.Error, ValueError):
        return False


def _tags(option: str, tags: Sequence[str] | None, generation: str) -> tuple[str, ...] | None:
    if tags is None:
        return None
    if any(not tag for tag in tags):
        raise UsageError(f"{option} has an empty tag.")
    for tag in tags:
        if tag.partition("=")[0] in SYSTEM_TAGS:
            raise UsageError(f"{option} has {tag.partition('=')[0]}, which only the metal-api sets.")
    if generation == "v2":
        return label_tags(option, tags)
    keys = Counter(tag.partition("=")[0] for tag in set(tags) if "=" in tag)
    if any(count > 1 for count in keys.values()):
        raise UsageError(f"{option} has more than one value for {max(keys, key=keys.__getitem__)}; a key has one.")
    return tuple(sorted(set(tags)))


def _dns(servers: Sequence[str] | None) -> tuple[str, ...] | None:
    if servers is None:
        return None
    if len(servers) > _MOST_DNS:
        raise UsageError(f"dns_servers has {len(servers)} servers; {_MOST_DNS} is the most.")
    return tuple(wanted_address("dns_servers", server) for server in servers)


def _ntp(servers: Sequence[str] | None) -> tuple[str, ...] | None:
    if servers is None:
        return None
    if len(servers) > _MOST_NTP:
        raise UsageError(f"ntp_servers has {len(servers)} servers; {_MOST_NTP} is the most.")
    for server in servers:
        if not re.fullmatch(r"[A-Za-z0-9.:-]{1,255}", server):
            raise UsageError(f"ntp_servers has {server!r}, which is neither a host name nor an IP address.")
    return tuple(servers)


def wanted_image(image: str | None) -> str | None:
    """Return the id of an image that a user gave. Raises UsageError when it cannot be one."""
    if image is not None:
        try:
            parse_image_id(image)
        except ValueError as error:
            raise UsageError(f"image: {error}.") from None
    return image
