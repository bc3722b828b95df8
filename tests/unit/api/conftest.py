# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulator of the metal-api for all tests of a file, empty before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.metal_api.process import MetalApi, running_metal_api


@pytest.fixture(scope="package")
def running() -> Iterator[MetalApi]:
    with running_metal_api() as api:
        yield api


@pytest.fixture
def api(running: MetalApi) -> MetalApi:
    # what the last test has given up may still come true
    running.control.wait_until_idle()
    running.control.replace_state()
    running.control.clear_faults()
    running.control.forget_requests()
    return running
