# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that the vendor's installer of LightOS reads. Private to metalstack.provisioning.

Variables have the names of the vendor's guide. The installer ignores what it does not know, so a misspelt one would
silently do something else: only names of this file are written, and what a user adds on purpose.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from ..module_utils._errors import UsageError
from ._lightos_servers import Instance, Server, read_servers

#: Settings of the whole cluster, with what they are in Python.
SETTINGS: dict[str, type] = {
    "use_lightos_kernel": bool,
    "enable_iptables": bool,
    "persistent_memory": bool,
    "start_discovery_service_retries": int,
    "nvme_subsystem_nqn_suffix": str,
    "ntp_enabled": bool,
    "ntp_manage_config": bool,
    "ntp_servers": list,
    "ntp_version": str,
    "ntp_packages": list,
    "chrony_enabled": bool,
    "datapath_config": str,
    "local_repo_base_url": str,
    "is_reboot": bool,
}
_DEFAULTS: dict[str, Any] = {
    "use_lightos_kernel": False,
    "enable_iptables": False,
    "persistent_memory": False,
    "start_discovery_service_retries": 5,
}
#: Variables of a server that the installer knows besides those that are made here.
_SERVER_VARIABLES = {
    "datapath_config",
    "management_core",
    "etcd_core",
    "grub_cmdline_add_args",
    "health_state_timeout_ms",
}
_OWN = {"name", "nodes", "data_ifaces", "cluster_info"}
_SECRET_NAME = re.compile(r"pass(word|wd)?$|secret|token|jwt|userkey|private_key$", re.IGNORECASE)
_VENDOR = re.compile(r"(^|\.)lightbitslabs\.com$", re.IGNORECASE)


def installer_inventory(
    servers: Any,
    *,
    cluster_id: Any,
    settings: Any = None,
    other_settings: Any = None,
    journal_variable: Any = None,
    racks_are_failure_domains: bool = True,
    install: bool = True,
    reboot: bool = False,
) -> dict[str, str]:
    """Return the content of each file by its path below the inventory. Raises UsageError."""
    listed = read_servers(servers, racks_are_failure_domains=racks_are_failure_domains)
    if not listed:
        raise UsageError("There are no servers to write an inventory for.")
    identifier = _cluster_id(cluster_id)
    files = {
        "hosts": _hosts(listed, identifier, install=install, reboot=reboot),
        "group_vars/all.yml": _write(_settings(settings, other_settings, identifier)),
    }
    for server in listed:
        files[f"host_vars/{server.name}.yml"] = _write(_host_variables(server, journal_variable))
    return files


def _hosts(servers: list[Server], cluster_id: str, *, install: bool, reboot: bool) -> str:
    lines = []
    for server in servers:
        variables = {
            "ansible_host": server.address,
            "ansible_connection": "ssh",
            "ansible_ssh_user": "root",
            "ansible_become_user": "root",
            **server.connection,
        }
        lines.append(
            " ".join([server.name, *(f"{key}={_ini(server, key, value)}" for key, value in variables.items())])
        )
    names = [server.name for server in servers]
    lines += ["", "[duros_nodes]", *names]
    lines += ["", "[etcd]", *(server.name for server in servers if server.etcd)]
    lines += ["", "[initiators]"]
    lines += [
        "",
        "[duros_nodes:vars]",
        f"cluster_identifier={cluster_id}",
        f"auto_install={str(install).lower()}",
        f"auto_reboot={str(reboot).lower()}",
    ]
    return "\n".join(lines) + "\n"


def _ini(server: Server, key: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if re.search(r"[\n\r\"\\]", text):
        raise UsageError(f"The server {server.name} has {key} with a line break, a quote or a backslash in it.")
    return text if re.fullmatch(r"[A-Za-z0-9_./:@%+,~-]+", text) else f'"{text}"'


def _settings(given: Any, other: Any, cluster_id: str) -> dict[str, Any]:
    for name, value in (("settings", given), ("other_settings", other)):
        if value is not None and not isinstance(value, Mapping):
            raise UsageError(f"{name} is not a dictionary.")
    found = dict(_DEFAULTS)
    for name, value in (given or {}).items():
        kind = SETTINGS.get(str(name))
        if kind is None:
            raise UsageError(
                f"settings has {name!r}, which the installer would ignore; it knows {', '.join(sorted(SETTINGS))}. "
                "A setting of a newer release goes into other_settings."
            )
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UsageError(f"settings has {name} {value!r}, which must be of the type {kind.__name__}.")
        found[str(name)] = value
    for name, value in (other or {}).items():
        if name in SETTINGS or name in _OWN:
            raise UsageError(f"other_settings has {name!r}, which has its own place.")
        found[str(name)] = value
    _no_secrets("The settings", found)
    return {**found, "cluster_info": {"clusterId": cluster_id}}


def _host_variables(server: Server, journal_variable: Any) -> dict[str, Any]:
    unknown = sorted(set(server.variables) - _SERVER_VARIABLES)
    if unknown:
        raise UsageError(
            f"The server {server.name} has {unknown[0]!r} in variables, which the installer would ignore; it knows "
            f"{', '.join(sorted(_SERVER_VARIABLES))}."
        )
    _no_secrets(f"The server {server.name}", server.variables)
    found: dict[str, Any] = {
        "name": server.name,
        **server.variables,
        "nodes": [_node(server, instance, journal_variable) for instance in server.instances],
    }
    configured = [
        {
            "bootproto": "static",
            "conn_name": interface.connection,
            "ifname": interface.name,
            "ip4": str(interface.address),
        }
        for interface in server.data_interfaces
        if interface.address is not None
    ]
    if configured:
        found["data_ifaces"] = configured
    return found


def _node(server: Server, instance: Instance, journal_variable: Any) -> dict[str, Any]:
    node: dict[str, Any] = {
        "instanceID": instance.number,
        "data_ip": str(instance.data_address),
        "failure_domains": list(instance.failure_domains),
        "ec_enabled": instance.erasure_coding,
        "lightfieldMode": "SW_LF",
        "storageDeviceLayout": {
            "initialDeviceCount": instance.devices.initial,
            "maxDeviceCount": instance.devices.maximum,
            "allowCrossNumaDevices": instance.devices.cross_numa,
            "deviceMatchers": list(instance.devices.matchers),
        },
    }
    if instance.journal_devices and journal_variable:
        node[str(journal_variable)] = list(instance.journal_devices)
    taken = sorted(set(instance.variables) & set(node))
    if taken:
        raise UsageError(
            f"The server {server.name} has {taken[0]} in variables of an instance, which has its own place."
        )
    _no_secrets(f"The server {server.name}", instance.variables)
    return {**node, **instance.variables}


def _no_secrets(what: str, values: Mapping[str, Any]) -> None:
    """Refuse what looks like a secret: these files are kept, compared and shown."""
    for name, value in values.items():
        if _SECRET_NAME.search(str(name)):
            raise UsageError(f"{what} has {name}, which looks like a secret; no secret belongs into the inventory.")
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or "://" not in text:
                continue
            address = urlsplit(text)
            if (
                address.username
                or address.password
                or (_VENDOR.search(address.hostname or "") and address.path.strip("/"))
            ):
                raise UsageError(
                    f"{what} has {name} with a credential in the address, such as the customer's key of the vendor's "
                    "repository; no secret belongs into the inventory."
                )


def _cluster_id(value: Any) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise UsageError(f"cluster_id is {value!r}, which is not a UUID.") from None


def _write(values: Mapping[str, Any]) -> str:
    """Return YAML that says the same in the same way each time."""
    text: str = yaml.safe_dump(
        _plain(values), sort_keys=False, default_flow_style=False, width=1000, allow_unicode=True
    )
    return f"---\n{text}"


def _plain(value: Any) -> Any:
    """Return it without Ansible's own types, which PyYAML does not write."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
