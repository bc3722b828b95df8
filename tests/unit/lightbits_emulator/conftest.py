# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits

from .raw import Raw


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Lightbits]:
    with running_lightbits("--servers", "4") as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: Lightbits) -> Lightbits:
    """Four servers, as they are after their installation."""
    running_cluster.control.clear_faults()
    running_cluster.control.shift_clock(0)
    running_cluster.control.replace_state()
    running_cluster.control.forget_requests()
    return running_cluster


@pytest.fixture
def api(cluster: Lightbits) -> Raw:
    """An administrator at the first server."""
    return Raw(cluster.urls[0], cluster.control)
