# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: health, version, and the user's own identity."""

from __future__ import annotations

from typing import Any

from ..documents import Document
from .call import Call, Operation


def _health(call: Call) -> tuple[int, Document]:
    health = dict(call.state.health)
    status = 500 if health["status"] == "unhealthy" else 200
    service = call.query.get("service", "")
    if service:
        one: dict[str, Any] = health["services"].get(service, {"status": "", "message": ""})
        health = {"status": one["status"], "message": one.get("message", ""), "services": {service: one}}
    if not health["services"]:
        del health["services"]
    return status, health


def _version(call: Call) -> Document:
    return call.state.version


def _me(call: Call) -> Document:
    user = call.user
    return {
        "EMail": user.email,
        "Name": user.name,
        "Groups": list(user.groups),
        "Tenant": user.tenant,
        "Issuer": user.issuer,
        "Subject": user.subject,
    }


OPERATIONS = (
    Operation("GET", "/v1/health", _health),
    Operation("GET", "/v1/version", _version),
    Operation("GET", "/v1/user/me", _me, role="view"),
)
