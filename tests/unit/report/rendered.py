# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page without Ansible: the data of one filter in the role's template by the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.metalstack.provisioning.plugins.filter.html_page import FilterModule
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._report.page import page
from tests.support.playbook import ROOT

TEMPLATE = ROOT / "roles/partition_report/templates/page.html.j2"


def render(asked: Mapping[str, Any]) -> str:
    """Return the page."""
    text: str = FilterModule().filters()["html_page"](page(asked), TEMPLATE.read_text(encoding="utf-8"))
    return text
