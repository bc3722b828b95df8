# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image cache of a partition: the program ``image-cache-sync`` and the checks of a cache host.

Private to the collection metalstack.provisioning. Standard library only, Python 3.9 or newer, relative imports only:
the same files run in a module, in the Ansible controller, and zipped on a cache host without Ansible.
"""
