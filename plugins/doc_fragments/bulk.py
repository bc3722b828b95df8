# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that take many things at once."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  resources:
    description:
      - Many at once, instead of one by the options above; all are read by one request, and written up to ten at a time.
      - One that fails does not keep the others from being done; the task fails in the end and says which.
    type: list
    elements: dict
  purge:
    description: Whether to remove what lies in O(purge_scope) and is not in O(resources).
    type: bool
    default: false
"""
