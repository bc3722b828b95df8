# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS for the HTTP client: options, and one context for each of them in a process.

Building a context loads all certificates of the system, which takes as long as twenty requests.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsOptions:
    """How a server is checked and how the client shows itself.

    ``ca_path`` is a file or a directory (hashed by ``openssl rehash``) with the authorities that are trusted instead of
    the system's. ``client_cert`` is a PEM file, ``client_key`` its unencrypted key when that lies in another file.
    """

    ca_path: str | None = None
    validate_certs: bool = True
    client_cert: str | None = None
    client_key: str | None = None


class TlsError(Exception):
    """A file of the options cannot be used; the text is a part of a sentence."""


# No lock: a process that is forked while another thread holds it could never build a context.
_contexts: dict[object, ssl.SSLContext] = {}


def context(options: TlsOptions) -> ssl.SSLContext:
    """Return the context for ``options``; a file that changed on disk is read again. Raises :class:`TlsError`."""
    key = (options, *map(_version, (options.ca_path, options.client_cert, options.client_key)))
    return _contexts.get(key) or _contexts.setdefault(key, _create(options))


def _version(path: str | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _create(options: TlsOptions) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if not options.validate_certs:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif options.ca_path is None:
        made.load_default_certs()
    else:
        _trust(made, options.ca_path)
    if options.client_cert is not None:
        _show(made, options.client_cert, options.client_key)
    elif options.client_key is not None:
        raise TlsError("client_key was given without client_cert")
    return made


def _trust(made: ssl.SSLContext, path: str) -> None:
    if Path(path).is_dir():
        made.load_verify_locations(capath=path)
        return
    try:
        made.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise TlsError(f"ca_path {path} holds no certificate in PEM format") from None
    except OSError as error:
        raise TlsError(f"ca_path {path} cannot be read: {error.strerror or error}") from None


def _show(made: ssl.SSLContext, certificate: str, key: str | None) -> None:
    for option, path in (("client_cert", certificate), ("client_key", key)):
        if path is not None and not os.access(path, os.R_OK):
            raise TlsError(f"{option} {path} cannot be read")
    try:
        # without a password, OpenSSL would ask for it on the terminal
        made.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError):
        raise TlsError(
            f"client_cert {certificate} and its key are not a certificate and an unencrypted matching key in PEM format"
        ) from None
