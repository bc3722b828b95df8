# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether duros-controller would be let in at the address that it asks itself: TLS, certificates, HTTP/2.

Connects as it does, and sends no more than the beginning of HTTP/2. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from .endpoint import Endpoint

_TIMEOUT = 5.0
# The preface of a client and settings that say nothing. With TLS 1.3 a server refuses a certificate after the
# handshake, so that only its answer tells whether it did.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

_GIVE = "give duros_controller_api_ca, duros_controller_api_cert and duros_controller_api_key"


@dataclass(frozen=True)
class Identity:
    """PEM, all of it or nothing: without it duros-controller neither shows a certificate nor checks the server's."""

    ca: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def given(self) -> bool:
        """Whether duros-controller uses it."""
        return bool(self.ca and self.certificate and self.key)


def problems(address: Endpoint, identity: Identity) -> Iterator[str]:
    """Return why duros-controller would not be let in there, one sentence or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    try:
        _prepare(context, identity)
    except ValueError as error:
        yield str(error)
        return
    where = f"api_endpoint {address.literal}"
    try:
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection((address.host, address.port), timeout=_TIMEOUT))
            secure = stack.enter_context(context.wrap_socket(plain, server_hostname=address.host))
            secure.sendall(_PREFACE)
            if not secure.recv(1):
                yield _end(where, identity)
            elif secure.selected_alpn_protocol() != "h2":
                yield f"{where} does not speak HTTP/2, so it is nothing for gRPC."
    except ssl.SSLCertVerificationError as error:
        yield f"{where} has a certificate that api_ca does not prove: {error.verify_message.rstrip('.')}."
    except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError):
        yield _end(where, identity)
    except ssl.SSLError as error:
        yield _refusal(where, identity, error)
    except OSError as error:
        yield f"{where} does not answer: {error.strerror or error}."


def _prepare(context: ssl.SSLContext, identity: Identity) -> None:
    """Raises ValueError with a sentence."""
    if not identity.given:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return
    # in addition to those of the system, as duros-controller does
    context.load_default_certs()
    try:
        context.load_verify_locations(cadata=identity.ca)
    except (ssl.SSLError, ValueError):
        raise ValueError("api_ca has no certificate in PEM format.") from None
    with _file(f"{identity.certificate}\n{identity.key}\n") as path:
        try:
            # without a password, OpenSSL would ask for it on the terminal
            context.load_cert_chain(path, password="")
        except (ssl.SSLError, ValueError):
            raise ValueError(
                "api_cert and api_key are not a certificate and the unencrypted key that belongs to it, in PEM format."
            ) from None


@contextlib.contextmanager
def _file(content: str) -> Iterator[str]:
    """A file for its owner only, since OpenSSL reads keys from files."""
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
        yield path
    finally:
        os.unlink(path)


def _refusal(where: str, identity: Identity, error: ssl.SSLError) -> str:
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "alert" not in reason:
        return f"{where} does not speak TLS as it should: {reason}."
    if identity.given:
        return f"{where} refuses the certificate api_cert: {reason}."
    return f"{where} wants a certificate of its client: {_GIVE} ({reason})."


def _end(where: str, identity: Identity) -> str:
    """Some end the connection without a word of TLS."""
    if identity.given:
        return f"{where} ends the connection; it may refuse the certificate api_cert."
    return f"{where} ends the connection; it may want a certificate of its client: {_GIVE}."
