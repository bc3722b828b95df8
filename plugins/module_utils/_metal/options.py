# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of everything that talks to the metal-api, and the client that they ask for.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Union

from .._argspec import ArgumentSpec
from .._connection import CONNECTION as HTTP_OPTIONS
from .._connection import http_client
from .._errors import ApiError, UsageError
from .._http import HttpClient
from .auth import HMAC_USERS, Auth, BearerAuth, from_options
from .v1 import MetalV1
from .v2 import MetalV2

Api = Union[MetalV1, MetalV2]

# As metalctl has them; the last one is the spelling of metal-ansible-modules.
ENVIRONMENT = {
    "api_url": ("METALCTL_API_URL",),
    "api_hmac": ("METALCTL_HMAC",),
    "api_hmac_user": ("METALCTL_HMAC_AUTH_TYPE",),
    "api_token": ("METALCTL_API_TOKEN", "METALCTL_APITOKEN"),
}
# What metal-ansible-modules take, so that their playbooks go on.
DEFAULT_USER = "Metal-Edit"

CONNECTION = (
    ArgumentSpec(
        {
            "api_url": {"type": "str"},
            "api_hmac": {"type": "str", "no_log": True},
            "api_hmac_user": {"type": "str", "choices": list(HMAC_USERS)},
            "api_token": {"type": "str", "no_log": True},
        },
        mutually_exclusive=(("api_hmac", "api_token"),),
    )
    + HTTP_OPTIONS
)
# For what both generations of the API can do.
VERSION = ArgumentSpec({"api_version": {"type": "str", "choices": ["v1", "v2", "auto"], "default": "auto"}})


def connect(params: Mapping[str, Any], environ: Mapping[str, str], *, default_user: str = DEFAULT_USER) -> MetalV1:
    """Return a client of v1 for the options of :data:`CONNECTION`. Raises :class:`~.._errors.UsageError`."""
    return MetalV1(*_connection(params, environ, default_user))


def connect_v2(params: Mapping[str, Any], environ: Mapping[str, str]) -> MetalV2:
    """Return a client of v2, which takes tokens only. Raises :class:`~.._errors.UsageError`."""
    url, auth, http = _connection(params, environ, DEFAULT_USER)
    if not isinstance(auth, BearerAuth):
        raise UsageError("api_hmac was given, but the metal-api v2 takes tokens only: set api_token.")
    return MetalV2(url, auth, http)


def connect_any(params: Mapping[str, Any], environ: Mapping[str, str], *, default_user: str = DEFAULT_USER) -> Api:
    """Return a client of the ``api_version`` that is asked for.

    ``auto``: v1 for an HMAC key; for a token v2 if something at ``api_url`` answers as metal-apiserver does, else v1.
    Raises :class:`~.._errors.UsageError`, and :class:`~.._errors.ApiError` when ``auto`` cannot find out.
    """
    version = params.get("api_version") or "auto"
    if version == "v1":
        return connect(params, environ, default_user=default_user)
    if version == "v2":
        return connect_v2(params, environ)
    url, auth, http = _connection(params, environ, default_user)
    if isinstance(auth, BearerAuth) and _speaks_v2(url, http):
        return MetalV2(url, auth, http)
    return MetalV1(url, auth, http)


def _speaks_v2(url: str, http: HttpClient) -> bool:
    """Ask the public VersionService without a credential; a v1 server does not know the path."""
    key = (os.getpid(), url)
    if key not in _generations:
        api = MetalV2(url, None, http)
        try:
            _generations[key] = "version" in api.call("metalstack.api.v2.VersionService/Get", {}, idempotent=True)
        except ApiError as error:
            if error.status is None or error.status >= 500 or error.status == 429:
                raise
            _generations[key] = False
    return _generations[key]


_generations: dict[tuple[int, str], bool] = {}


def _connection(
    params: Mapping[str, Any], environ: Mapping[str, str], default_user: str
) -> tuple[str, Auth, HttpClient]:
    found = {name: params.get(name) for name in ENVIRONMENT}
    # A credential of the task is not mixed with one of the environment.
    given = found["api_hmac"] or found["api_token"]
    for name, variables in ENVIRONMENT.items():
        if found[name] is None and not (given and name in ("api_hmac", "api_token")):
            found[name] = next((environ[variable] for variable in variables if environ.get(variable)), None)
    url = (found["api_url"] or "").strip()
    if not url:
        raise UsageError("api_url is missing: set it to the address of the metal-api, or METALCTL_API_URL to the same.")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"api_url is {url!r}, which is not an address that starts with https:// or http://.")
    if not (found["api_hmac"] or found["api_token"]):
        raise UsageError(
            "A credential is missing: set api_hmac (with api_hmac_user) or api_token, or the environment variable "
            "METALCTL_HMAC or METALCTL_API_TOKEN."
        )
    try:
        auth = from_options(found, default_user=default_user)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return url, auth, http_client(params)
