# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module lightbits_verify inside the controller where it can."""

from __future__ import annotations

from ansible_collections.metalstack.provisioning.plugins.modules import lightbits_verify
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._api_action import ApiActionModule


class ActionModule(ApiActionModule):
    """Ansible's entry point."""

    MODULE = lightbits_verify
