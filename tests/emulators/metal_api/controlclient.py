# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to this emulator's control endpoint from a test. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common import controlclient

LIST_IMAGES = "/metalstack.api.v2.ImageService/List"
LIST_PARTITIONS = "/metalstack.api.v2.PartitionService/List"
REFRESH_TOKEN = "/metalstack.api.v2.TokenService/Refresh"
PING_COMPONENT = "/metalstack.infra.v2.ComponentService/Ping"
# What the image cache needs.
IMAGE_CACHE_METHODS = (LIST_IMAGES, LIST_PARTITIONS, REFRESH_TOKEN, PING_COMPONENT)


class ControlClient(controlclient.ControlClient):
    """``url`` is ``control`` of the ready line."""

    def state(self) -> dict[str, Any]:
        """The state, without secrets; ``components`` are the pings received."""
        state = self.call("GET", "/state")
        assert isinstance(state, dict)
        return state

    def replace_state(self, **sections: object) -> None:
        """Replace the whole state; sections that are not given become empty."""
        self.call("PUT", "/state", sections)

    def change_state(self, **sections: object) -> None:
        """Replace only the given sections, for example ``images=[...]``."""
        self.call("PATCH", "/state", sections)

    def life(self, **settings: object) -> dict[str, Any]:
        """Set the machines' lives: ``step`` (seconds), ``paused``, ``per_request``, ``advance`` (steps), ``crash``."""
        life = self.call("PUT", "/life", settings)
        assert isinstance(life, dict)
        return life

    def tasks(self, *, delay: int) -> None:
        """Let v2's tasks be done that many requests after they were ordered, 0 for at once."""
        self.call("PUT", "/tasks", {"delay": delay})

    def token(
        self, methods: Sequence[str] = IMAGE_CACHE_METHODS, *, lifetime: float = 28800, **settings: object
    ) -> str:
        """Mint a v2 token.

        Settings are ``user``, ``description``, ``type``, ``admin_role``, ``infra_role``, ``permissions``
        (``[{"subject", "methods"}]``) and ``project_roles``, ``tenant_roles``, ``machine_roles`` (role by id).
        """
        return self._secret({"methods": list(methods), "lifetime": lifetime, **settings})

    def bearer(self, *, lifetime: float = 3600, groups: Sequence[str] = ("view",), tenant: str = "metal-stack") -> str:
        """Mint a bearer token for v1; groups are roles or names of groups."""
        return self._secret({"api": "v1", "lifetime": lifetime, "groups": list(groups), "tenant": tenant})

    def revoke_all(self) -> None:
        """Revoke all v2 tokens."""
        for token in self.call("GET", "/tokens"):
            self.call("DELETE", f"/tokens/{token['uuid']}")

    def _secret(self, wish: dict[str, Any]) -> str:
        secret = self.call("POST", "/tokens", wish)["secret"]
        assert isinstance(secret, str)
        return secret
