# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build ``image-cache-sync``: one executable zip file from this collection's own module_utils.

The same sources give the same bytes on every controller: fixed order, times and permissions, and no compression, whose
result differs between versions of zlib. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

COLLECTION_ROOT = Path(__file__).resolve().parents[2]
# Relative imports of the sources hold, since they keep their places below this package.
PACKAGE = "metalstack_provisioning"
# Of the clients of the metal-api what the program reads with; the rest is the modules'.
_METAL = ("__init__", "auth", "component", "image", "partition", "token", "v1", "v2", "values")
FILES = (
    "_errors.py",
    "_http*.py",
    "_jwt.py",
    "_redact.py",
    "_units.py",
    "_values.py",
    *(f"_metal/{name}.py" for name in _METAL),
)
# Only used by a module, before there is a program.
_LEFT_OUT = "_image_cache/preflight"
# -I: neither the environment nor the working directory can put other code in front of ours.
_SHEBANG = b"#!/usr/bin/python3 -I\n"
_MAIN = f"""from {PACKAGE}._image_cache.cli import main

raise SystemExit(main())
"""
# The oldest time that a zip file can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_VERSION = re.compile(r'^__version__ = "([0-9A-Za-z.+-]{1,60})"$', re.MULTILINE)


class BuildError(Exception):
    """The collection is not complete. The text is one sentence."""


@dataclass(frozen=True)
class Program:
    """The program as ``content``, the lower-case hexadecimal ``sha256`` of it, and the collection's ``version``."""

    content: bytes
    sha256: str
    version: str


def build(root: Path = COLLECTION_ROOT) -> Program:
    """Build the program from the collection at ``root``. Raises :class:`BuildError`."""
    version = _collection_version(root)
    members = {"__main__.py": _MAIN.encode(), f"{PACKAGE}/__init__.py": f'__version__ = "{version}"\n'.encode()}
    source = root / "plugins" / "module_utils"
    for pattern in (*FILES, "_image_cache/cli.py", "_image_cache/**/*.py"):
        paths = list(source.glob(pattern))
        if not paths:
            raise BuildError(f"The collection lacks plugins/module_utils/{pattern}.")
        for path in paths:
            name = path.relative_to(source).as_posix()
            if not name.startswith(_LEFT_OUT):
                members[f"{PACKAGE}/{name}"] = path.read_bytes()

    archive = io.BytesIO()
    archive.write(_SHEBANG)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as file:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, _TIME)
            # the same on every kind of controller: Unix, a regular file, 0644
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            file.writestr(info, content)
    content = archive.getvalue()
    return Program(content, hashlib.sha256(content).hexdigest(), version)


def version_of(content: bytes) -> str | None:
    """Return the version of a program that :func:`build` made once, None when it is something else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            text = file.read(f"{PACKAGE}/__init__.py").decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, OSError, EOFError):
        return None
    match = _VERSION.search(text)
    return match.group(1) if match else None


def _collection_version(root: Path) -> str:
    """Return the version of an installed collection (MANIFEST.json) or of a checkout (galaxy.yml)."""
    version: object = None
    try:
        if (root / "MANIFEST.json").is_file():
            manifest = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))
            version = manifest["collection_info"]["version"]
        else:
            version = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BuildError(f"The version of the collection cannot be read: {type(error).__name__}.") from None
    if not isinstance(version, str) or not _VERSION.search(f'__version__ = "{version}"'):
        raise BuildError("The version of the collection is not a version.")
    return version
