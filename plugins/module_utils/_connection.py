# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every API takes for TLS, patience and repetitions, and the HTTP client that they ask for.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ._argspec import ArgumentSpec
from ._errors import UsageError
from ._http import HttpClient, RetryPolicy, TlsOptions

CONNECTION = ArgumentSpec(
    {
        "ca_path": {"type": "path"},
        "validate_certs": {"type": "bool", "default": True},
        "timeout": {"type": "float", "default": 10.0},
        "retries": {"type": "int", "default": 3},
    }
)

# Clients of this process: a loop, or a bulk task, pays for one TLS handshake. By process, because forks share sockets.
_clients: dict[object, HttpClient] = {}


def http_client(params: Mapping[str, Any]) -> HttpClient:
    """Return the client for the options of :data:`CONNECTION`, and ``client_cert`` and ``client_key``.

    Raises :class:`~._errors.UsageError`.
    """
    timeout, retries = params.get("timeout"), params.get("retries")
    timeout = 10.0 if timeout is None else timeout
    retries = 3 if retries is None else retries
    if timeout <= 0:
        raise UsageError(f"timeout is {timeout:g}; it must be more than 0 seconds.")
    if not 0 <= retries <= 100:
        raise UsageError(f"retries is {retries}; it must be between 0 and 100.")
    tls = TlsOptions(
        ca_path=params.get("ca_path"),
        validate_certs=params.get("validate_certs") is not False,
        client_cert=params.get("client_cert"),
        client_key=params.get("client_key"),
    )
    key = (os.getpid(), tls, timeout, retries)
    if key not in _clients:
        _clients[key] = HttpClient(tls=tls, timeout=timeout, retry=RetryPolicy(attempts=retries + 1))
    return _clients[key]
