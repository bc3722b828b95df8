# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_inventory import installer_inventory

CLUSTER = "6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f"


def servers(count: int = 3, addresses: str = "10.131.0.{0}") -> list[dict[str, Any]]:
    """Servers of one instance each, as the filter takes them."""
    return [
        {
            "name": f"server0{number}",
            "address": f"10.0.0.{10 + number}",
            "rack": f"rack-{number}",
            "instances": [{"data_address": addresses.format(10 + number), "devices": {"initial": 6}}],
        }
        for number in range(count)
    ]


def write_inventory(directory: Path, wanted: list[dict[str, Any]], **options: Any) -> Path:
    """What the filter writes, in a directory."""
    for name, content in installer_inventory(wanted, cluster_id=CLUSTER, **options).items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return directory


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Three servers, as the filter writes them."""
    return write_inventory(tmp_path / "inventory", servers())
