# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.metal_api.process import MetalApi, running_metal_api

from .requests import RawClient


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator is on this machine, whatever proxy the developer uses."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def running_api() -> Iterator[MetalApi]:
    with running_metal_api() as api:
        yield api


@pytest.fixture
def api(running_api: MetalApi) -> MetalApi:
    """The emulator, as it is after its start."""
    control = running_api.control
    control.clear_faults()
    control.shift_clock(0)
    control.replace_state()
    control.revoke_all()
    control.forget_requests()
    return running_api


@pytest.fixture
def raw(api: MetalApi) -> Iterator[RawClient]:
    """A client that sends exactly what it is told."""
    with RawClient(api.v1) as client:
        yield client
