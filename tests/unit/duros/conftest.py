# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated Lightbits cluster and a Kubernetes API on paper, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.support.paper_api import PaperApi, running_paper_api


@pytest.fixture(scope="package")
def running() -> Iterator[Lightbits]:
    with running_lightbits() as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Lightbits) -> Lightbits:
    running.control.wait_until_idle()
    running.control.replace_state()
    running.control.stop_servers()
    running.control.clear_faults()
    running.control.forget_requests()
    return running


@pytest.fixture
def paper() -> Iterator[PaperApi]:
    with running_paper_api() as api:
        yield api
