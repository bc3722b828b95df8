# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would keep duros-controller from working with a cluster, all of it at once.

duros-controller says little: with an expired token it ends as soon as it starts, with a wrong key storage breaks only
days later, when it mints the next token. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .._errors import ApiError, AuthenticationError, NotFoundError, UsageError, ValidationError
from .._jwt import claims, expires_at, header
from .._values import write_timestamp
from .client import segment
from .cluster import get_cluster
from .credential import Credential, fingerprint
from .duros_api_endpoint import Identity
from .duros_api_endpoint import problems as api_endpoint_problems
from .endpoint import Endpoint
from .naming import check_project_name
from .project import get_project
from .server import list_servers
from .signing import SigningKey

if TYPE_CHECKING:
    from .client import Lightbits

#: The credential that duros-controller has in each project; upstream has no other.
CREDENTIAL = "root"
ADMIN = "system:cluster-admin"
_PKCS1 = "-----BEGIN RSA PRIVATE KEY-----"
# RFC 1123, as names of objects in Kubernetes are
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_MOST_REPLICAS = 3
_DAY = 86400


@dataclass(frozen=True)
class Wish:
    """What duros-controller is to be given. ``api_endpoint`` is where it asks itself, one of ``endpoints`` or a proxy.

    ``identity`` is what it shows there. ``token_days`` is for how many days the token has to be good. Without
    ``check_credential`` the key may be another one than that of the project, which is rotated.
    """

    endpoints: Sequence[str]
    api_endpoint: str
    token: str
    key: str
    convert_key: bool
    token_days: float
    project: str
    storage_classes: Sequence[Mapping[str, Any]]
    check_credential: bool = True
    identity: Identity = field(default_factory=Identity)


@dataclass
class Findings:
    """``problems`` keep it from working, ``warnings`` are to be looked at; sentences."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cluster: dict[str, Any] = field(default_factory=dict)


def look(wish: Wish, api_to: Callable[[Endpoint], Lightbits] | None, now: float) -> Findings:
    """Look at all of it. ``api_to`` returns a client that asks one server only; None where there is no token for it."""
    found = Findings()
    _check_token(wish, found, now)
    public = _check_key(wish, found)
    endpoints = _parsed(wish.endpoints, "endpoints", found)
    if not wish.endpoints:
        found.problems.append("endpoints is empty: give the servers of the cluster, like 10.0.0.10:443.")
    _check_api_endpoint(wish, endpoints, found)
    _check_classes(wish.storage_classes, found)
    if not wish.project:
        found.problems.append("project is empty: give the id of the project in the metal-api.")
    else:
        try:
            check_project_name("project", wish.project)
        except UsageError as error:
            found.problems.append(str(error))
    api = None if api_to is None else _check_endpoints(endpoints, api_to, found)
    if api is not None:
        _check_cluster(api, wish, public, found)
    return found


def _check_token(wish: Wish, found: Findings, now: float) -> None:
    if not wish.token:
        found.problems.append("There is no admin token: give admin_token or admin_token_file.")
        return
    try:
        said, expires = claims(wish.token), expires_at(wish.token)
        key_id = str(header(wish.token).get("kid", ""))
    except ValueError as error:
        found.problems.append(f"The admin token cannot be used: {str(error).rstrip('.')}.")
        return
    roles = said.get("roles")
    if not isinstance(roles, list) or ADMIN not in roles:
        shown = ", ".join(map(str, roles)) if isinstance(roles, list) and roles else "none"
        found.problems.append(f"The admin token has the roles {shown}; duros-controller needs {ADMIN}.")
    if ":" not in key_id:
        found.problems.append("The admin token does not name its key (kid), like system:root.")
    if expires is None:
        found.problems.append("The admin token has no end (exp), so the cluster refuses it.")
        return
    left = (expires - datetime.fromtimestamp(now, timezone.utc)).total_seconds()
    if left <= 0:
        found.problems.append(
            f"The admin token expired at {write_timestamp(expires)}: mint another one (lightbits_jwt)."
        )
    elif left < wish.token_days * _DAY:
        found.problems.append(
            f"The admin token is good for {left / _DAY:.1f} days only, until {write_timestamp(expires)}, but at least "
            f"{wish.token_days:g} are wanted: duros-controller ends when it expires."
        )


def _check_key(wish: Wish, found: Findings) -> str:
    """Return the fingerprint of the public key, "" if there is none."""
    if not wish.key:
        found.problems.append("There is no admin key: give admin_key or admin_key_file.")
        return ""
    try:
        key = SigningKey(wish.key.encode(), "admin_key")
        public = fingerprint(key.public_pem())
    except UsageError as error:
        found.problems.append(str(error))
        return ""
    if _PKCS1 not in wish.key and not wish.convert_key:
        found.problems.append(
            "The admin key is PKCS#8, but duros-controller reads PKCS#1 only: let the role convert it "
            "(duros_controller_convert_key: true), or do so yourself (openssl rsa -traditional)."
        )
    return public


def _parsed(given: Sequence[str], option: str, found: Findings) -> list[Endpoint]:
    endpoints = []
    for text in given:
        try:
            endpoints.append(Endpoint.parse(text))
        except ValueError as error:
            found.problems.append(f"{option} has {text!r}, but {error}: write it as 10.0.0.10:443 or [fd00::10]:443.")
    twice = [literal for literal, count in Counter(one.literal for one in endpoints).items() if count > 1]
    if twice:
        found.problems.append(f"{option} has {twice[0]} twice.")
    return endpoints


def _check_api_endpoint(wish: Wish, endpoints: Sequence[Endpoint], found: Findings) -> None:
    if "," in wish.api_endpoint:
        found.problems.append(f"api_endpoint is {wish.api_endpoint!r}; duros-controller takes one address only.")
        return
    if wish.api_endpoint:
        addresses = _parsed([wish.api_endpoint], "api_endpoint", found)
    else:
        addresses = sorted(endpoints, key=lambda one: one.literal)[:1]
    for address in addresses:
        # a server that is shown no certificate is asked with the others
        if wish.identity.given or address.literal not in {one.literal for one in endpoints}:
            found.problems.extend(api_endpoint_problems(address, wish.identity))


def _check_classes(classes: Sequence[Mapping[str, Any]], found: Findings) -> None:
    if not classes:
        found.problems.append("storage_classes is empty: duros-controller needs at least one.")
    names = [str(one.get("name", "")) for one in classes]
    for name, count in Counter(names).items():
        if count > 1:
            found.problems.append(f"The storage class {name} is given {count} times.")
        if not _NAME.fullmatch(name):
            found.problems.append(
                f"The storage class {name!r} has no name for Kubernetes: use small letters, digits, - and ."
            )
    defaults = [name for name, one in zip(names, classes) if one.get("default")]
    if len(defaults) > 1:
        found.problems.append(f"Only one storage class can be the default, not {' and '.join(defaults)}.")
    for name, one in zip(names, classes):
        replicas = one.get("replicas")
        if isinstance(replicas, bool) or not isinstance(replicas, int) or not 1 <= replicas <= _MOST_REPLICAS:
            found.problems.append(
                f"The storage class {name} has {replicas} replicas; 1 to {_MOST_REPLICAS} are possible."
            )
        if one.get("encryption") and one.get("compression"):
            found.warnings.append(f"The storage class {name} is encrypted, so nothing is compressed in it.")


def _check_endpoints(
    endpoints: Sequence[Endpoint], api_to: Callable[[Endpoint], Lightbits], found: Findings
) -> Lightbits | None:
    """Ask each server by itself; return a client of one that answers."""
    clusters: dict[str, list[str]] = {}
    usable = None
    token_is_bad = any("admin token" in problem for problem in found.problems)
    refusals: dict[str, list[str]] = {}
    for endpoint in dict.fromkeys(endpoints):
        try:
            api = api_to(endpoint)
            cluster = get_cluster(api)
        except ApiError as error:
            if isinstance(error, AuthenticationError) and token_is_bad:
                continue
            # what all of them say is said once, without the address
            reason = re.sub(r"^GET \S+ (failed: )?", "", error.message.rstrip("."))
            refusals.setdefault(reason.replace(endpoint.literal, "it"), []).append(endpoint.literal)
            continue
        clusters.setdefault(cluster.uuid, []).append(endpoint.literal)
        usable = usable or api
    for reason, literals in refusals.items():
        found.problems.append(f"The cluster cannot be asked at {', '.join(literals)}: {reason}.")
    if len(clusters) > 1:
        listed = "; ".join(f"{', '.join(literals)} of {uuid}" for uuid, literals in sorted(clusters.items()))
        found.problems.append(f"endpoints are of {len(clusters)} clusters: {listed}.")
        return None
    return usable


def _check_cluster(api: Lightbits, wish: Wish, public: str, found: Findings) -> None:
    try:
        cluster = get_cluster(api)
        servers = [server for server in list_servers(api) if not server.witness]
        project = get_project(api, wish.project) if wish.project else None
        credential = None if project is None else _credential(api, wish.project)
    except ApiError as error:
        found.problems.append(f"The cluster does not answer as it should: {error.message.rstrip('.')}.")
        return
    found.cluster = {
        "uuid": cluster.uuid,
        "endpoints": [one.literal for one in cluster.endpoints.api],
        "servers": len(servers),
        "project": project is not None,
        "credential": credential is not None,
        "credential_matches": credential is not None and credential.fingerprint == public,
    }
    _compare_endpoints(wish.endpoints, found)
    most = min(filter(None, (len(servers), cluster.max_replicas)), default=0)
    for one in wish.storage_classes:
        replicas = one.get("replicas")
        if isinstance(replicas, int) and most < replicas <= _MOST_REPLICAS:
            found.problems.append(
                f"The storage class {one.get('name')} has {replicas} replicas, but the cluster has {len(servers)} "
                f"servers, which allows {most}."
            )
    if wish.check_credential and credential is not None and public and credential.fingerprint != public:
        found.problems.append(
            f"The credential {CREDENTIAL} of the project {wish.project} is not of the admin key: the cluster would "
            "refuse the tokens that duros-controller mints. Give the key that belongs to it, or rotate it "
            "(lightos_rotate_credentials)."
        )


def _compare_endpoints(given: Sequence[str], found: Findings) -> None:
    """Warn of servers that were added or removed: storage classes keep the addresses that they were made with."""
    known = set(found.cluster["endpoints"])
    parsed = {endpoint.literal for endpoint in _parsed(given, "endpoints", Findings())}
    for what, names in (
        ("The cluster has servers that endpoints lacks", known - parsed),
        ("endpoints has servers that the cluster does not name", parsed - known),
    ):
        if names:
            found.warnings.append(f"{what}: {', '.join(sorted(names))} (duros_controller_follow_cluster).")


def _credential(api: Lightbits, project: str) -> Credential | None:
    try:
        return Credential.from_api(api.get(f"/projects/{segment(project)}/credentials/{CREDENTIAL}"))
    except (NotFoundError, ValidationError):
        # some versions call one that is not there an invalid argument
        return None
