# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How inventory and lookups get their client of the metal-api. Private to metalstack.provisioning."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._metal.options import connect
from ..module_utils._metal.v1 import MetalV1

NAMES = ("api_url", "api_hmac", "api_hmac_user", "api_token", "ca_path", "validate_certs", "timeout", "retries")
_CREDENTIALS = ("api_hmac", "api_token")


def connect_plugin(get: Callable[[str], Any], sources: Sequence[Mapping[str, Any]]) -> MetalV1:
    """Return a client of v1 for the options that ``get`` returns.

    ``sources`` are where options can come from (by the option's name), the strongest first, without the environment.
    The strongest that has a credential decides alone: a token of the environment is not mixed with the key of a file.
    Raises :class:`~..module_utils._errors.UsageError`.
    """
    params = {name: get(name) for name in NAMES}
    for source in sources:
        if any(source.get(name) is not None for name in _CREDENTIALS):
            params.update({name: None for name in _CREDENTIALS if source.get(name) is None})
            break
    return connect(params, os.environ, default_user="Metal-View")
