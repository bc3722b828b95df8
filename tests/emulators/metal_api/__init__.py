# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulator of metal-stack's APIs: v1 (metal-api, REST) and v2 (metal-apiserver, Connect), on one state.

Facts come from the sources of metal-api (2026-06) and metal-apiserver (2026-08); quirks are kept on purpose, because
clients have to live with them. It is proven by the official clients of both APIs (``tests/unit/emulators``).
"""

from __future__ import annotations
