# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``image-cache-sync``. Private to the collection metalstack.provisioning.

Exit codes: 0 complete, 1 failed, 2 wrong usage or configuration, 3 partial, 4 another run holds the lock.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from .._units import SizeError, parse_size
from . import report as reports
from . import view
from .commands import show_plan, show_status
from .config import Config, ConfigError, load_config
from .files import write_atomic
from .journal import DEBUG, INFO, Journal
from .lock import LockedError, exclusive, run_lock
from .metrics import render
from .problems import CacheError, describe
from .report import COMPLETE, PARTIAL, Report
from .session import VERSION
from .source import SourceError
from .sync import Engine, SyncRun
from .verify import VerifyRun

OK, FAILURE, USAGE, INCOMPLETE, LOCKED = range(5)
# After a request to stop; whatever still hangs in the network then has nothing to lose.
_STOP_WITHIN = 10.0
_DEFAULT_CONFIG = "/etc/image-cache-sync/config.json"


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    result = argparse.ArgumentParser(prog="image-cache-sync", description="Keep the OS image cache of a partition.")
    result.add_argument("--config", default=_DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s")
    result.add_argument("--debug", action="store_true", help="write debug lines also outside the journal")
    result.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("plan", "show what a run would keep, download and remove, and why; changes nothing"),
        ("sync", "bring the cache up to date"),
        ("verify", "read everything that is served again, and repair what is damaged"),
        ("status", "show what is served and how the last runs ended"),
    ):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument("--json", action="store_true", help="write JSON to standard output")
        if name == "verify":
            command.add_argument("--rate", metavar="SIZE", help='read at most this much a second, such as "50M"')
    return result


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run a command and return its exit code; nothing but a sentence reaches the user when something is wrong."""
    options = parser().parse_args(arguments)
    variables = os.environ if environment is None else environment
    # nginx reads what this writes; secrets are written with a mode of their own
    os.umask(0o022)
    journal = Journal(level=DEBUG if options.debug else INFO)
    try:
        config = load_config(options.config)
        rate = parse_size(options.rate, "--rate") if getattr(options, "rate", None) else None
    except (ConfigError, SizeError) as error:
        sys.stderr.write(f"image-cache-sync: {error}\n")
        return USAGE
    stop = threading.Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        watchdog = threading.Timer(_STOP_WITHIN, os._exit, [INCOMPLETE])
        watchdog.daemon = True
        watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    engine = Engine(config, journal, stop)
    try:
        return _COMMANDS[options.command](engine, options.json, rate, variables)
    except LockedError as error:
        journal.error(str(error))
        return LOCKED
    except (CacheError, SourceError) as error:
        journal.error(f"{options.command} failed", error=error)
        return FAILURE
    except BrokenPipeError:
        # whoever read the table has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILURE
    except Exception as error:  # noqa: BLE001 - told in full to the journal, and the exit code says it too
        journal.unexpected(error)
        return FAILURE
    finally:
        engine.close()


def _plan(engine: Engine, as_json: bool, _rate: int | None, environment: Mapping[str, str]) -> int:
    _show(show_plan(engine, environment), as_json, view.plan_text)
    return OK


def _status(engine: Engine, as_json: bool, _rate: int | None, _environment: Mapping[str, str]) -> int:
    _show(show_status(engine), as_json, view.status_text)
    return OK


def _sync(engine: Engine, as_json: bool, _rate: int | None, environment: Mapping[str, str]) -> int:
    with run_lock(engine.config.directory / "lock"):
        run = SyncRun(engine, environment)
        return _ended(engine, run.run(), engine.config.directory / "report.json", as_json)


def _verify(engine: Engine, as_json: bool, rate: int | None, _environment: Mapping[str, str]) -> int:
    with run_lock(engine.config.directory / "verify.lock"):
        run = VerifyRun(engine, rate=rate)
        return _ended(engine, run.run(), engine.config.directory / "verify.json", as_json)


_COMMANDS = {"plan": _plan, "sync": _sync, "verify": _verify, "status": _status}


def _ended(engine: Engine, report: Report, path: Path, as_json: bool) -> int:
    """Write report and metrics, show the result, and return the exit code."""
    record(engine.config, engine.journal, report, path)
    _show(report.to_json(), as_json, view.report_text)
    engine.journal.notice(
        f"{report.command} ended",
        result=report.result,
        reason=report.reason,
        generation=report.generation,
        files=sum(report.files.values()),
        bytes=report.bytes,
        from_store=report.downloaded["store"],
        from_peers=report.downloaded["peer"],
        failed=len(report.failures),
        seconds=report.duration_seconds,
    )
    return {COMPLETE: OK, PARTIAL: INCOMPLETE}.get(report.result, FAILURE)


def record(config: Config, journal: Journal, report: Report, path: Path) -> None:
    """Write the report and the metrics made from it; a full disk costs these, and nothing that is served."""
    try:
        reports.save(path, report)
    except OSError as error:
        journal.error("the report cannot be written", error=describe(error))
    this = report.to_json()
    try:
        # sync and verify may end at the same time, and each writes what it knows of both
        with exclusive(config.directory):
            sync = this if report.command == "sync" else reports.load(config.directory / "report.json")
            verify = this if report.command == "verify" else reports.load(config.directory / "verify.json")
            write_atomic(config.directory / "metrics.prom", render(sync, verify).encode())
    except OSError as error:
        journal.error("the metrics cannot be written", error=describe(error))


def _show(data: Mapping[str, Any], as_json: bool, text: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=1) + "\n" if as_json else text(data))
    sys.stdout.flush()
