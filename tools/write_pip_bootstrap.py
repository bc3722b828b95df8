# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give ansible-test the pip bootstrap script it would download: ``python tools/write_pip_bootstrap.py HOME``.

ansible-test fetches ``get-pip-<version>.py`` from its project's file server to fill its virtual environments, and finds
it in its cache first. The script put there does the same with what Python ships: it runs ensurepip, then lets that
pip install what it is asked for. No further host has to be reachable, and none has to be trusted.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import ansible_test

SHIM = '''\
"""Install pip, and the packages named on the command line: ensurepip first, then that pip."""
import subprocess
import sys

# In a process of its own: ensurepip switches pip's configuration off, for itself and for what it starts.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
arguments = [one for one in sys.argv[1:] if one not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet"] + arguments))
'''


def pip_versions() -> list[str]:
    """Return the versions of pip this ansible-test asks for, e.g. ["25.2"]."""
    source = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    function = source.read_text(encoding="utf-8").partition("def get_venv_packages(")[2].partition("\ndef ")[0]
    versions = sorted(set(re.findall(r"""\bpip=['"]([0-9.]+)['"]""", function)))
    if not versions:
        sys.exit(f"error: {source} no longer says which pip ansible-test wants: adapt {Path(__file__).name}.")
    return versions


def main() -> None:
    """Write one script a version."""
    cache = Path(sys.argv[1]) / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions():
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(SHIM, encoding="utf-8")


main()
