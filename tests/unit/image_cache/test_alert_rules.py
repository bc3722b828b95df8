# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules that the guide suggests, with what image-cache-sync says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import metrics
from tests.support import promtool
from tests.support.playbook import ROOT

# what promtool takes for the beginning of time
LONG_AGO = "1970-01-01T00:00:00Z"
GOOD = {
    "host": "cache-1",
    "partition": "fra-01",
    "finished": "1970-01-01T08:00:00Z",
    "last_success": "1970-01-01T08:00:00Z",
    "result": "complete",
    "token_expires_at": "1970-01-02T00:00:00Z",
    "failures": [],
}
WELL = {'haproxy_server_status{proxy="nginx", server="cache-1", state="UP"}': "1x600"}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    guide = (ROOT / "docs/image_cache.md").read_text(encoding="utf-8")
    [found] = re.findall(r"^```yaml\n(groups:.*?)^```", guide, re.MULTILINE | re.DOTALL)
    path = tmp_path / "image-cache.yml"
    path.write_text(found, encoding="utf-8")
    return path


def series(sync: dict[str, Any], verify: dict[str, Any]) -> dict[str, str]:
    lines = [line for line in metrics.render(sync, verify).splitlines() if not line.startswith("#")]
    return {name: f"{value}x600" for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_prometheus_accepts_them(rules: Path) -> None:
    assert "6 rules found" in promtool.accept(rules)


def test_they_are_silent_while_all_is_well(rules: Path) -> None:
    promtool.fire(rules, {**series(GOOD, {**GOOD, "corrupt": []}), **WELL}, "9h", [])


def test_each_fires_for_what_it_is_meant_for(rules: Path) -> None:
    bad = {**GOOD, "last_success": LONG_AGO, "result": "failed", "token_expires_at": "1970-01-01T12:00:00Z"}
    failed = [{"key": "images.example/a", "message": "its checksum is wrong"}]
    given = series({**bad, "failures": failed}, {**bad, "corrupt": failed, "failures": failed})
    down = dict.fromkeys(WELL, "0x600")
    expected = ["SyncOld", "SyncFailed", "FilesMissing", "Damaged", "TokenExpires", "NginxDown"]
    promtool.fire(rules, {**given, **down}, "9h", [(f"ImageCache{name}", "") for name in expected])
