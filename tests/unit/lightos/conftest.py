# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulated cluster for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits

from .world import CLUSTER


@pytest.fixture(scope="package")
def running() -> Iterator[Lightbits]:
    with running_lightbits("--servers", "4") as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Lightbits) -> Lightbits:
    """Four servers, as after their installation."""
    running.control.wait_until_idle()
    running.control.replace_state(cluster={"UUID": CLUSTER})
    running.control.clear_faults()
    running.control.forget_requests()
    return running
