# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_upgrade, of one server and of all, and lightbits_node."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

QUICK = {"wait_interval": 0.005}
TARGET = {**QUICK, "version": "3.13.1", "package_uri": "https://packages.example.com/lightos-3-13-1-rhl-9/"}
NEXT = {**QUICK, "version": "3.14.0", "package_uri": "https://packages.example.com/lightos-3-14-0-rhl-9/"}
ALL = tuple(f"server{number:02}" for number in range(5))
# How far an upgrade was is only known when it has begun.
UNKNOWN = frozenset({"cluster", "servers"})


CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_upgrade",
        key="upgrade",
        create=TARGET,
        expected={"versions": dict.fromkeys(ALL, "3.13.1")},
        missing={"package_uri": TARGET["package_uri"]},
        needs="version",
        update=NEXT,
        updated={"versions": dict.fromkeys(ALL, "3.14.0")},
        absent=None,
        unknown=UNKNOWN,
        variant="of the cluster",
        # the stages of five servers, one after the other; those of one are looked at closely below
        haste=4,
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_upgrade",
        key="upgrade",
        create={**TARGET, "server": "server03"},
        expected={"versions": {"server03": "3.13.1"}},
        missing={"version": "3.13.1"},
        needs="package_uri",
        absent=None,
        unknown=UNKNOWN,
        variant="of a server",
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_node",
        key="node",
        create={**QUICK, "name": "server01-0", "replaced_by": "server04-0"},
        expected={"replaced": True},
        missing={"name": "server01-0"},
        needs="replaced_by",
        absent=None,
        state={
            "servers": [{"name": "server01", "state": "Disabled"}],
            "nodes": [
                {"name": "server01-0", "state": "Inactive"},
                {"name": "server04-0", "state": "Unattached"},
            ],
        },
    ),
]
