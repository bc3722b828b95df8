# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the role lightos."""

from __future__ import annotations

from . import gate, noop

BENCHMARKS = (gate.TIME, gate.REQUESTS, noop.BENCHMARK)
