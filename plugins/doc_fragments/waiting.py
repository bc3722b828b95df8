# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a module waits and how often it looks, by how long such things take; each says itself what it waits for."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 300
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 1
"""

    BRIEF = r"""
options:
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 60
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 1
"""

    LONG = r"""
options:
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 1800
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 2
"""
