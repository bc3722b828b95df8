# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a cluster as its clients use it. Private to the collection metalstack.provisioning.

Every server is asked by itself: a client that goes on with the next one would not notice that one of them is silent.
Then a tenant that exists for this only has a volume, which says whether data is stored and protected.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .._errors import ApiError, UsageError
from .._reconcile import Resource, reconcile
from .._values import text, timestamp, write_timestamp
from .._wait import Waiting
from .cluster import get_cluster
from .credential import CredentialResource
from .project import ProjectResource, list_projects
from .server import list_servers
from .signing import SigningKey, new_key
from .volume import PROTECTED, get_volume, list_volumes
from .volume_resource import VolumeResource

if TYPE_CHECKING:
    from .client import Lightbits

PREFIX = "lightbits-verify-"
_MADE = "lightbits_verify, "
_CREDENTIAL, _VOLUME = "verify", "verify"
# Longer than any run: what is older was left by one that was interrupted.
_STALE = timedelta(hours=6)
_LIFETIME = 3600


@dataclass(frozen=True)
class Trial:
    """The volume to try with. ``api_of`` returns a client with another token."""

    size: str
    replicas: int
    waiting: Waiting
    api_of: Callable[[str], Lightbits]


def check_servers(
    api: Lightbits, expected: Sequence[str], api_to: Callable[[str], Lightbits]
) -> tuple[list[dict[str, str]], list[str]]:
    """Ask each server of the cluster; return what each says of the cluster's health, and what is wrong."""
    endpoints = [endpoint.literal for endpoint in get_cluster(api).endpoints.api]
    names = {server.name for server in list_servers(api)}
    problems = [f"the cluster has no server {name}" for name in expected if name not in names]
    if len(endpoints) < len(names):
        problems.append(f"the cluster has {len(names)} servers, but only {len(endpoints)} addresses of its API")
    found = []
    for endpoint in endpoints:
        try:
            health = api_to(endpoint).get("/cluster").get("health")
            state = text(health, "state") if isinstance(health, Mapping) else ""
        except ApiError as error:
            problems.append(f"the server at {endpoint} does not answer as it should ({error.message.rstrip('.')})")
            continue
        found.append({"endpoint": endpoint, "health": state or "None"})
        if state != "OK":
            problems.append(f"the server at {endpoint} says that the health of the cluster is {state or 'None'}")
    return found, problems


def try_volume(api: Lightbits, trial: Trial) -> dict[str, Any]:
    """Have a volume of a tenant until it is fully protected, and remove all of it; return how long it took.

    Raises ApiError. What could not be removed is removed by a later run.
    """
    remove_leftovers(api, trial.waiting)
    project = f"{PREFIX}{secrets.token_hex(4)}"
    began = time.monotonic()
    try:
        seconds = _have_volume(api, trial, project)
    except (ApiError, UsageError):
        _try_to_remove(api, project, trial.waiting)
        raise
    _remove(api, project, trial.waiting)
    return {**seconds, "removed": round(time.monotonic() - began, 3)}


def remove_leftovers(api: Lightbits, waiting: Waiting) -> list[str]:
    """Remove the tenants of runs that were interrupted; return their names."""
    oldest = datetime.now(timezone.utc) - _STALE
    stale = [
        project.name
        for project in list_projects(api)
        if project.name.startswith(PREFIX) and _made(project.description) < oldest
    ]
    for name in stale:
        _remove(api, name, waiting)
    return stale


def _have_volume(api: Lightbits, trial: Trial, project: str) -> dict[str, float]:
    began = time.monotonic()
    made = f"{_MADE}{write_timestamp(datetime.now(timezone.utc))}"
    _do(ProjectResource(api, {"name": project, "description": made}))
    key = SigningKey(new_key().encode(), "the new key")
    wanted = {"project": project, "id": _CREDENTIAL, "type": "RS256PubKey", "content": key.public_pem()}
    _do(CredentialResource(api, wanted, api.key_id))
    now = int(time.time())
    claims = {"sub": "lightbits_verify", "roles": [f"{project}:admin"], "iat": now, "exp": now + _LIFETIME}
    tenant = trial.api_of(key.token(f"{project}:{_CREDENTIAL}", claims))
    volume = {"name": _VOLUME, "project": project, "size": trial.size, "replica_count": trial.replicas}
    _do(VolumeResource(tenant, volume, trial.waiting))
    created = time.monotonic()
    [made_volume] = list_volumes(tenant, project, name=_VOLUME)
    trial.waiting.until(
        lambda: get_volume(tenant, made_volume.path),
        lambda found: found is not None and found.protection == PROTECTED,
        what=f"the volume {made_volume.title} to be fully protected",
        seen=lambda found: "it is gone" if found is None else f"{found.state}, {found.protection}",
    )
    return {"created": round(created - began, 3), "protected": round(time.monotonic() - began, 3)}


def _try_to_remove(api: Lightbits, project: str, waiting: Waiting) -> None:
    """Remove what is there of it. What went wrong before is worth more to be told."""
    try:
        _remove(api, project, waiting)
    except (ApiError, UsageError):
        # a later run finds it by its name
        return


def _remove(api: Lightbits, project: str, waiting: Waiting) -> None:
    if project not in {one.name for one in list_projects(api)}:
        return
    for volume in list(list_volumes(api, project)):
        _do(VolumeResource(api, {"name": volume.name, "project": project, "state": "absent"}, waiting))
    credential = {"project": project, "id": _CREDENTIAL, "type": "RS256PubKey", "state": "absent"}
    _do(CredentialResource(api, credential, api.key_id))
    _do(ProjectResource(api, {"name": project, "state": "absent"}))


def _do(resource: Resource[Any]) -> None:
    reconcile(resource, check_mode=False)


def _made(description: str) -> datetime:
    """Return when it was made; now for what somebody else has made."""
    try:
        return timestamp(description[len(_MADE) :]) or datetime.now(timezone.utc)
    except ValueError:
        return datetime.now(timezone.utc)
