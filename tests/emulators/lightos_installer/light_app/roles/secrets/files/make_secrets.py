# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, certificates and tokens of a cluster, in one directory of the machine that the installer runs on.

make_secrets.py keys DIRECTORY NAME=ADDRESS[,ADDRESS]...   make what is missing: CA, root key, a certificate a server
make_secrets.py token DIRECTORY ROLE FILE                  sign a token by the root key, unless the file is there
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import os
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

CA, ROOT = "ca", "root"
YEAR = datetime.timedelta(days=365)


def write(path: Path, data: bytes) -> None:
    """For the owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def private_key(path: Path) -> rsa.RSAPrivateKey:
    """The key of a file, made when it is not there."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise SystemExit(f"{path} is no RSA key")
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    write(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


def certificate(
    subject: str, key: rsa.RSAPrivateKey, issuer: str, by: rsa.RSAPrivateKey, addresses: list[str] | None
) -> bytes:
    """PEM of a certificate; without addresses that of an authority."""
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + YEAR)
        .add_extension(x509.BasicConstraints(ca=addresses is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if addresses is not None:
        names: list[x509.GeneralName] = [x509.DNSName(subject)]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    else:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def keys(directory: Path, servers: dict[str, list[str]]) -> bool:
    """Make what is missing; whether anything was."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = set(directory.iterdir())
    authority = private_key(directory / f"{CA}-key.pem")
    if not (directory / f"{CA}-cert.pem").exists():
        write(directory / f"{CA}-cert.pem", certificate("lightos", authority, "lightos", authority, None))
    root = private_key(directory / f"{ROOT}-key.pem").public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    if not (directory / f"{ROOT}-key.pub").exists():
        write(directory / f"{ROOT}-key.pub", root.public_bytes(serialization.Encoding.PEM, form))
    for name, addresses in servers.items():
        key = private_key(directory / f"{name}-key.pem")
        if not (directory / f"{name}-cert.pem").exists():
            write(directory / f"{name}-cert.pem", certificate(name, key, "lightos", authority, addresses))
    return set(directory.iterdir()) != before


def token(directory: Path, role: str) -> str:
    """A token of the administrator for a year."""
    now = int(time.time())
    claims = {"aud": "LightOS", "iss": "installer", "sub": "lightos-client", "roles": [role], "iat": now,
              "exp": now + int(YEAR.total_seconds())}  # fmt: skip
    header = {"alg": "RS256", "typ": "JWT", "kid": f"system:{ROOT}"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = private_key(directory / f"{ROOT}-key.pem").sign(b".".join(parts), padding.PKCS1v15(), hashes.SHA256())
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def main() -> None:
    """Print "changed" when something was made."""
    what, directory, *words = sys.argv[1:]
    if what == "keys":
        servers = {name: addresses.split(",") for name, _equals, addresses in (word.partition("=") for word in words)}
        changed = keys(Path(directory), servers)
    else:
        role, target = words
        changed = not Path(target).exists()
        if changed:
            write(Path(target), token(Path(directory), role).encode() + b"\n")
    if changed:
        print("changed")


if __name__ == "__main__":
    main()
