# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the store of the test-bed: many big files, quickly.

fill.py DIRECTORY COUNT SIZE NAME    makes COUNT files of SIZE bytes, DIRECTORY/<number>/NAME, and a .md5 beside each;
                                     prints JSON: [[path below DIRECTORY, md5], ...]

Incompressible, and no two are the same: they differ in their last bytes, so that the checksum of what they have in
common is computed once.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from pathlib import Path

BLOCK = 1 << 20
TAIL = 64


def main() -> None:
    directory, count, size, name = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    source = random.Random(f"{directory} {size}")
    digest = hashlib.md5()
    common = []
    left = size - TAIL
    while left:
        common.append(source.randbytes(min(left, BLOCK)))
        digest.update(common[-1])
        left -= len(common[-1])
    made = []
    for number in range(count):
        path = directory / f"{number:04d}" / name
        path.parent.mkdir(parents=True)
        tail = source.randbytes(TAIL)
        whole = digest.copy()
        whole.update(tail)
        with path.open("wb") as stream:
            stream.writelines(common)
            stream.write(tail)
        path.with_name(f"{name}.md5").write_text(f"{whole.hexdigest()}  {name}\n")
        made.append((str(path.relative_to(directory)), whole.hexdigest()))
    # their way to the disk must not fall into a measurement
    os.sync()
    print(json.dumps(made))


if __name__ == "__main__":
    main()
