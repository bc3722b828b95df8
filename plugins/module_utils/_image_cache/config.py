# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file of ``image-cache-sync``: JSON, written by the role ``image_cache``, readable by everybody.

It holds no secret: credentials come from systemd. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from .._http import TlsOptions
from .._units import SizeError, parse_size, shown

if TYPE_CHECKING:
    from collections.abc import Callable

# Anything bigger was not written by the role.
_LARGEST_FILE = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_REQUIRED = object()


class ConfigError(Exception):
    """The configuration cannot be used. The text is one sentence that names the key, the wrong and the right value.

    ``problems`` holds such a sentence for each key that is wrong; the text is the first of them.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__(problems[0])
        self.problems = problems


@dataclass(frozen=True)
class SourceConfig:
    """The metal-api: ``api`` is ``v1`` or ``v2``, ``url`` has no trailing slash, ``timeout`` is in seconds."""

    api: str
    url: str
    hmac_user: str
    tls: TlsOptions
    timeout: float


@dataclass(frozen=True)
class StoreConfig:
    """How files are fetched: ``timeout`` in seconds, ``bandwidth_limit`` in bytes per second or None.

    ``allow_http`` permits stores without HTTPS; otherwise ``http://`` addresses of the API are upgraded.
    """

    tls: TlsOptions
    timeout: float
    allow_http: bool
    bandwidth_limit: int | None


@dataclass(frozen=True)
class Peer:
    """Another cache host: its ``name`` as in its own ``host``, the ``url`` of its nginx without trailing slash."""

    name: str
    url: str


@dataclass(frozen=True)
class Policy:
    """What to keep. ``max_images_per_name`` and ``max_cache_size`` (bytes) are None when there is no maximum."""

    excludes: tuple[str, ...]
    expiration_grace: timedelta
    min_images_per_name: int
    max_images_per_name: int | None
    max_cache_size: int | None


@dataclass(frozen=True)
class Config:
    """The whole configuration. ``boot_partitions`` is ``this`` or ``all``: whose kernels and boot images are cached."""

    partition: str
    host: str
    source: SourceConfig
    intercept_domains: tuple[str, ...]
    store: StoreConfig
    peers: tuple[Peer, ...]
    directory: Path
    runtime_directory: Path
    state_directory: Path
    policy: Policy
    kernels: bool
    boot_images: bool
    boot_partitions: str
    parallel: int
    allow_empty: bool
    generations: int


def load_config(path: str | Path) -> Config:
    """Read and check the configuration file. Raises :class:`ConfigError`."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error.strerror or error}.") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"The configuration {path} is larger than 1 MiB, so it is not a configuration.")
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_mapping, parse_constant=_no_constant)
    except RecursionError:
        raise ConfigError(f"The configuration {path} is nested too deeply.") from None
    except ValueError as error:
        # also UnicodeDecodeError and numbers with thousands of digits
        raise ConfigError(f"The configuration {path} is not valid JSON: {error}.") from None
    return parse_config(data)


def parse_config(data: object) -> Config:
    """Check the decoded JSON value and return the configuration. Raises :class:`ConfigError`."""
    top = _Section(data, "")
    values: dict[str, Any] = {
        "partition": top.take("partition", _name),
        "host": top.take("host", _name),
        "source": top.take("source", _source),
        "intercept_domains": top.take("intercept_domains", _domains),
        "store": top.take("store", _store, {}),
        "peers": top.take("peers", _peers, []),
        "directory": top.take("directory", _directory, "/var/lib/image-cache"),
        "runtime_directory": top.take("runtime_directory", _directory, "/run/image-cache-sync"),
        "state_directory": top.take("state_directory", _directory, "/var/lib/image-cache-sync"),
        "policy": top.take("policy", _policy, {}),
        "kernels": top.take("kernels", _boolean, True),
        "boot_images": top.take("boot_images", _boolean, True),
        "boot_partitions": top.take("boot_partitions", _choice("this", "all"), "this"),
        "parallel": top.take("parallel", _integer(1, 64), 4),
        "allow_empty": top.take("allow_empty", _boolean, False),
        "generations": top.take("generations", _integer(1, 100), 3),
    }
    top.end()
    config = Config(**values)
    problems = []
    for peer in config.peers:
        if peer.name == config.host:
            problems.append(f'peers names "{peer.name}", which is this host itself: list the other cache hosts only.')
    # nginx serves what is below `directory`: the state with its token must never get there, nor the other way round.
    for name in ("runtime_directory", "state_directory"):
        other: Path = values[name]
        if other == config.directory or config.directory in other.parents or other in config.directory.parents:
            problems.append(
                f'{name} is "{other}" and directory is "{config.directory}": '
                "give directories that do not contain each other."
            )
    if problems:
        raise ConfigError(*problems)
    return config


def domain_problem(name: str) -> str | None:
    """Say why ``name`` (lower case) is not a DNS host name with at least two labels, or return None when it is one."""
    labels = name.split(".")
    if len(name) > 253:
        return "is longer than 253 characters"
    if len(labels) < 2:
        return "has no dot"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "has a part that is empty, longer than 63 characters, or holds other characters than a-z, 0-9, - and _"
    if labels[-1].isdigit():
        return "looks like an address"
    return None


class _Section:
    """One JSON object; takes its keys one after another and collects what is wrong with them."""

    def __init__(self, data: object, name: str) -> None:
        if not isinstance(data, dict):
            raise ConfigError(f"{name or 'The configuration'} is {shown(data)}: give a JSON object.")
        self._data = dict(data)
        self._name = name
        self._known: list[str] = []
        self._problems: list[str] = []

    def take(self, key: str, read: Callable[[object, str], Any], default: object = _REQUIRED) -> Any:
        """Return what ``read`` makes of the value; None after a problem, so call :meth:`end` before using it."""
        self._known.append(key)
        name = f"{self._name}.{key}" if self._name else key
        value = self._data.pop(key, default)
        if value is _REQUIRED:
            self._problems.append(f"{name} is missing: give it a value.")
            return None
        try:
            return read(value, name)
        except ConfigError as error:
            self._problems += error.problems
            return None

    def end(self) -> None:
        """Raise :class:`ConfigError` if a key was wrong or is not known."""
        for key in self._data:
            name = f"{self._name}.{key}" if self._name else str(key)
            self._problems.append(f"{shown(name)} is not a known key: use one of {', '.join(self._known)}.")
        if self._problems:
            raise ConfigError(*self._problems)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} is given twice")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _string(value: object, name: str) -> str:
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        raise ConfigError(f"{name} is {shown(value)}: give a text on one line that is not empty.")
    return value


def _name(value: object, name: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError(
            f'{name} is {shown(value)}: give a name of letters, digits, ".", "-" and "_", such as "fra-01".'
        )
    return value


def _boolean(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is {shown(value)}: give true or false.")
    return value


def _integer(least: int, most: int) -> Callable[[object, str], int]:
    def read(value: object, name: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigError(f"{name} is {shown(value)}: give a whole number from {least} to {most}.")
        return value

    return read


def _timeout(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:
        raise ConfigError(f"{name} is {shown(value)}: give a number of seconds above 0 and at most 3600.")
    return float(value)


def _choice(*choices: str) -> Callable[[object, str], str]:
    def read(value: object, name: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ConfigError(f"{name} is {shown(value)}: give one of {', '.join(choices)}.")
        return value

    return read


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{name} is {shown(value)}: give a list.")
    return value


def _directory(value: object, name: str) -> Path:
    path = PurePosixPath(value) if isinstance(value, str) and value.isprintable() else PurePosixPath()
    # three parts: neither "/" nor a directory right below it, which other programs share
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 3 or str(path).startswith("//"):
        raise ConfigError(
            f'{name} is {shown(value)}: give an absolute path of its own, such as "/var/lib/image-cache".'
        )
    return Path(path)


def _file(value: object, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isprintable() or not PurePosixPath(value).is_absolute():
        raise ConfigError(f"{name} is {shown(value)}: give null or the absolute path of a file.")
    return value


def _size(value: object, name: str) -> int:
    try:
        return parse_size(value, name)
    except SizeError as error:
        raise ConfigError(str(error)) from None


def _rate(value: object, name: str) -> int | None:
    if value is None:
        return None
    rate = _size(value, name)
    if rate < 1024:
        raise ConfigError(f'{name} is {shown(value)}: give null for no limit, or at least "1K" (bytes per second).')
    return rate


def _url(value: object, name: str) -> str:
    wrong = f'{name} is not an address of a service: give "https://host[:port][/path]" without user, query and fragment'
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{wrong}, not {shown(value)}.")
    if "@" in value:
        # what stands before the @ may be a password: not to be repeated
        raise ConfigError(f"{wrong}.")
    try:
        parts = urlsplit(value)
        # a property that raises for a port that is none
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "?" in value or "#" in value:
        raise ConfigError(f"{wrong}, not {shown(value)}.")
    return value.rstrip("/")


def _source(value: object, name: str) -> SourceConfig:
    section = _Section(value, name)
    ca_path = section.take("ca_path", _file, None)
    validate_certs = section.take("validate_certs", _boolean, True)
    source = SourceConfig(
        api=section.take("api", _choice("v1", "v2")),
        url=section.take("url", _url),
        hmac_user=section.take("hmac_user", _choice("Metal-View", "Metal-Edit", "Metal-Admin"), "Metal-View"),
        tls=TlsOptions(ca_path=ca_path, validate_certs=validate_certs),
        timeout=section.take("timeout", _timeout, 10),
    )
    section.end()
    return source


def _store(value: object, name: str) -> StoreConfig:
    section = _Section(value, name)
    store = StoreConfig(
        # there is no way to switch certificate checks off for what machines will boot
        tls=TlsOptions(ca_path=section.take("ca_path", _file, None)),
        timeout=section.take("timeout", _timeout, 30),
        allow_http=section.take("allow_http", _boolean, False),
        bandwidth_limit=section.take("bandwidth_limit", _rate, None),
    )
    section.end()
    return store


def _domains(value: object, name: str) -> tuple[str, ...]:
    domains = []
    for index, item in enumerate(_list(value, name)):
        domain = item.lower() if isinstance(item, str) else ""
        problem = domain_problem(domain)
        if problem:
            raise ConfigError(
                f'{name}[{index}] is {shown(item)}, which {problem}: give a name such as "images.metal-stack.io".'
            )
        if domain in domains:
            raise ConfigError(f"{name} names {shown(domain)} twice: name it once.")
        domains.append(domain)
    if not domains:
        raise ConfigError(f'{name} is an empty list: give at least one name such as "images.metal-stack.io".')
    return tuple(domains)


def _peers(value: object, name: str) -> tuple[Peer, ...]:
    peers: list[Peer] = []
    for index, item in enumerate(_list(value, name)):
        section = _Section(item, f"{name}[{index}]")
        peer = Peer(name=section.take("name", _name), url=section.take("url", _url))
        section.end()
        for other in peers:
            if other.name == peer.name or other.url == peer.url:
                raise ConfigError(
                    f"{name}[{index}] has the name or the url of an earlier one: list each cache host once."
                )
        peers.append(peer)
    return tuple(peers)


def _excludes(value: object, name: str) -> tuple[str, ...]:
    return tuple(_string(item, f"{name}[{index}]") for index, item in enumerate(_list(value, name)))


def _maximum_images(value: object, name: str) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == -1 or 1 <= value <= 1_000_000):
        raise ConfigError(f"{name} is {shown(value)}: give -1 for no maximum, or a whole number from 1 to 1000000.")
    return None if value == -1 else value


def _maximum_size(value: object, name: str) -> int | None:
    if not isinstance(value, bool) and value in (-1, "-1"):
        return None
    size = _size(value, name)
    if size == 0:
        raise ConfigError(f'{name} is {shown(value)}: give -1 for no maximum, or a size such as "100G".')
    return size


def _policy(value: object, name: str) -> Policy:
    section = _Section(value, name)
    excludes = section.take("excludes", _excludes, [])
    grace_days = section.take("expiration_grace_days", _integer(0, 36500), 0)
    minimum = section.take("min_images_per_name", _integer(1, 1_000_000), 3)
    maximum = section.take("max_images_per_name", _maximum_images, -1)
    size = section.take("max_cache_size", _maximum_size, -1)
    section.end()
    if maximum is not None and maximum < minimum:
        raise ConfigError(
            f"{name}.max_images_per_name is {maximum}, less than the {minimum} of {name}.min_images_per_name: "
            "give a maximum that is not below the minimum."
        )
    return Policy(excludes, timedelta(days=grace_days), minimum, maximum, size)
