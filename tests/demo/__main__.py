# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo`: tell the story; ends with 1, and a sentence, where something is not as it says."""

from __future__ import annotations

import argparse
import sys
import time

from tests.kubernetes.base import KubernetesError
from tests.testbed import engine, images
from tests.testbed.engine import TestbedError

from . import kubernetes, report, storage
from .chapters import CHAPTERS, ending
from .partition import Partition
from .story import Story, StoryError


def main() -> int:
    """Tell all chapters; leaves the hosts running, also after a failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="A partition as a short story.")
    parser.parse_args()
    story = Story(lambda text: print(text, flush=True))
    started = time.monotonic()
    try:
        partition, rack = Partition(), storage.Rack()
        engine.ensure()
        images.ensure()
        # of an earlier story, whose storage goes as well
        kubernetes.world(rack).down()
        with kubernetes.Build() as build:
            for chapter in CHAPTERS:
                chapter(story, partition)
            for part in storage.CHAPTERS:
                part(story, rack)
            kubernetes.storage_classes(story, partition, rack, build)
        report.report(story, partition, rack)
    except (StoryError, TestbedError, KubernetesError) as error:
        print(f"\ndemo: the story ends here: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\ndemo: interrupted; `make clean` removes what is there, and the next `make demo` begins anew",
            file=sys.stderr,
        )
        return 130
    print(ending(partition))
    print(storage.ending(rack))
    print(kubernetes.ending(rack))
    print(f"\ndemo: done in {time.monotonic() - started:.0f} s, {story.checks} claims checked.")
    print(report.ending(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
