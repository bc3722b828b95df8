# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes a site of the documentation; run by tools/docs in a copy of the checkout, without a network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

project = "metalstack.provisioning"
copyright = "metalstack.provisioning contributors"  # noqa: A001 - named by Sphinx
extensions = ["myst_parser", "sphinx_antsibull_ext"]
# The user guide, what it links to, and what antsibull-docs has written of the plugins and roles.
include_patterns = [
    "index.rst",
    "README.md",
    "CONTRIBUTING.md",
    "CODE_OF_CONDUCT.md",
    "CHANGELOG.rst",
    "docs/*.md",
    "roles/*/README.md",
    "tests/*/README.md",
    "reference/**",
]
html_theme = "alabaster"
html_title = "metalstack.provisioning"
html_theme_options = {"page_width": "1200px", "sidebar_width": "240px"}
myst_heading_anchors = 4
highlight_language = "none"

# Where the reference points to pages of Ansible. Sphinx could fetch their list, but a build needs no network.
_ANSIBLE = "https://docs.ansible.com/ansible/latest"
_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "playbooks_delegation": "playbook_guide/playbooks_delegation.html",
}
_PLUGIN = re.compile(r"ansible_collections\.(?!metalstack\.)(\w+)\.(\w+)\.(\w+?_[a-z]+)(?:__.*)?")


def _of_ansible(_app: Any, _env: Any, node: Any, text: nodes.Node) -> nodes.Node | None:
    """Resolve a label of Ansible's documentation; one that is ours and missing stays a warning."""
    target = node.get("reftarget", "")
    plugin = _PLUGIN.fullmatch(target)
    page = "collections/{}/{}/{}.html".format(*plugin.groups()) if plugin else _PAGES.get(target)
    if page is None:
        return None
    return nodes.reference("", "", text, internal=False, refuri=f"{_ANSIBLE}/{page}")


def setup(app: Any) -> None:
    """Sphinx's entry point."""
    app.connect("missing-reference", _of_ansible)
