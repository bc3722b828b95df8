# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of entities: as v1 answers with them and, with a few keys more, as the state file holds them.

One file an entity: ``<entity>(..)`` is v1's response, ``<entity>_state(..)`` goes into the state file and
``read_<entity>(..)`` comes from there. Readers raise ValueError with one sentence naming what is wrong.
"""

from __future__ import annotations

from .filesystemlayout import filesystem_layout, filesystem_layout_state, read_filesystem_layout
from .image import check_classification, check_feature, image, image_state, read_image
from .ip import ip, ip_state, read_ip
from .machine import ipmi, machine, machine_state, read_machine, read_rules
from .network import network, network_state, read_network
from .partition import partition, partition_state, read_partition
from .project import project, project_state, read_project
from .reader import Document, Reader
from .size import read_size, size, size_state
from .switch import read_switch, switch, switch_state

__all__ = [
    "Document",
    "Reader",
    "check_classification",
    "check_feature",
    "filesystem_layout",
    "filesystem_layout_state",
    "image",
    "image_state",
    "ip",
    "ip_state",
    "ipmi",
    "machine",
    "machine_state",
    "network",
    "network_state",
    "partition",
    "partition_state",
    "project",
    "project_state",
    "read_filesystem_layout",
    "read_image",
    "read_ip",
    "read_machine",
    "read_network",
    "read_partition",
    "read_project",
    "read_rules",
    "read_size",
    "read_switch",
    "size",
    "size_state",
    "switch",
    "switch_state",
]
