# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the modules for the Lightbits API. They need an emulator, and no hosts."""

from __future__ import annotations

from . import bulk, info, task

BENCHMARKS = (task.BENCHMARK, bulk.BENCHMARK, info.TIME, info.REQUESTS)
