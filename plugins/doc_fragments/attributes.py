# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that talk to an API have in common, and the result of a failure."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and returns what it would do, by the same plan that a run carries out.
  diff_mode:
    support: full
    description: Returns what it changed, or in check mode would change, when it runs in diff mode.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
  controller:
    support: full
    description:
      - Runs inside the controller when the connection is local and neither C(become) nor C(async) is used, which costs
        milliseconds. Otherwise it runs as an ordinary module, with the same results.
      - The variable C(metalstack_provisioning_in_controller) set to V(false) always makes it a module.
"""

    INFO = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode), since it only reads.
  diff_mode:
    support: none
    description: Has nothing to show, since it changes nothing.
  idempotent:
    support: full
    description: It only reads.
  controller:
    support: full
    description:
      - Runs inside the controller when the connection is local and neither C(become) nor C(async) is used, which costs
        milliseconds. Otherwise it runs as an ordinary module, with the same results.
      - The variable C(metalstack_provisioning_in_controller) set to V(false) always makes it a module.
"""
