# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that holds the secret of a token of v2. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from .._jwt import claims
from .._private_file import PrivateFile


class TokenFile(PrivateFile):
    """A private file whose content tells which token it is."""

    def token_id(self) -> str | None:
        """Return the id of the token in it, None when there is no token in it."""
        try:
            name = claims(self.content() or "").get("jti")
        except ValueError:
            return None
        return name if isinstance(name, str) else None
