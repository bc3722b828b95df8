# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: what is open to everybody, VersionService and HealthService."""

from __future__ import annotations

from metalstack.api.v2 import health_pb2, version_pb2  # type: ignore[import-untyped]

from .call import Call, Message, Services

STATUS = {
    "healthy": health_pb2.SERVICE_STATUS_HEALTHY,
    "degraded": health_pb2.SERVICE_STATUS_DEGRADED,
    "partial-outage": health_pb2.SERVICE_STATUS_DEGRADED,
    "unhealthy": health_pb2.SERVICE_STATUS_UNHEALTHY,
}
# v1's names of services that v2 knows as well.
NAMES = {"ipam": health_pb2.SERVICE_IPAM, "rethinkdb": health_pb2.SERVICE_RETHINK, "audit": health_pb2.SERVICE_AUDIT}


def _version(ask: Call) -> Message:
    version = ask.state.version
    return version_pb2.VersionServiceGetResponse(
        version=version_pb2.Version(
            version=version["version"],
            revision=version["revision"],
            git_sha1=version["gitsha1"],
            build_date=version["builddate"],
        )
    )


def _health(ask: Call) -> Message:
    services = ask.state.health["services"] or {"rethinkdb": ask.state.health}
    statuses = [
        health_pb2.HealthStatus(name=NAMES[name], status=STATUS[service["status"]], message=service.get("message", ""))
        for name, service in services.items()
        if name in NAMES
    ]
    return health_pb2.HealthServiceGetResponse(health=health_pb2.Health(services=statuses))


SERVICES: Services = {
    "metalstack.api.v2.VersionService": {"Get": _version},
    "metalstack.api.v2.HealthService": {"Get": _health},
}
