# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world's certificate authority and certificates: new for every world, valid for 90 days."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def authority(name: str) -> Pair:
    now = datetime.datetime.now(datetime.timezone.utc)
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def issue(by: Pair, names: Iterable[str], *, expired: bool = False) -> Pair:
    """A server certificate for DNS names and addresses; `expired` makes one that was valid until yesterday."""
    now = datetime.datetime.now(datetime.timezone.utc)
    names = list(names)
    end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=90)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(names[0]))
        .issuer_name(by[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=20))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by[0].public_key()), critical=False)
        .sign(by[0], hashes.SHA256())
    )
    return key, certificate


def write(pair: Pair, directory: Path, name: str) -> None:
    """`<name>.pem` and, readable by the owner only, `<name>.key`."""
    key = pair[0].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / f"{name}.pem").write_bytes(pair[1].public_bytes(serialization.Encoding.PEM))
    descriptor = os.open(directory / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)


def make(directory: Path, store_names: Iterable[str], dns_name: str) -> None:
    """All that the store needs, into an empty directory; `ca.pem` is what clients trust."""
    store_names = list(store_names)
    ca = authority("metalstack.provisioning test-bed CA")
    good = issue(ca, store_names)
    (directory / "ca.pem").write_bytes(ca[1].public_bytes(serialization.Encoding.PEM))
    write(good, directory, "good")
    write(good, directory, "current")
    write(issue(authority("a CA nobody trusts"), store_names), directory, "unknown-ca")
    write(issue(ca, ["wrong-name.example"]), directory, "wrong-name")
    write(issue(ca, store_names, expired=True), directory, "expired")
    write(issue(ca, [dns_name]), directory, "dns")
