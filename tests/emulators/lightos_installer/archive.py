# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the archive that a provider gets from the vendor, for the cluster of one Lightbits emulator."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

LIGHT_APP = Path(__file__).parent / "light_app"
#: In the archive: which emulator the servers belong to, and the version that is installed.
SETTINGS = "emulator.json"
_VERSION = re.compile(r"\d+\.\d+\.\d+(~b\d+)?")
_SKIPPED = ("__pycache__", ".pyc")


def build(directory: Path, version: str, control: str) -> Path:
    """Write ``light-app-install-environment-<version>.tgz`` and its ``.sha256`` into a directory; return the archive.

    The same input gives the same bytes.

    :param control: URL of the control endpoint of a Lightbits emulator that was started with ``--not-installed``,
        as the servers reach it.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"a version is like 3.12.1 or 3.12.1~b1, not {version!r}")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(LIGHT_APP.rglob("*")):
            if path.is_file() and not any(word in str(path) for word in _SKIPPED):
                _add(archive, str(path.relative_to(LIGHT_APP)), path.read_bytes())
        settings = {"control": control, "version": version}
        _add(archive, SETTINGS, json.dumps(settings, indent=1).encode() + b"\n")
    data = gzip.compress(content.getvalue(), mtime=0)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"light-app-install-environment-{version}.tgz"
    target.write_bytes(data)
    target.with_name(f"{target.name}.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  {target.name}\n")
    return target


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(f"light-app/{name}")
    entry.size = len(data)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(data))
