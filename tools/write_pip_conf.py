# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write pip's effective settings into a home directory: ``python tools/write_pip_conf.py HOME``.

ansible-test runs pip without the environment (PIP_*, REQUESTS_CA_BUNDLE), so that a proxy, a mirror or a certificate
authority given there would be lost. A file in its home is read.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path


def settings() -> list[tuple[str, str, str]]:
    """Return (section, key, value) of all that configures pip here."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    found = []
    for line in listing.splitlines():
        name, value = line.split("=", 1)
        section, key = name.rsplit(".", 1)
        # What the environment says is listed under ":env:" and holds for every command.
        found.append(("global" if section == ":env:" else section, key, value.strip("'\"")))
    return found


def main() -> None:
    """Write the file."""
    config = configparser.RawConfigParser()
    config.add_section("global")
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    if authorities:
        config.set("global", "cert", authorities)
    for section, key, value in settings():
        if key == "config-file":
            continue
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, key, value)
    target = Path(sys.argv[1]) / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)  # a mirror's address may hold a password
    with target.open("w", encoding="utf-8") as file:
        config.write(file)


main()
