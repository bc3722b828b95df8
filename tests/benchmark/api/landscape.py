# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated metal-api with a network full of addresses, and the time that plays against it need."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from tests.benchmark.definition import BenchmarkError
from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api
from tests.support.playbook import play

PARTITION = "fra-01"
PROJECT = "00000000-0000-0000-0000-000000000001"
NETWORK = "storage"
EDIT = {"METALCTL_HMAC": KEYS["Metal-Edit"], "METALCTL_HMAC_AUTH_TYPE": "Metal-Edit"}


def address(number: int) -> str:
    """The address with this number in the network, from 0."""
    return str(IPv4Address("10.1.0.10") + number)


def state(addresses: int) -> dict[str, Any]:
    """The emulator's state with so many static addresses."""
    return {
        "partitions": [{"id": PARTITION}],
        "projects": [{"id": PROJECT, "tenant_id": "metal-stack"}],
        "networks": [
            {"id": "super", "partitionid": PARTITION, "prefixes": ["10.0.0.0/8"], "networktype": "super"},
            {
                "id": NETWORK,
                "partitionid": PARTITION,
                "projectid": PROJECT,
                "parentnetworkid": "super",
                "prefixes": ["10.1.0.0/16"],
                "networktype": "child-shared",
            },
        ],
        "ips": [
            {"ipaddress": address(number), "networkid": NETWORK, "projectid": PROJECT, "type": "static"}
            for number in range(addresses)
        ],
    }


@contextmanager
def metal_api(addresses: int) -> Iterator[MetalApi]:
    """Run an emulator with so many addresses."""
    with running_metal_api() as api:
        api.control.replace_state(**state(addresses))
        yield api


class Plays:
    """Times plays; what Ansible needs for a play without tasks is taken off."""

    def __init__(self, api: MetalApi) -> None:
        self._environment = {"METALCTL_API_URL": api.v1, **EDIT}
        self._empty = min(self._seconds([]) for _unused in range(2))

    def seconds(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> float:
        """Seconds for these tasks, all of which must succeed and, except when they shall, change nothing.

        ``variables`` are read from a file of JSON: reading long lists as a part of the playbook would cost as much as
        the task.
        """
        return max(self._seconds(tasks, changed=changed, variables=variables) - self._empty, 1e-3)

    def _seconds(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> float:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
            file = Path(directory) / "variables.json"
            file.write_text(json.dumps(variables or {}), encoding="utf-8")
            began = time.monotonic()
            done = play(Path(directory), tasks, "--extra-vars", f"@{file}", environment=self._environment)
            seconds = time.monotonic() - began
        wrong = [one for one in done.results if one.failed or bool(one.values.get("changed")) is not changed]
        if wrong or len(done.results) != len(tasks):
            raise BenchmarkError(f"a task did not do what is measured: {done.output[-500:]}")
        return seconds
