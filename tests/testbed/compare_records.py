# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did a run do what `--check --diff` had predicted? Compares records of the callback testbed_record.

The same tasks must have changed the same items on the same hosts, with the same difference in every file whose
difference was shown. A run that failed and the one that went on may be given together. Handlers are
left out: they follow from the changes, and check mode does not restart anything. Ends with 1 and one line a difference.

--same "A=B"       what the run does in task B is predicted by task A
--starts "A"       a service that task A was predicted to start may as well be started by a handler that names it
--whole "A=B;C"    task A predicts what the run does in tasks B and C, whatever their items and hosts
--fresh            the hosts were fresh: files that packages bring were not there to be seen, compare what they become
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Change = tuple[str, str, str]  # host, task, item


def changes(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[Change, list[dict[str, Any]]]:
    """What a record says was changed, and the differences of it."""
    return {
        (one["host"], names.get(one["task"], one["task"]), one["item"] or ""): one["diff"]
        for one in record["changes"]
        if not one["handler"]
    }


def _text(side: Any) -> list[str]:
    if isinstance(side, dict):
        # what lies in a directory that goes: a service that stops meanwhile may leave another file there
        side = {name: value for name, value in side.items() if name != "path_content"}
    return (side if isinstance(side, str) else json.dumps(side, sort_keys=True, indent=1)).splitlines()


def by_handler(actual: Mapping[str, Any], task: str) -> set[Change]:
    """Changes that `task` did not have to make because a handler had: one a service that a handler's name ends with."""
    handlers = [one for one in actual["changes"] if one["handler"]]
    return {(one["host"], task, f"{one['task'].split()[-1]}.service") for one in handlers}


def together(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One record of runs of which each went on where the one before had stopped."""
    changed = [change for record in records for change in record["changes"]]
    return {**records[-1], "check": any(record["check"] for record in records), "changes": changed}


def _without_wholes(
    before: dict[Change, list[dict[str, Any]]], after: dict[Change, list[dict[str, Any]]], wholes: Mapping[str, str]
) -> tuple[dict[Change, list[dict[str, Any]]], dict[Change, list[dict[str, Any]]]]:
    """Both without what `wholes` (predicting task by task) leaves to one task, where both have it."""
    predicting = {task for _host, task, _item in before} & {wholes.get(task) for _host, task, _item in after}
    return (
        {change: diff for change, diff in before.items() if change[1] not in predicting},
        {change: diff for change, diff in after.items() if wholes.get(change[1]) not in predicting},
    )


def differences(
    predicted: Mapping[str, Any],
    actual: Mapping[str, Any],
    names: Mapping[str, str],
    starts: str = "",
    fresh: bool = False,
    wholes: Mapping[str, str] | None = None,
) -> list[str]:
    """One line (or a few) for everything in which the two records do not agree."""
    if not predicted["check"] or actual["check"]:
        return ["the first record must be of a run with --check, the second of one without"]
    if predicted["hosts"] != actual["hosts"]:
        return [f"the prediction was made for {predicted['hosts']}, the run was on {actual['hosts']}"]
    before, after = changes(predicted, names), changes(actual, {})
    before, after = _without_wholes(before, after, wholes or {})
    done_otherwise = by_handler(actual, starts) if starts else set()
    found = [
        f"predicted, but not done: {' / '.join(change)}"
        for change in before
        if change not in after and change not in done_otherwise
    ]
    found += [f"done, but not predicted: {' / '.join(change)}" for change in after if change not in before]
    for change in before:
        expected = [one for one in before[change] if "before" in one]
        done = [one for one in after.get(change, []) if "before" in one]
        if not expected or not done or expected == done:
            continue
        for one, other in zip(expected, done):
            for side in ("after",) if fresh else ("before", "after"):
                lines = list(
                    difflib.unified_diff(_text(one[side]), _text(other[side]), "predicted", "done", lineterm="", n=0)
                )
                if lines:
                    found.append(
                        f"predicted otherwise than done ({side}): {' / '.join(change)}\n  " + "\n  ".join(lines[:20])
                    )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predicted", type=Path)
    parser.add_argument("actual", type=Path, nargs="+")
    parser.add_argument("--same", action="append", default=[], metavar="A=B")
    parser.add_argument("--starts", default="", metavar="A")
    parser.add_argument("--whole", action="append", default=[], metavar="A=B;C")
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    names = dict(pair.split("=", 1) for pair in arguments.same)
    wholes = {
        task: whole
        for whole, _equals, tasks in (pair.partition("=") for pair in arguments.whole)
        for task in tasks.split(";")
    }
    predicted = json.loads(arguments.predicted.read_text())
    actual = together([json.loads(path.read_text()) for path in arguments.actual])
    found = differences(predicted, actual, names, arguments.starts, arguments.fresh, wholes)
    for line in found:
        print(line)
    count = len(changes(actual, {}))
    print(f"{count} changes on {len(actual['hosts'])} hosts" + ("" if found else ", all as predicted"))
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
