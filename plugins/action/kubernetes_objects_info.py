# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module kubernetes_objects_info inside the controller where it can.

The Python package kubernetes takes far longer to import than its whole task takes. Here it is imported once, before
Ansible forks a process for each task.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.metalstack.provisioning.plugins.modules import kubernetes_objects_info
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._api_action import ApiActionModule

try:
    import kubernetes
except ImportError:
    kubernetes = None


class ActionModule(ApiActionModule):
    """Ansible's entry point."""

    MODULE = kubernetes_objects_info

    def _in_controller(self, task_vars: dict[str, Any]) -> bool:
        # The Python that modules run with may have it where the controller's has not.
        return kubernetes is not None and super()._in_controller(task_vars)

    def _secrets(self, params: Mapping[str, Any]) -> set[str]:
        return kubernetes_objects_info.secrets_of(params["kubeconfig"])

    def _perform(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        # That package asks os.environ, also for programs that it starts to get a token; this process is the task's own.
        os.environ.update(self._environ())
        return super()._perform(task_vars)
