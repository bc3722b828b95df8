# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that comes with Prometheus and reads alert rules as Prometheus does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from .playbook import ROOT


class PromtoolError(Exception):
    """It cannot be had, or it does not accept the rules: its own words."""


def _run(*words: str) -> str:
    found = shutil.which("promtool", path=os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / "build/promtool")]))
    if found is None:
        raise PromtoolError("promtool is missing, which checks alert rules: run tools/promtool.")
    done = subprocess.run(
        [found, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PromtoolError(done.stdout)
    return done.stdout


def accept(rules: Path) -> str:
    """Check the rules by themselves; what is said has their number."""
    return _run("check", "rules", str(rules))


def fire(rules: Path, series: Mapping[str, str], at: str, expected: Sequence[tuple[str, str]]) -> None:
    """Let the series have their values, one a minute, and compare what is firing at that time.

    ``expected`` are the names of the alerts, each with its label ``instance``, "" where it has none.
    """
    firing = []
    for alert, instance in expected:
        labels = {"alertname": alert, "instance": instance} if instance else {"alertname": alert}
        named = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        firing.append({"labels": f"{{{named}}}", "value": 1})
    asked = {
        "expr": 'count by (alertname, instance) (ALERTS{alertstate="firing"})',
        "eval_time": at,
        "exp_samples": firing,
    }
    given = [{"series": name, "values": values} for name, values in series.items()]
    tests = rules.with_name(f"{rules.stem}-test.yml")
    tests.write_text(
        yaml.safe_dump(
            {
                "rule_files": [rules.name],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [asked]}],
            }
        ),
        encoding="utf-8",
    )
    _run("test", "rules", str(tests))
