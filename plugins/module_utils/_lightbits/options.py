# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of everything that talks to the Lightbits API, and the client that they ask for.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._argspec import ArgumentSpec
from .._connection import CONNECTION as HTTP_OPTIONS
from .._connection import http_client
from .._errors import UsageError
from .client import Lightbits
from .endpoint import Endpoint
from .token import Token

ENVIRONMENT = {
    "api_endpoints": "LIGHTBITS_API_ENDPOINTS",
    "api_token": "LIGHTBITS_API_TOKEN",
    "api_token_file": "LIGHTBITS_API_TOKEN_FILE",
}

CONNECTION = (
    ArgumentSpec(
        {
            "api_endpoints": {"type": "list", "elements": "str"},
            "api_token": {"type": "str", "no_log": True},
            "api_token_file": {"type": "path", "no_log": False},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
        },
        mutually_exclusive=(("api_token", "api_token_file"),),
        required_by={"client_key": ("client_cert",)},
    )
    + HTTP_OPTIONS
)

# Clients of this process, with what they have learned of the cluster; by process, because forks share sockets.
_clusters: dict[object, Lightbits] = {}


def connect(params: Mapping[str, Any], environ: Mapping[str, str]) -> Lightbits:
    """Return a client for the options of :data:`CONNECTION`. Raises :class:`~.._errors.UsageError`."""
    endpoints = _endpoints(params, environ)
    token = _token(params, environ)
    http = http_client(params)
    key = (os.getpid(), endpoints, token.secrets, id(http))
    if key not in _clusters:
        _clusters[key] = Lightbits(endpoints, token, http)
    return _clusters[key]


def connect_to(endpoint: str, params: Mapping[str, Any], environ: Mapping[str, str]) -> Lightbits:
    """Return a client that asks one server (``host:port``, or with its scheme), and no other when that is away."""
    scheme = _endpoints(params, environ)[0].scheme
    return Lightbits([Endpoint.parse(endpoint, scheme)], _token(params, environ), http_client(params), discover=False)


def _endpoints(params: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Endpoint, ...]:
    given = params.get("api_endpoints")
    if given is None:
        given = [one for one in environ.get(ENVIRONMENT["api_endpoints"], "").split(",") if one.strip()]
    if not given:
        raise UsageError(
            "api_endpoints is missing: set it to the servers of the cluster, like 10.0.0.10:443, or "
            f"{ENVIRONMENT['api_endpoints']} to the same with commas between them."
        )
    found = []
    for text in given:
        try:
            found.append(Endpoint.parse(text))
        except ValueError as error:
            raise UsageError(
                f"api_endpoints has {text!r}, but {error}: write a server as 10.0.0.10:443, [fd00::10]:443 or "
                "https://lightos.example.com."
            ) from None
    schemes = sorted({endpoint.scheme for endpoint in found})
    if len(schemes) > 1:
        raise UsageError("api_endpoints has addresses with http:// and with https://: all servers speak the same.")
    return tuple(dict.fromkeys(found))


def _token(params: Mapping[str, Any], environ: Mapping[str, str]) -> Token:
    text, path = params.get("api_token"), params.get("api_token_file")
    name = "api_token" if text else "api_token_file"
    # A token of the task is not mixed with one of the environment.
    if not text and not path:
        text, path = environ.get(ENVIRONMENT["api_token"]), environ.get(ENVIRONMENT["api_token_file"])
        name = ENVIRONMENT["api_token"] if text else ENVIRONMENT["api_token_file"]
    if not text and not path:
        raise UsageError(
            "A token is missing: set api_token or api_token_file, or the environment variable "
            f"{ENVIRONMENT['api_token']} or {ENVIRONMENT['api_token_file']}."
        )
    if not text:
        text = _read(name, str(path))
    try:
        return Token(text)
    except ValueError as error:
        raise UsageError(f"{name} is no token for the Lightbits API: {error}.") from None


def _read(name: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="ascii")
    except OSError as error:
        raise UsageError(f"{name} is {path}, which cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} is {path}, which is no text file with a token.") from None
