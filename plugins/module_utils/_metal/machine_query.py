# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How machines are searched: what the metal-api v1 can find by, and what has to be looked at here.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import ProtocolError
from .._values import mappings, text, texts
from .image import exact_image, image_matches
from .machine import Machine
from .machine_wish import wanted_image
from .v1 import MetalV1

# Options and fields of the request; all are compared exactly, and lists with "contains".
_FIELDS = {
    "id": "id",
    "entity_name": "name",
    "name": "allocation_name",
    "project": "allocation_project",
    "partition": "partition_id",
    "rack": "rackid",
    "size": "sizeid",
    "role": "allocation_role",
    "image": "allocation_image_id",
    "hostname": "allocation_hostname",
    "succeeded": "allocation_succeeded",
    "tags": "tags",
    "memory": "hardware_memory",
}
# Options that are dictionaries, and the fields that their keys become.
_GROUPS = {"network": "network_", "nic": "nics_", "disk": "disk_", "ipmi": "ipmi_", "fru": "fru_"}

ISSUES = (
    "no-partition",
    "liveliness-dead",
    "liveliness-unknown",
    "liveliness-not-available",
    "failed-machine-reclaim",
    "crashloop",
    "last-event-error",
    "bmc-without-mac",
    "bmc-without-ip",
    "bmc-info-outdated",
    "asn-not-unique",
    "bmc-no-distinct-ip",
    "no-event-container",
)
SEVERITIES = ("minor", "major", "critical")


def machine_query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of ``/v1/machine/find`` for the options of metal_machine_info; image ids may be short.

    Raises UsageError.
    """
    query = {field: params[option] for option, field in _FIELDS.items() if params.get(option) is not None}
    for option, prefix in _GROUPS.items():
        given = params.get(option) or {}
        query.update({f"{prefix}{key}": value for key, value in given.items() if value is not None})
    image = wanted_image(params.get("image"))
    if image is not None and not exact_image(image):
        del query["allocation_image_id"]
    return query


def machine_matches(machine: Machine, params: Mapping[str, Any]) -> bool:
    """Whether a machine fits the options that the API cannot find by, or not as users mean them.

    The API compares states with its database, where a reserved machine is TAINTED.
    """
    image = params.get("image")
    return (
        params.get("state") in (None, machine.state)
        and params.get("liveliness") in (None, machine.liveliness)
        and params.get("allocated") in (None, machine.allocation is not None)
        and (image is None or (machine.allocation is not None and image_matches(image, machine.allocation.image)))
    )


def evaluate_issues(api: MetalV1, query: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return the issues of machines by their ids, for a query with severity, only, omit and last_error_threshold.

    Each issue has ``id``, ``severity``, ``description`` and ``reference``. Raises :class:`~.._errors.ApiError`.
    """
    try:
        catalogue = {text(issue, "id"): issue for issue in api.get_list("/v1/machine/issues")}
        found = api.find("/v1/machine/issues/evaluate", query)
        return {
            text(entry, "machineid"): [_issue(name, catalogue.get(name, {})) for name in texts(entry, "issues")]
            for entry in mappings({"entries": found}, "entries")
        }
    except ValueError as error:
        raise ProtocolError(f"The issues of machines of the metal-api cannot be understood: {error}.") from None


def _issue(name: str, known: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": name,
        "severity": text(known, "severity"),
        "description": text(known, "description"),
        "reference": text(known, "ref_url"),
    }
