# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets out of text that people will read. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

HIDDEN = "********"

# user:password@ in an address
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
# JSON Web Tokens: base64url parts, the first two are JSON objects
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{2,}\.?[\w-]*", re.ASCII)
# "Bearer x", "Metal-View 0123...", but not "the bearer token", "the key of Metal-View expired"
_SCHEME = re.compile(
    r"\b((?i:Bearer|Basic|Digest|Negotiate|Metal-(?:View|Edit|Admin)))(\s+)"
    r"(?:(?=[\w.~+/-]*[A-Z0-9=])[\w.~+/=-]{8,}|[\w.~+/=-]{20,})",
    re.ASCII,
)
# headers whose whole value is secret
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s*[=:]\s*\\?[\"']?)(?!\s)[^\r\n\"'\\}]+", re.IGNORECASE
)
# name=value and "name": "value"; the value ends where a query, a JSON text or a word does. The name is looked at once,
# by the lookahead, so that the search stays linear.
_PAIR = re.compile(
    r"(?<![\w.-])(?=[\w.-]*?(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|hmac|"
    r"signature|credential|x-data-salt))([\w.-]+)"
    r"(\\?[\"']?\s*[=:]\s*)(\\?\"[^\"]*\"|'[^']*'|[^\s&;,\"'<>)}\]]+)",
    re.IGNORECASE | re.ASCII,
)
_QUERY = re.compile(
    r"([?&](?:sig|key|auth|code|jwt|pass|pwd|x-amz-[\w-]+|x-goog-[\w-]+)=)[^&#\s\"'<>]+", re.IGNORECASE | re.ASCII
)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return ``text`` without credentials: ``secrets`` wherever they stand, and whatever looks like one.

    Hidden are user and password in addresses, tokens, values of headers, queries and fields whose name says that they
    are secret. ``secrets`` shorter than four characters are not looked for: they would hide parts of words.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _JWT.sub(HIDDEN, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1\2{HIDDEN}", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _PAIR.sub(_pair, text)


def _pair(match: re.Match[str]) -> str:
    name, separator, value = match.groups()
    if value.strip("\\\"'") in ("", "null", "None", "true", "false") or HIDDEN in value:
        return match.group(0)
    quote = value[0] if value[0] in "\"'\\" else ""
    return f"{name}{separator}{quote}{HIDDEN}{quote}"


def brief(text: str, limit: int = 300) -> str:
    """Return ``text`` in one line of printable characters, at most ``limit`` long."""
    line = " ".join(text[: 4 * limit].split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."
