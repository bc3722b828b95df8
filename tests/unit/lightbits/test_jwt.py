# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_jwt and the filters about tokens and keys. Tokens are verified by PyJWT and by the emulated cluster."""

from __future__ import annotations

import importlib
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from ansible.errors import AnsibleFilterError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok, perform_module
from tests.unit.lightbits.runner import Runner

PEM, NONE = serialization.Encoding.PEM, serialization.NoEncryption()
PKCS1, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
_FILTERS = "ansible_collections.metalstack.provisioning.plugins.filter"


def private_pem(form: serialization.PrivateFormat = PKCS8, key: Any = None, encryption: Any = NONE) -> str:
    pem: bytes = (key or keys.root_key()).private_bytes(PEM, form, encryption)
    return pem.decode("ascii")


def mint(**options: Any) -> dict[str, Any]:
    check_mode = options.pop("check_mode", False)
    wish = {"private_key": private_pem(), "key_id": "system:root", "roles": ["system:cluster-admin"], **options}
    return perform_module(
        "lightbits_jwt", {name: value for name, value in wish.items() if value is not None}, {}, check_mode=check_mode
    )


def verified(token: str) -> Mapping[str, Any]:
    found: dict[str, Any] = jwt.decode(
        token, keys.root_key().public_key(), algorithms=["RS256"], options={"verify_aud": False}
    )
    return found


def use(name: str, *arguments: Any, **options: Any) -> Any:
    return importlib.import_module(f"{_FILTERS}.{name}").FilterModule().filters()[name](*arguments, **options)


def fails(name: str, *arguments: Any) -> str:
    with pytest.raises(AnsibleFilterError) as caught:
        use(name, *arguments)
    return str(caught.value)


@pytest.mark.parametrize("form", [PKCS1, PKCS8])
def test_others_take_what_is_minted(form: serialization.PrivateFormat, cluster: Lightbits) -> None:
    begun = time.time()
    done = ok(mint(private_key=private_pem(form), issuer="us", audience="LightOS", validity="1h", renew_before="1m"))
    token = done["token"]
    claims = verified(token)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "system:root"}
    assert claims["roles"] == ["system:cluster-admin"]
    assert (claims["sub"], claims["iss"], claims["aud"]) == ("metalstack.provisioning", "us", "LightOS")
    assert claims["exp"] - claims["iat"] == 3600
    assert begun - 1 < claims["iat"] <= time.time()
    assert ok(Runner(cluster, "lightbits_project", token=token)(name="acme"))["changed"]


def test_in_a_file_only_for_its_owner_and_only_when_something_differs(tmp_path: Path) -> None:
    file = tmp_path / "admin.jwt"
    dest = str(file)
    predicted = ok(mint(dest=dest, check_mode=True))
    assert not file.exists()
    made = ok(mint(dest=dest))
    assert made["diff"] == predicted["diff"] and made["token"] is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text(encoding="ascii")
    assert verified(first.strip())["roles"] == ["system:cluster-admin"]
    assert not ok(mint(dest=dest))["changed"]
    assert file.read_text(encoding="ascii") == first
    assert first.strip() not in str(made)

    file.chmod(0o640)
    assert ok(mint(dest=dest, check_mode=True))["changed"]
    assert ok(mint(dest=dest))["changed"]
    assert (stat.S_IMODE(file.stat().st_mode), file.read_text(encoding="ascii")) == (0o600, first)


@pytest.mark.parametrize(
    "other",
    [
        {"roles": ["system:cluster-admin", "default:viewer"]},
        {"key_id": "system:next"},
        {"subject": "somebody else"},
        {"issuer": "us"},
        {"validity": "90d", "renew_before": "31d"},
        {"private_key": "another"},
    ],
)
def test_minted_again_when(tmp_path: Path, other: dict[str, Any]) -> None:
    dest = str(tmp_path / "admin.jwt")
    ok(mint(dest=dest))
    if "private_key" in other:
        other = {"private_key": private_pem(key=rsa.generate_private_key(65537, 2048))}
    predicted = ok(mint(dest=dest, check_mode=True, **other))
    again = ok(mint(dest=dest, **other))
    assert again["changed"] and again["diff"] == predicted["diff"]
    assert again["diff"]["before"] != again["diff"]["after"]
    assert not ok(mint(dest=dest, **other))["changed"]


@pytest.mark.parametrize("content", ["", "not a token", "a.b.c"])
def test_what_is_no_token_is_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "admin.jwt"
    file.write_text(content, encoding="ascii")
    assert ok(mint(dest=str(file)))["changed"]
    assert verified(file.read_text(encoding="ascii").strip())


def test_a_forged_token_is_replaced(tmp_path: Path) -> None:
    """The same claims with another signature, and one that says that it needs none."""
    file = tmp_path / "admin.jwt"
    ok(mint(dest=str(file)))
    head, claims, _signature = file.read_text(encoding="ascii").strip().split(".")
    unsigned = jwt.encode(verified(file.read_text(encoding="ascii").strip()), None, algorithm="none")  # type: ignore[arg-type]
    for forged in (f"{head}.{claims}.AAAA", unsigned):
        file.write_text(forged, encoding="ascii")
        assert ok(mint(dest=str(file)))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key_id": "root"}, "key_id is 'root'; it must be the project and the id of a credential"),
        ({"roles": []}, "roles is empty"),
        ({"roles": ["admin"]}, "roles has 'admin'; a role is like"),
        ({"subject": ""}, "subject is empty"),
        ({"validity": "0s"}, "validity is 0"),
        ({"validity": "x"}, "validity is 'x', which is not a time"),
        ({"validity": "7d"}, "renew_before is 7d, but validity is 7d"),
        ({"dest": "/none/token"}, "dest is /none/token, but the directory /none does not exist"),
        ({"private_key": "x"}, "private_key has no key"),
        ({"private_key": keys.public_pem(keys.root_key())}, "private_key has a public key"),
        ({"private_key": private_pem().replace("M", "N")}, "private_key has a private key that cannot be read"),
        (
            {"private_key": private_pem(encryption=serialization.BestAvailableEncryption(b"x"))},
            "private_key has an encrypted key",
        ),
        (
            {"private_key": private_pem(PKCS1, encryption=serialization.BestAvailableEncryption(b"x"))},
            "private_key has an encrypted key",
        ),
        ({"private_key": private_pem(key=ec.generate_private_key(ec.SECP256R1()))}, "not of the kind RSA"),
        ({"private_key": private_pem(key=ed25519.Ed25519PrivateKey.generate())}, "not of the kind RSA"),
        ({"private_key": private_pem(key=rsa.generate_private_key(65537, 1024))}, "a key of 1024 bits"),
        (
            {"private_key": None, "private_key_path": "/none"},
            "private_key_path is /none, which cannot be read: No such",
        ),
    ],
)
def test_what_cannot_be(options: dict[str, Any], said: str) -> None:
    message = failure(mint(**options))
    assert said in message
    assert "PRIVATE" not in message


def test_a_key_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text(private_pem(), encoding="ascii")
    done = ok(mint(private_key=None, private_key_path=str(file)))
    assert done["public_key"] == keys.public_pem(keys.root_key())
    assert done["jwt"]["key_id"] == "system:root"


def test_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert failure(mint()).startswith("The Python package cryptography is missing where the task runs")
    assert fails("pkcs1", "x").startswith("The Python package cryptography is missing")


def test_what_a_token_says() -> None:
    token = keys.token(["tenant:admin"], kid="tenant:root", lifetime=600)
    said = use("lightbits_jwt_claims", f" {token}\n")
    assert (said["roles"], said["key_id"], said["algorithm"]) == (["tenant:admin"], "tenant:root", "RS256")
    assert said["expires_at"].endswith("Z") and said["issued_at"].endswith("Z")
    begun = time.time()
    left = use("lightbits_jwt_expires_in", token)
    assert said["exp"] - time.time() - 1 < left <= said["exp"] - begun
    assert use("lightbits_jwt_expires_in", token, now=said["iat"]) == 600


@pytest.mark.parametrize("exp", [1_900_000_000, 1_900_000_000.25, 1_900_000_000.1234564, 1_900_000_000.9999999])
@pytest.mark.parametrize("later", [-10, -1, 0, 1, 10])
def test_whole_seconds_are_whole(exp: float, later: int) -> None:
    token = jwt.encode({"sub": "x", "exp": exp}, keys.root_key(), algorithm="RS256")
    assert use("lightbits_jwt_expires_in", token, now=exp + later) == -later
    assert use("lightbits_jwt_expires_in", token, now=exp + later + 0.5) == -later - 1


def test_what_is_no_token() -> None:
    for name in ("lightbits_jwt_claims", "lightbits_jwt_expires_in"):
        assert fails(name, "abc") == "The token is not a JSON Web Token."
        assert fails(name, 5) == f"{name} needs a token as text, not int."
    assert fails("lightbits_jwt_expires_in", jwt.encode({"sub": "x"}, keys.root_key(), algorithm="RS256")) == (
        "The token does not say when it expires."
    )


def test_a_key_as_pkcs1() -> None:
    old = private_pem(PKCS1)
    assert use("pkcs1", private_pem()) == old
    assert use("pkcs1", old) == old
    assert fails("pkcs1", "x").startswith("The input of pkcs1 has no key")
    assert fails("pkcs1", 5) == "pkcs1 needs a private key as text, not int."


def test_a_directory_is_no_place_for_it(tmp_path: Path) -> None:
    assert "which is a directory" in failure(mint(dest=str(tmp_path)))
