# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use an API all the time, as somebody does who was given a token in a file.

consumer.py --until FILE --token FILE --ca FILE URL...
    Asks the URLs in turn until FILE exists (at most twenty minutes), each time with the token that the file then has.
    Prints JSON: {"asked", "refused": [sentences], "tokens": how many different ones it has used with success}. Ends
    with 1 when a request was refused, or there was none.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

LONGEST, PACE, ANSWER = 1200.0, 0.1, 60.0


def ask(url: str, token: str, opener: urllib.request.OpenerDirector) -> str:
    """Return why it was refused; empty when it was not."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with opener.open(request, timeout=ANSWER) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return f"{url}: {error.code} {error.read().decode()[:200]}"
    except OSError as error:
        return f"{url}: {error}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--until", required=True, metavar="FILE")
    parser.add_argument("--token", required=True, metavar="FILE")
    parser.add_argument("--ca", required=True, metavar="FILE")
    parser.add_argument("urls", nargs="+", metavar="URL")
    arguments = parser.parse_args()
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=arguments.ca))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusted)
    asked, refused, used = 0, [], set()
    end = time.monotonic() + LONGEST
    for url in itertools.cycle(arguments.urls):
        if os.path.exists(arguments.until) or time.monotonic() > end:
            break
        with open(arguments.token, encoding="ascii") as stream:
            token = stream.read().strip()
        why = ask(url, token, opener)
        asked += 1
        if why:
            refused.append(why)
        else:
            used.add(token)
        time.sleep(PACE)
    print(json.dumps({"asked": asked, "refused": refused[:10], "tokens": len(used)}))
    return 1 if refused or not asked else 0


if __name__ == "__main__":
    sys.exit(main())
