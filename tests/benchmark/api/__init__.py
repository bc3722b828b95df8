# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the modules and plugins for the metal-api. They need an emulator, and no hosts."""

from __future__ import annotations

from . import bulk, inventory, payload, task

BENCHMARKS = (
    task.SPEED,
    task.COST,
    bulk.PRESENT,
    bulk.CREATION,
    *payload.BENCHMARKS,
    inventory.COLD,
    inventory.WARM,
    inventory.GROWTH,
)
