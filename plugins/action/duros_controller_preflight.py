# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module duros_controller_preflight inside the controller where it can."""

from __future__ import annotations

from ansible_collections.metalstack.provisioning.plugins.modules import duros_controller_preflight
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._api_action import ApiActionModule


class ActionModule(ApiActionModule):
    """Ansible's entry point."""

    MODULE = duros_controller_preflight
