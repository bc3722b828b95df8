# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the conformance table when the tests are over."""

from __future__ import annotations

import pytest

from .table import TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it."""
    lines = TABLE.lines()
    if lines:
        terminalreporter.section("conformance of the modules")
        for line in lines:
            terminalreporter.write_line(line)
