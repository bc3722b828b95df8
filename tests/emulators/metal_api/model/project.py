# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects. Their tenant is only a name here."""

from __future__ import annotations

from dataclasses import dataclass

from .table import Entity

# The quotas that a project has, each a limit or None.
QUOTAS = ("cluster", "machine", "ip", "project")


@dataclass(frozen=True)
class Project(Entity):
    """A project as stored. ``generation`` is the version that v1's optimistic locking compares.

    v1 shows ``labels`` as a list and has ``annotations`` beside; v2's labels are a map, of ``key=value``.
    """

    tenant: str = ""
    labels: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    quotas: tuple[tuple[str, int], ...] = ()
    avatar_url: str = ""
