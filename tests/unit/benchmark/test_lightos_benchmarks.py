# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the role lightos, as far as they can be tried without hosts."""

from __future__ import annotations

from tests.benchmark.lightos.noop import Counted, counted

OUTPUT = """
TASK [lightos : On all] ********
ok: [storage-1]
changed: [storage-3]
ok: [storage-2]

TASK [lightos : On one for all, with items] ********
ok: [storage-1 -> localhost] => (item=a)
ok: [storage-1 -> localhost] => (item=b)

TASK [lightos : Only included] ********
included: gate.yml for storage-1, storage-2, storage-3

TASK [lightos : Skipped] ********
skipping: [storage-1]

PLAY RECAP ********
storage-1 : ok=3 changed=1
"""


def test_tasks_that_do_something_are_counted_once_a_host() -> None:
    found = counted(OUTPUT)
    assert found == Counted(on_all=1, on_one=1)
    assert found.each == 2
