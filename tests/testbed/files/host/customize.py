# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hook of mmdebstrap: finish the root file system of a host.

Usage: customize.py ROOT PACKAGE...

Puts PACKAGE... with all they need and recommend into ROOT/srv/packages, a local apt repository which becomes the only
one: `apt-get update` and `apt-get install` then work without any network.
"""

from __future__ import annotations

import email.utils
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    root, packages = Path(sys.argv[1]), sys.argv[2:]
    # APT_CONFIG as mmdebstrap hands it over: the apt of this machine, with its proxy and trust, acting on the root
    apt = {**os.environ, "APT_CONFIG": os.environ["MMDEBSTRAP_APT_CONFIG"]}
    subprocess.run(
        ["apt-get", "--yes", "--download-only", "-oAPT::Install-Recommends=true", "install", *packages],
        env=apt,
        check=True,
    )
    pool = root / "srv/packages"
    pool.mkdir(parents=True)
    index = []
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        content = package.read_bytes()
        fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
        checksum = hashlib.sha256(content).hexdigest()
        index.append(f"{fields.strip()}\nFilename: ./{package.name}\nSize: {len(content)}\nSHA256: {checksum}\n")
        shutil.move(package, pool / package.name)
    packages_file = "\n".join(index).encode()
    (pool / "Packages").write_bytes(packages_file)
    checksum, now = hashlib.sha256(packages_file).hexdigest(), email.utils.formatdate(usegmt=True)
    release = f"Suite: testbed\nDate: {now}\nSHA256:\n {checksum} {len(packages_file)} Packages\n"
    (pool / "Release").write_text(release)
    for path in (root / "etc/apt/sources.list.d").glob("*"):
        path.unlink()
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] copy:/srv/packages ./\n")
    shutil.rmtree(root / "var/lib/apt/lists")
    subprocess.run(["chroot", root, "apt-get", "update"], check=True)

    library = root / "usr/local/lib/testbed"
    library.mkdir(parents=True)
    for name in ("init",):
        shutil.copy(Path(__file__).with_name(name), library / name)
        (library / name).chmod(0o755)
    # the first boot must not wait for somebody at a console, and every container has its own identity
    (root / "etc/machine-id").write_text("")
    for unit in ("systemd-firstboot.service", "getty.target", "systemd-networkd-wait-online.service"):
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")


if __name__ == "__main__":
    main()
