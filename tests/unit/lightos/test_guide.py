# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations guide has a section for each day 2 playbook, which says when, what, what it guards, and what to do."""

from __future__ import annotations

import re

import pytest

from tests.support.playbook import ROOT

GUIDE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
PLAYBOOKS = sorted(
    path.stem
    for path in (ROOT / "playbooks").glob("*.yml")
    if re.match(r"lightos_|machine_|duros_", path.stem) and path.stem != "lightos_cleanup"
)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_section_of_a_playbook(playbook: str) -> None:
    section = re.search(rf"^## {playbook}$(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert section is not None
    wanted = ["**When.**", "**When it stops.**"] + ([] if playbook == "lightos_info" else ["**What it guards.**"])
    assert [word for word in wanted if word not in section[1]] == []


def test_no_section_is_about_a_playbook_that_is_not_there() -> None:
    named = re.findall(r"^## (\w+)$", GUIDE, re.MULTILINE)
    assert sorted(named) == PLAYBOOKS
