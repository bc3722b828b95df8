# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates and keys of a control plane, new for every world."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.testbed import pki

_DAYS = 90


def make(directory: Path, addresses: list[str]) -> None:
    """`ca`, the API server`s `server`, callers (`admin`, `viewer`, ...), the key of service accounts."""
    ca = pki.authority("metalstack.provisioning control plane CA")
    (directory / "ca.pem").write_bytes(ca[1].public_bytes(serialization.Encoding.PEM))
    pki.write(pki.issue(ca, [*addresses, "kubernetes.default.svc", "localhost"]), directory, "server")
    pki.write(_client(ca, "admin", "system:masters"), directory, "admin")
    pki.write(_client(ca, "viewer"), directory, "viewer")
    # as kubeadm has it: its own identity, with the rights that Kubernetes gives it
    pki.write(_client(ca, "system:kube-controller-manager"), directory, "manager")
    pki.write(_client(ca, "system:apiserver", "system:masters"), directory, "kubelet-client")
    private(directory / "service-accounts.key", _pem(ec.generate_private_key(ec.SECP256R1())))


def admin_key(private_file: Path) -> rsa.RSAPrivateKey:
    """A key in PKCS#1, such as duros-controller reads."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private(private_file, _pem(key))
    return key


def root_key(private_file: Path, public_file: Path) -> rsa.RSAPrivateKey:
    """The key of a Lightbits cluster's administrators, such a one as well, and its public part."""
    key = admin_key(private_file)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public_file.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return key


def mistakes(directory: Path, key: rsa.RSAPrivateKey) -> None:
    """What is given instead of that key by mistake: the same in PKCS#8 (`pkcs8-key.pem`), and another one."""
    form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    private(directory / "pkcs8-key.pem", key.private_bytes(encoding, form, serialization.NoEncryption()))
    private(directory / "other-key.pem", _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


def proxy(directory: Path, addresses: list[str]) -> None:
    """Of a proxy with an authority of its own: `server`, the `client` that it lets in, and a `stranger` of another."""
    ca = pki.authority("Lightbits proxy")
    (directory / "ca.pem").write_bytes(ca[1].public_bytes(serialization.Encoding.PEM))
    pki.write(pki.issue(ca, addresses), directory, "server")
    pki.write(_client(ca, "duros-controller"), directory, "client")
    pki.write(_client(pki.authority("somebody else"), "duros-controller"), directory, "stranger")


def private(path: Path, content: bytes) -> None:
    """Write what only the owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _client(by: pki.Pair, name: str, group: str = "") -> pki.Pair:
    now = datetime.datetime.now(datetime.timezone.utc)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(by[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(by[0], hashes.SHA256())
    )
    return key, certificate
