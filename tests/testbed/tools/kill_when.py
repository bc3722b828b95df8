# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command, and kill it with all its children as soon as a page shows something.

kill_when.py --url URL --shows REGEX COMMAND [WORD...]
    Ends with 0 when the command was killed (SIGKILL), with 1 when it came to its end before, or after twenty minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

LONGEST, PACE = 1200.0, 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--shows", required=True, metavar="REGEX", type=re.compile)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + LONGEST
    with subprocess.Popen(arguments.command, start_new_session=True) as running:
        while running.poll() is None:
            with opener.open(arguments.url, timeout=60) as page:
                shown = arguments.shows.search(page.read().decode())
            if shown or time.monotonic() > end:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                return 0 if shown else 1
            time.sleep(PACE)
    return 1


if __name__ == "__main__":
    sys.exit(main())
