# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A partition on this machine, from nothing to storage classes, as a short story: ``make demo``.

Nothing is told that is not checked: the story ends with one sentence where something is not as it says.
"""
