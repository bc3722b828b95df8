# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the sync program against the emulated metal-api: HMAC, tokens, their refresh, signs of life."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.session import VERSION
from tests.emulators.metal_api.controlclient import IMAGE_CACHE_METHODS, LIST_IMAGES, LIST_PARTITIONS
from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import Host, ImageStore
from tests.unit.image_cache.test_sync import content


@pytest.fixture(scope="module")
def emulator() -> Iterator[MetalApi]:
    """The emulated metal-api."""
    with running_metal_api() as api:
        yield api


@pytest.fixture
def api(emulator: MetalApi, store: ImageStore) -> MetalApi:
    """The emulated metal-api, with one image."""
    store.image("ubuntu-24.04.20250101", content())
    emulator.control.replace_state(
        images=store.images, partitions=[{"id": "fra-01", "bootconfig": {"imageurl": "", "kernelurl": ""}}]
    )
    emulator.control.call("DELETE", "/faults")
    emulator.control.call("DELETE", "/requests")
    emulator.control.call("PUT", "/clock", {"shift": 0})
    return emulator


def credential(host: Host, name: str, value: str) -> Path:
    """Hand a credential over as systemd would."""
    path = host.root / host.name / "credentials" / name
    path.write_text(value)
    return path


def use_v2(host: Host, api: MetalApi, token: str) -> Path:
    """Let the host use v2 with a token; returns where its refreshed token would lie."""
    host.configure(source={"api": "v2", "url": api.v2})
    credential(host, "metal-api-token", token)
    return host.root / host.name / "state" / "metal-api-token.json"


def secrets_in(host: Host, *secrets: str) -> list[Path]:
    """Return the files that everybody may read and that hold one of the secrets."""
    return [
        path
        for path in (host.root / host.name).rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and "credentials" not in path.parts
        if any(secret.encode() in path.read_bytes() for secret in secrets)
    ]


def test_the_version_is_that_of_the_collection() -> None:
    described = yaml.safe_load((Path(__file__).resolve().parents[3] / "galaxy.yml").read_text())
    assert described["version"] == VERSION


def test_v1_with_the_view_key(host: Host, api: MetalApi, run: Run) -> None:
    host.configure(source={"api": "v1", "url": api.v1})
    credential(host, "metal-api-hmac", KEYS["Metal-View"])
    report = run("sync")
    assert report["files"] == {"image": 1}
    assert report["token_expires_at"] is None
    assert secrets_in(host, KEYS["Metal-View"]) == []


def test_v1_with_a_bearer_token(host: Host, api: MetalApi, run: Run) -> None:
    host.configure(source={"api": "v1", "url": api.v1})
    (host.root / host.name / "credentials" / "metal-api-hmac").unlink()
    credential(host, "metal-api-token", api.control.bearer())
    assert run("sync")["files"] == {"image": 1}


def test_a_wrong_key_changes_nothing_and_is_named(host: Host, api: MetalApi, run: Run) -> None:
    host.configure(source={"api": "v1", "url": api.v1})
    credential(host, "metal-api-hmac", KEYS["Metal-View"])
    run("sync")
    credential(host, "metal-api-hmac", "wrong-key-of-tests")
    report = run("sync", code=1)
    assert "403" in report["reason"] or "key" in report["reason"]
    assert "wrong-key-of-tests" not in report["log"]
    assert len(host.served()) == 2


def test_v2_lists_refreshes_and_pings(host: Host, api: MetalApi, run: Run) -> None:
    token = api.control.token(lifetime=3600)
    path = use_v2(host, api, token)
    report = run("sync")
    assert not path.exists()
    assert report["token_expires_at"] is not None
    [component] = api.control.state()["components"]
    assert component["identifier"] == "fra-01/cache-1"


def aged(api: MetalApi, age: int, *methods: str) -> str:
    """Return a token of an hour that was issued ``age`` seconds ago."""
    api.control.call("PUT", "/clock", {"shift": -age})
    token = api.control.token(methods or IMAGE_CACHE_METHODS, lifetime=3600)
    api.control.call("PUT", "/clock", {"shift": 0})
    return token


def test_a_token_is_refreshed_in_the_second_half_of_its_life(host: Host, api: MetalApi, run: Run) -> None:
    path = use_v2(host, api, token := aged(api, 1700))
    assert "was refreshed" not in run("sync")["log"]
    path = use_v2(host, api, token := aged(api, 1900))
    # looking changes nothing
    run("plan")
    assert not path.exists()
    report = run("sync")
    assert "the token of the metal-api was refreshed" in report["log"]
    refreshed = json.loads(path.read_text())["token"]
    assert refreshed != token
    assert path.stat().st_mode & 0o777 == 0o600
    assert secrets_in(host, token, refreshed) == []
    assert token not in report["log"]
    assert refreshed not in report["log"]
    # the refreshed one is used from now on, and is young
    assert "was refreshed" not in run("sync")["log"]
    assert run("sync")["token_expires_at"] == report["token_expires_at"]


def test_a_new_credential_wins_over_a_refreshed_token(host: Host, api: MetalApi, run: Run) -> None:
    path = use_v2(host, api, aged(api, 1900))
    run("sync")
    refreshed = path.read_text()
    use_v2(host, api, aged(api, 60))
    run("sync")
    assert path.read_text() == refreshed
    api.control.revoke_all()
    use_v2(host, api, aged(api, 30))
    # the revoked refreshed token is not used
    assert run("sync")["result"] == "complete"


def test_a_token_that_may_not_be_refreshed_is_used_as_long_as_it_lives(host: Host, api: MetalApi, run: Run) -> None:
    path = use_v2(host, api, aged(api, 1900, LIST_IMAGES, LIST_PARTITIONS))
    report = run("sync")
    assert "could not be refreshed" in report["log"]
    assert "took no sign of life" in report["log"]
    assert not path.exists()


def test_an_expired_token_is_named(host: Host, api: MetalApi, run: Run) -> None:
    use_v2(host, api, aged(api, 3601))
    report = run("sync", code=1)
    assert "the token of the metal-api has expired" in report["log"]
    assert report["result"] == "failed"


def test_a_token_that_is_none(host: Host, api: MetalApi, run: Run) -> None:
    use_v2(host, api, "not-a-token-at-all")
    report = run("sync", code=1)
    assert "not-a-token-at-all" not in report["log"]
    assert report["token_expires_at"] is None
