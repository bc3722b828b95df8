# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a cache host of the test-bed: several clients download the same file at the same time and throw it away.

pull.py CLIENTS HOST URL    prints JSON: {"seconds", "bytes", "statuses": [...]}
"""

from __future__ import annotations

import json
import subprocess
import sys
import time


def main() -> None:
    clients, host, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    command = [
        *("curl", "--silent", "--show-error", "--noproxy", "*", "--header", f"Host: {host}"),
        *("--output", "/dev/null", "--write-out", "%{http_code} %{size_download}", url),
    ]
    started = time.monotonic()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _unused in range(clients)]
    said = [(one.communicate()[0].split(), one.returncode) for one in running]
    seconds = time.monotonic() - started
    statuses = [f"curl ended with {code}" if code else words[0] for words, code in said]
    total = sum(int(words[1]) for words, code in said if not code)
    print(json.dumps({"seconds": seconds, "bytes": total, "statuses": sorted(set(statuses))}))


if __name__ == "__main__":
    main()
