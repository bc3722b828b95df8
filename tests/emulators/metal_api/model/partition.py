# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions: a location in a data centre and what its machines boot."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .table import Entity

_DNS_NAME = re.compile(r"(?=.{1,255}$)([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)(\.[a-zA-Z0-9_-]{1,63})*\.?")


@dataclass(frozen=True)
class BootConfiguration:
    """Initrd, kernel and kernel command line of machines that boot from the network."""

    image_url: str = ""
    kernel_url: str = ""
    commandline: str = ""


@dataclass(frozen=True)
class Partition(Entity):
    """A partition as stored. v1 knows one management address, v2 several: v1 shows the first."""

    boot: BootConfiguration = BootConfiguration()
    management_addresses: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    dns_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()


def check_servers(dns: Sequence[str], ntp: Sequence[str]) -> None:
    """ValueError with the server's wording when there are too many or malformed ones."""
    if len(dns) > 3:
        raise ValueError("please specify a maximum of three dns servers")
    for server in dns:
        try:
            ipaddress.ip_address(server)
        except ValueError as error:
            raise ValueError(f"ip: {{{server}}} for dns server not correct err: {error}") from error
    if len(ntp) > 5:
        raise ValueError("please specify a maximum of five ntp servers")
    for server in ntp:
        if not _DNS_NAME.fullmatch(server) and not _is_address(server):
            raise ValueError(f"dns name: {{{server}}} for ntp server not correct")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
