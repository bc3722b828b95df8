# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that expire, without the credentials. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .hosts import Host
from .words import count, days_until, moment, part, shown_time


def tokens(cluster: Mapping[str, Any], hosts: Sequence[Host], now: datetime, within: int) -> list[dict[str, Any]]:
    """Return all that is known to expire, the soonest first; ``state`` is ``warning`` within so many days."""
    found = []
    claims = part(cluster.get("token"))
    if claims:
        found.append(
            _token(f"Lightbits API, key {claims.get('key_id')}", "controller", claims.get("expires_at"), now, within)
        )
    for host in hosts:
        expires = part(host.status.get("sync")).get("token_expires_at")
        if expires:
            # image-cache-sync renews it in half of its time: one that is nearly over was not renewed
            found.append(_token("metal-api, image-cache-sync", host.name, expires, now, 0))
    return sorted(found, key=lambda one: (one["days"] is None, one["days"] or 0.0))


def _token(what: str, where: str, expires: Any, now: datetime, within: int) -> dict[str, Any]:
    time = moment(expires)
    days = None if time is None else days_until(time, now)
    if days is None:
        state, word = "unknown", "never"
    elif days <= 0:
        state, word = "bad", "expired"
    else:
        state = "warning" if days < within else "ok"
        word = f"in {count(int(days), 'day')}" if days >= 1 else f"in {count(int(days * 24), 'hour')}"
    return {"what": what, "where": where, "expires": shown_time(expires), "days": days, "state": state, "word": word}


def token_problems(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return a sentence for each token that is over or nearly so."""
    return [
        (
            str(one["state"]),
            f"The token for {one['what']} ({one['where']}) "
            + ("has expired." if one["word"] == "expired" else f"expires {one['word']}."),
        )
        for one in found
        if one["state"] in ("warning", "bad")
    ]  # fmt: skip
