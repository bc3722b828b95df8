# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage servers: what hardware they have, and whether LightOS may be installed on them.

Private to the collection metalstack.provisioning.
"""
