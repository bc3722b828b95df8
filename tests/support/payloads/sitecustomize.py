# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the bytecode of what modules import, as Python does for all but archives.

Python imports this by itself where its folder is in ``PYTHONPATH``: see ``playbook.settings``. Each run of a module
brings its imports along in a zip file, and to compile them is a third of its work. What is kept is found by the source
itself, so a module always runs what its own archive holds. Every process pays for what is imported here.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport
from types import CodeType

# the hosts of the test-bed have a place of their own
CACHE = os.environ.get("PAYLOADS_CACHE") or os.path.realpath(f"{__file__}/../../../../build/cache/payloads")
_compile = zipimport._compile_source  # type: ignore[attr-defined]


def compile_once(path: str, source: bytes) -> CodeType:
    """Return the code of a source, compiled now or by an earlier process."""
    inside = path.partition(".zip/")[2].replace("/", ".")
    kept = f"{CACHE}/{inside}.{_imp.source_hash(0, source).hex()}.{sys.implementation.cache_tag}"
    try:
        with open(kept, "rb") as file:
            code: CodeType = marshal.load(file)
    except FileNotFoundError:
        code = _compile(path, source)
        os.makedirs(CACHE, exist_ok=True)
        # whole or not at all, whoever else is at it
        unfinished = f"{kept}.{os.getpid()}"
        with open(unfinished, "wb") as file:
            marshal.dump(code, file)
        os.replace(unfinished, kept)
    else:
        # for tracebacks
        _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
    return code


zipimport._compile_source = compile_once  # type: ignore[attr-defined]
