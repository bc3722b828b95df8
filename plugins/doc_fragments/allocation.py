# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of metal_machine and metal_firewall, and of waiting for machines."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  id:
    description:
      - Id (UUID) of the machine to allocate, or of the one that is meant.
      - Without it the metal-api chooses a machine by O(partition) and O(size), and later O(name) and O(project) say
        which one is meant. One of O(id) and O(name) is required.
      - A reserved machine can be allocated by its id, a locked one cannot. With C(v2) only admins may do it.
    type: str
  name:
    description:
      - Name of the allocation. The metal-api does not keep it unique; if a project has it more than once, the task
        fails unless O(id) or O(partition) says which one is meant.
    type: str
  project:
    description:
      - Id of the project that gets the machine. Required with O(name) and for an allocation.
      - A machine of another project is never touched.
    type: str
  partition:
    description: Id of the partition. Needed for an allocation without O(id); limits the search by O(name) as well.
    type: str
  size:
    description: Id of the size. Needed for an allocation without O(id).
    type: str
  image:
    description:
      - Id of the image, either exact, like V(ubuntu-24.04.20251010), or V(ubuntu-24.04) for the newest of that version.
        Needed for an allocation.
      - An allocation with any image of the version satisfies the short form.
    type: str
  hostname:
    description: Host name. The API gives V(metal) to all that have none.
    type: str
  description:
    description: Description for people. A change of it needs the admin key with C(v1).
    type: str
  networks:
    description:
      - All networks that it shall be in. Needed for an allocation.
      - The rules for them, those of private shared networks (MEP-5) included, are checked before anything is allocated.
        The primary private network has to belong to O(project).
    type: list
    elements: dict
    suboptions:
      network:
        description: Id of the network.
        type: str
        required: true
      ips:
        description: Addresses to use, which O(project) has already (see M(metalstack.provisioning.metal_ip)).
        type: list
        elements: str
      auto:
        description:
          - Whether the API finds an address of each address family of the network.
          - By default it does so where no O(networks[].ips) are given; with them it never does.
        type: bool
  user_data:
    description:
      - Cloud-init or ignition configuration for the first boot, as it is or in base64. It is sent in base64.
      - It may hold secrets, so it is never shown; results and differences have its SHA-256.
    type: str
    aliases: [userdata]
  ssh_public_keys:
    description:
      - Public keys of those who may log in. A change of them, for the next installation, needs the admin key with
        C(v1).
      - The API cannot empty the list.
    type: list
    elements: str
    aliases: [ssh_pub_keys]
  tags:
    description:
      - Tags that it shall have, C(key=value) or a word; another value of the same key is replaced. Others stay.
      - A change of them needs the admin key with C(v1). C(v2) keeps them as labels of the allocation,
        so that a key has one value.
    type: list
    elements: str
  placement_tags:
    description: With other machines that have these tags, it should not share a rack. Used for an allocation only.
    type: list
    elements: str
  dns_servers:
    description: Addresses of up to three DNS servers. By default those of the partition.
    type: list
    elements: str
  ntp_servers:
    description: Names or addresses of up to five NTP servers. By default those of the partition.
    type: list
    elements: str
  filesystem_layout:
    description: Id of the filesystem layout. By default the one that fits to size and image.
    type: str
    aliases: [filesystemlayout]
  reinstall:
    description:
      - Whether it is installed anew, which deletes what is on the disks that its filesystem layout wipes. C(v1) only.
      - V(never) does not do it; another O(image) is then only reported in RV(drift).
      - V(on_image_change) does it when it was not installed with O(image), which has to be an exact id then.
      - V(always) does it in each run, unless it is just being reinstalled with this image.
      - A locked one is refused.
    type: str
    choices: [never, on_image_change, always]
    default: never
  state:
    description:
      - V(present) allocates it if needed. What cannot be changed afterwards and differs is a warning and in RV(drift).
      - V(absent) frees it, with everything that is on its disks. A locked one is refused.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until it is installed and C(Phoned Home), or after O(state=absent) until it is C(Waiting) for
        its next allocation.
      - A task that has nothing to change waits as well when an earlier one has not waited to the end.
      - It ends with the last event when that takes too long, and at once when the machine is in a crash loop.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait.
    type: int
    default: 1800
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 5
"""
