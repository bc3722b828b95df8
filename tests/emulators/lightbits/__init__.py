# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A LightOS cluster of Lightbits, as far as its API v2 (REST) tells of it. Written from the documented contract."""

from __future__ import annotations
