# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measured promises: ``make bench`` or ``python -m tests.benchmark [NAME...]``.

Every figure compares two things measured in turn in the same run on the same hosts, so that it means the same on every
machine, or counts something that must be zero. Nothing here fails because a machine is slow.
"""
