# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_credential against the emulator."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, writes

OLD, NEW = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _unused in range(2))


@pytest.fixture
def credential(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_credential", defaults=(("project", "default"),))


def test_a_key_lets_tokens_in(credential: Runner, cluster: Lightbits) -> None:
    content = keys.public_pem(OLD)
    predicted = ok(credential(id="key", content=content, check_mode=True))
    made = ok(credential(id="key", content=content))
    assert made["changed"] and made["diff"] == predicted["diff"] and made["credential"] == predicted["credential"]
    assert not ok(credential(id="key", content=content))["changed"]
    own = keys.token(["default:admin"], kid="default:key", key=OLD)
    volumes = Runner(cluster, "lightbits_volume", token=own, defaults=(("wait_interval", 0.01),))
    assert ok(volumes(name="data", size="1GiB", replica_count=1))["changed"]
    assert content not in str(made)


def test_labels_and_lines_do_not_count(credential: Runner) -> None:
    """duros-controller writes the same key with another label."""
    content = keys.public_pem(OLD)
    ok(credential(id="key", content=content))
    other = content.replace("PUBLIC KEY", "RSA PUBLIC KEY").replace("\n", "\r\n")
    assert not ok(credential(id="key", content=other))["changed"]


def test_rotation(credential: Runner, cluster: Lightbits) -> None:
    ok(credential(id="old", content=keys.public_pem(OLD)))
    cluster.control.forget_requests()
    changed = "which the API cannot change: give the new one another id, and name old in replaces"
    assert changed in failure(credential(id="old", content=keys.public_pem(NEW)))
    wish = {"id": "new", "content": keys.public_pem(NEW), "replaces": ["old"]}
    predicted = ok(credential(**wish, check_mode=True))
    made = ok(credential(**wish))
    assert made["diff"] == predicted["diff"]
    assert writes(cluster) == [
        "POST /projects/default/credentials",
        "DELETE /projects/default/credentials/old",
    ], "the new one first, so that there is always one that is good"
    assert not ok(credential(**wish))["changed"]
    ids = [one["ID"] for one in cluster.control.state()["credentials"] if one["projectName"] == "default"]
    assert ids == ["new"]


def test_nobody_locks_himself_out(cluster: Lightbits) -> None:
    credential = Runner(cluster, "lightbits_credential")
    said = failure(credential(project="system", id="root", state="absent"))
    assert "vouches for the token of this task" in said
    wish = {"id": "new", "content": keys.public_pem(NEW), "replaces": ["root"]}
    assert "vouches for the token of this task" in failure(credential(project="system", **wish))
    assert writes(cluster) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"content": "no pem"}, "content is no PEM text"),
        (
            {"content": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
            "content has a block PRIVATE KEY",
        ),
        ({"content": keys.public_pem(OLD), "replaces": ["key"]}, "replaces has key, which is the id itself"),
    ],
)
def test_wrong_options(credential: Runner, cluster: Lightbits, options: dict[str, object], said: str) -> None:
    message = failure(credential(id="key", **options))
    assert said in message and "AAAA" not in message
    assert cluster.control.requests() == []


def test_a_private_key_never_goes_into_a_result(credential: Runner) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleS1jb250ZW50\n-----END PRIVATE KEY-----\n"
    made = ok(credential(id="tls", type="TlsPrivKeyPem", content=pem))
    assert "c2VjcmV0" not in str(made)


def test_absent(credential: Runner) -> None:
    ok(credential(id="key", content=keys.public_pem(OLD)))
    assert ok(credential(id="key", state="absent", check_mode=True))["changed"]
    assert ok(credential(id="key", state="absent"))["credential"] is None
    assert not ok(credential(id="key", state="absent"))["changed"]
