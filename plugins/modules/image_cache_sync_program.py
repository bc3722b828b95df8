#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_cache_sync_program
short_description: Install the program image-cache-sync on a cache host
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Builds the program C(image-cache-sync) from this collection on the controller and copies it to the host.
  - The program is one executable file, a zip archive of Python sources. It needs nothing but Python 3.9 or newer
    on the host, neither Ansible nor this collection.
  - The same version of the collection always gives the same file, so the task changes something only when the
    program has changed.
attributes:
  action:
    support: full
    description: The program is built on the controller.
  async:
    support: none
    description: Supports being used with the C(async) keyword.
  check_mode:
    support: full
    description: Can run in C(check_mode) and predict whether the program would be replaced, without changing it.
  diff_mode:
    support: full
    description: Shows version and SHA-256 of the installed and of the new program.
  platform:
    support: full
    platforms: posix
    description: Hosts with Python 3.9 or newer.
options:
  dest:
    description: Absolute path of the program on the host. Its directory has to exist.
    type: path
    default: /usr/local/bin/image-cache-sync
  owner:
    description: Name of the user that owns the file. By default the user that Ansible becomes.
    type: str
  group:
    description: Name of the group that owns the file. By default the group of the user that Ansible becomes.
    type: str
  mode:
    description: Permissions of the file, as for M(ansible.builtin.copy).
    type: raw
    default: "0755"
seealso:
  - module: ansible.builtin.copy
  - module: metalstack.provisioning.image_cache_preflight
"""

EXAMPLES = r"""
- name: Install image-cache-sync
  metalstack.provisioning.image_cache_sync_program:
    dest: /usr/local/bin/image-cache-sync
    owner: root
    group: root
    mode: "0755"
  register: program

- name: Say which one it is
  ansible.builtin.debug:
    msg: "image-cache-sync {{ program.version }} ({{ program.sha256 }})"
"""

RETURN = r"""
dest:
  description: Path of the program on the host.
  returned: success
  type: str
  sample: /usr/local/bin/image-cache-sync
sha256:
  description: SHA-256 of the program that this collection builds, in check mode as well.
  returned: success
  type: str
  sample: 8a1f5ee1e0b0f0a9ae1e4e6f4c8c0f4a5d0c4a6a5f3f0e7a4f8d4a8f0b8a1c1d
version:
  description: Version of the collection that the program was built from.
  returned: success
  type: str
  sample: 1.0.0
"""
