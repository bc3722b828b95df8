# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of worlds, and which kind one is that is up."""

from __future__ import annotations

from .imagecache import ImageCacheWorld
from .storage import StorageWorld
from .world import KIND_FILE, World

KINDS: dict[str, type[World]] = {kind.kind: kind for kind in (ImageCacheWorld, StorageWorld)}


def find(kind: str | None = None) -> World:
    """The world of the environment's name; without a kind, of the kind that it has, or the image cache's."""
    if kind is not None:
        return KINDS[kind]()
    world = ImageCacheWorld()
    known = world.directory / KIND_FILE
    return KINDS[known.read_text()]() if known.exists() else world
