# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the filters about tokens and keys work as they stand. What else they do: see test_jwt."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from tests.emulators.lightbits import keys
from tests.support.playbook import TaskResult, play

_FILTERS = "ansible_collections.metalstack.provisioning.plugins.filter"


def example(directory: Path, name: str) -> TaskResult:
    """The result of the only example of a filter, which finds its files and writes below a directory."""
    text: str = importlib.import_module(f"{_FILTERS}.{name}").EXAMPLES
    (task,) = yaml.safe_load(text.replace("/etc/lightos/", f"{directory}/").replace("/etc/duros/", f"{directory}/"))
    (result,) = play(directory, [task]).results
    return result


@pytest.mark.parametrize(
    ("name", "roles", "days", "failed"),
    [
        ("lightbits_jwt_claims", ["system:cluster-admin"], 1, False),
        ("lightbits_jwt_claims", ["system:cluster-viewer"], 1, True),
        ("lightbits_jwt_expires_in", ["system:cluster-admin"], 8, False),
        ("lightbits_jwt_expires_in", ["system:cluster-admin"], 6, True),
    ],
)
def test_examples_about_tokens(tmp_path: Path, name: str, roles: list[str], days: int, failed: bool) -> None:
    (tmp_path / "admin.jwt").write_text(f"{keys.token(roles, lifetime=86400 * days)}\n", encoding="ascii")
    assert example(tmp_path, name).failed is failed


def test_example_about_a_key(tmp_path: Path) -> None:
    key = keys.root_key()
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "root.pem").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
    assert not example(tmp_path, "pkcs1").failed
    written = tmp_path / "admin-key"
    assert written.read_text(encoding="ascii").startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert written.stat().st_mode & 0o777 == 0o600
    found = serialization.load_pem_private_key(written.read_bytes(), None)
    assert found.private_numbers() == key.private_numbers()  # type: ignore[union-attr]
