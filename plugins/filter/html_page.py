# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``html_page``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: html_page
short_description: Make a page from a template, in which no value becomes HTML
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Renders a template of Jinja with everything escaped that is put into it. Templates of Ansible do not escape, also
    where they ask for it by C(autoescape).
  - A name that the data does not have is an error.
positional: _input, template
options:
  _input:
    description: The data, which is C(page) in the template.
    type: raw
    required: true
  template:
    description: The template, as text. It can use what Jinja has, and nothing of Ansible.
    type: str
    required: true
seealso:
  - plugin: metalstack.provisioning.partition_report
    plugin_type: filter
    description: Makes the data of the page about a partition.
"""

EXAMPLES = r"""
- name: Write a page
  ansible.builtin.copy:
    content: "{{ {'title': 'a < b'} | metalstack.provisioning.html_page('<h1>{{ page.title }}</h1>') }}"
    dest: page.html
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The page.
  type: str
  sample: <h1>a &lt; b</h1>
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from jinja2 import Environment, StrictUndefined, TemplateError


def _html_page(data: Any, template: Any) -> str:
    if not isinstance(template, str):
        raise AnsibleFilterError(f"html_page needs a template as text, not {type(template).__name__}.")
    try:
        environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
        return environment.from_string(template).render(page=data)
    except TemplateError as error:
        raise AnsibleFilterError(f"The template of html_page cannot be used: {error}.") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"html_page": _html_page}
