# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for the journal: ``msg="..." key=value``, with syslog priorities when systemd reads them.

Private to the collection metalstack.provisioning. Secrets are registered once and never come out; neither do the
queries of addresses, in which stores put signatures.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import TextIO

ERROR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+*-]+", re.ASCII)
_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")
_USER = re.compile(r"(https?://)[^\s/@\"'<>]+@")
_BEARER = re.compile(r"(?i)\b(bearer|authorization:?)\s+\S+")
_HIDDEN = "***"


class Journal:
    """Writes one line an event to ``stream`` (standard error); safe to use from all threads."""

    def __init__(self, stream: TextIO | None = None, *, priorities: bool | None = None, level: int = INFO) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._priorities = reads_journal(self._stream, os.environ) if priorities is None else priorities
        # the journal keeps debug lines apart, people at a terminal would read them
        self._level = DEBUG if self._priorities else level
        self._secrets: list[str] = []
        self._lock = threading.Lock()

    def hide(self, secret: str) -> None:
        """Never write this text."""
        if len(secret) >= 4 and secret not in self._secrets:
            # the longest first: one secret may be the beginning of another
            self._secrets = sorted([*self._secrets, secret], key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the text without secrets, user information and queries of addresses."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        text = _USER.sub(rf"\1{_HIDDEN}@", _QUERY.sub(rf"\1?{_HIDDEN}", text))
        return _BEARER.sub(rf"\1 {_HIDDEN}", text)

    def error(self, message: str, **fields: object) -> None:
        """Something failed that needs somebody."""
        self._write(ERROR, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something is not as it should be, and the run goes on."""
        self._write(WARNING, message, fields)

    def notice(self, message: str, **fields: object) -> None:
        """What served files changed, and the results of runs."""
        self._write(NOTICE, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """What goes on."""
        self._write(INFO, message, fields)

    def debug(self, message: str, **fields: object) -> None:
        """Details for whoever looks for a fault."""
        self._write(DEBUG, message, fields)

    def unexpected(self, error: BaseException) -> None:
        """One line for the operator, and the traceback for whoever mends the program, at the lowest priority."""
        self.error("an unexpected error ended this", error=f"{type(error).__name__}: {error}")
        for line in "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines():
            self.debug("traceback", line=line)

    def _write(self, priority: int, message: str, fields: Mapping[str, object]) -> None:
        if priority > self._level:
            return
        pairs = [("msg", message), *((name, value) for name, value in fields.items() if value is not None)]
        line = " ".join(f"{name}={_value(self.redact(_text(value)))}" for name, value in pairs)
        prefix = f"<{priority}>" if self._priorities else ""
        with self._lock:
            try:
                self._stream.write(f"{prefix}{line}\n")
                self._stream.flush()
            except (OSError, ValueError):
                # nobody reads any more; the work matters more than its log
                self._level = -1


def reads_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether ``stream`` is connected to the journal (``JOURNAL_STREAM`` holds its device and inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)


def _value(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    # one event stays one line, and control characters stay out of terminals
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text.replace("\\", "\\\\"))
    return '"' + safe.replace('"', '\\"') + '"'
