# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The known defects of metal-ansible-modules, none of which may exist here.

The tests that show it are named after the numbers: ``test_defect_07_...`` is about number 7.
"""

from __future__ import annotations

import re
from pathlib import Path

DEFECTS = {
    # metal_network
    1: "a description that is not given is compared, and changed in every run",
    2: "shared is false unless given, so a second run tries to make a shared network unshared",
    3: "an id that is gone ends in a traceback, with state=absent too",
    4: "labels are never brought to what is wanted",
    5: "options are not documented, and others are documented as required that are not",
    6: "a network is found by its name only, so it cannot be renamed",
    # metal_ip
    7: "a given address is ignored, and another one is allocated",
    8: "an update takes away the tag of the machine, and so the address from the machine",
    9: "the type is ephemeral unless given, so a second run on a static address fails",
    10: "absent by name fails when the address is gone already",
    11: "an error has an unfilled %s",
    12: "tags are neither documented, nor is said what they consist of",
    # metal_project
    13: "an update sends neither the version nor what was not given, and so fails or wipes it",
    14: "labels that are not given are a change in every run",
    15: "a project without annotations ends in a traceback",
    16: "a project is found by its name only, whichever tenant it belongs to",
    # metal_machine
    17: "a machine that is given by id is never allocated",
    18: "absent fails when the machine is gone, or is not allocated",
    19: "project is required, also where nobody needs it",
    20: "what differs and cannot be changed is not shown",
    21: "a search by name ignores the partition",
    22: "an unknown id ends in a traceback",
    23: "user data is sent as it is, but has to be base64",
    24: "absent does not wait until the machine is free",
    # metal_firewall
    25: "rules are not validated, so wrong ones end in a traceback",
    26: "user data and SSH keys are not documented",
    27: "there is no filesystem layout",
    # modules for v2
    28: "a missing package is a NameError",
    29: "the client is made in a way that later releases refuse",
    30: "an update claims to know the present state, and is refused",
    31: "permissions and labels are compared as what they are not",
    32: "permissions that are left out end in a traceback",
    33: "the timeout cannot be set",
    34: "an example names a module that does not exist",
}


def test_each_defect_has_a_test_that_names_it() -> None:
    folder = Path(__file__).parent
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("test_*.py"))]
    named = {int(number) for text in texts for number in re.findall(r"^def test_defect_(\d\d)_", text, re.MULTILINE)}
    assert named == set(DEFECTS)
