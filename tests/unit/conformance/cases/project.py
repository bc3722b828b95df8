# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_project."""

from __future__ import annotations

from ..case import ADMIN, Case

CREATE = {"name": "storage", "tenant": "provider", "labels": ["b=2", "a=1"], "quotas": {"machine": 3}}
METHODS = [f"/metalstack.api.v2.ProjectService/{method}" for method in ("List", "Create", "Update", "Delete")]
UNLIMITED = {"cluster": None, "ip": None, "project": None}

CASES = [
    Case(
        module="metal_project",
        key="project",
        create=CREATE,
        expected={
            "name": "storage",
            "tenant": "provider",
            "description": "",
            "labels": ["a=1", "b=2"],
            "annotations": {},
            "quotas": {**UNLIMITED, "machine": 3},
        },
        missing={"name": "storage"},
        needs="tenant",
        update={**CREATE, "annotations": {"x": "y"}, "quotas": {"machine": -1, "ip": 5}},
        updated={"annotations": {"x": "y"}, "quotas": {**UNLIMITED, "machine": None, "ip": 5}},
        absent={"name": "storage", "tenant": "provider", "state": "absent"},
        environment=ADMIN,
        unknown=frozenset({"id"}),
    ),
    Case(
        module="metal_project",
        variant="v2",
        key="project",
        create={"name": "storage", "tenant": "provider", "labels": ["a=1"]},
        expected={"name": "storage", "tenant": "provider", "description": "", "labels": ["a=1"]},
        missing={"name": "storage"},
        needs="tenant",
        update={"name": "storage", "tenant": "provider", "description": "disks"},
        updated={"description": "disks", "labels": ["a=1"]},
        absent={"name": "storage", "tenant": "provider", "state": "absent"},
        token={"user": "provider", "permissions": [{"subject": "*", "methods": METHODS}]},
        unknown=frozenset({"id"}),
    ),
]
