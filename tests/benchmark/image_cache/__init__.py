# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the image cache."""

from __future__ import annotations

from . import failover, noop, noop_read, serve, sync, sync_cpu

BENCHMARKS = (
    serve.BENCHMARK,
    sync.BENCHMARK,
    sync_cpu.BENCHMARK,
    noop.BENCHMARK,
    noop_read.BENCHMARK,
    failover.BENCHMARK,
)
