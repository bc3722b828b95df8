# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test-bed: Debian hosts with systemd in Docker containers, and the services they meet.

One definition of each world (:mod:`tests.testbed.imagecache`, :mod:`tests.testbed.storage`) serves the Molecule
scenarios, ``make demo`` and the benchmark. See README.md beside this file.
"""
