# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulated cluster for all tests of a file, as after an installation before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits


@pytest.fixture(scope="package")
def running() -> Iterator[Lightbits]:
    with running_lightbits() as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Lightbits) -> Lightbits:
    # what the last test has given up may still come true
    running.control.wait_until_idle()
    running.control.replace_state()
    running.control.clear_faults()
    running.control.forget_requests()
    return running
