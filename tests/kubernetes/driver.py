# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use the storage as the CSI driver does, which never runs here: each time with the token that `lb-csi-creds` has."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from .api import Api
from .base import KubernetesError

_SECRET = "/api/v1/namespaces/kube-system/secrets/lb-csi-creds"
_LONGEST, _PACE, _TIMEOUT = 1200.0, 0.05, 30


def drive(api: Api, facts: Mapping[str, Any], project: str, until: Path) -> dict[str, Any]:
    """Ask for the volumes of a project, one server after the other, until a file is there (at most twenty minutes).

    `asked`: how often; `tokens`: how many different ones were accepted; `refused`: a sentence each. When the Secret has
    another token by then, the refusal does not count: the driver tries again, with the new one.
    """
    if "lightbits_endpoints" not in facts:
        raise KubernetesError("this world has no Lightbits cluster of its own, which the driver could ask.")
    asked, refused, accepted = 0, [], set[str]()
    end = time.monotonic() + _LONGEST
    with requests.Session() as session:
        session.trust_env = False
        session.verify = facts["lightbits_ca"]
        for endpoint in itertools.cycle(facts["lightbits_endpoints"]):
            if until.exists() or time.monotonic() > end:
                break
            token = _token(api)
            answer = session.get(
                f"https://{endpoint}/api/v2/projects/{project}/volumes",
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT,
            )
            asked += 1
            if answer.ok:
                accepted.add(token)
            elif token == _token(api):
                refused.append(f"{endpoint}: {answer.status_code} {answer.text[:200]}")
            time.sleep(_PACE)
    return {"asked": asked, "tokens": len(accepted), "refused": refused[:10]}


def _token(api: Api) -> str:
    return base64.b64decode(api("GET", _SECRET)["data"]["jwt"]).decode()
