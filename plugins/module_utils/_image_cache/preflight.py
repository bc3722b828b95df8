# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a cache host before anything is changed: all problems at once, each in one sentence.

A problem is what would make the cache fail or serve wrongly; a warning is what an operator should look at.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .._errors import ApiError, AuthenticationError, PermissionDeniedError
from .._http import RetryPolicy, http_date
from .._metal.v1 import MetalV1
from .._units import format_size, shown
from .config import ConfigError, domain_problem, parse_config
from .planner import IMAGE
from .preflight_host import same_place
from .source import SourceError, connect, read_source

if TYPE_CHECKING:
    from datetime import datetime

    from .config import Config
    from .preflight_host import Host, Listener
    from .source import MetalApi

OLDEST_PYTHON = (3, 9)
# LoadCredential=
OLDEST_SYSTEMD = 247
# The metal-api takes a signature of the view key for 30 seconds, unless it is configured otherwise.
_SIGNATURE_LIFETIME = 30.0
_SKEW = 5.0
_EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True)
class Service:
    """What will listen here. ``program`` is the name of its process and, with ``.service``, of its unit."""

    program: str
    address: str
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class DnsServer:
    """A DNS server that answers everything that is not intercepted; ``port`` None is 53, or 853 with TLS."""

    name: str
    ip: str
    port: int | None = None


@dataclass(frozen=True)
class Request:
    """What the host is to become. ``config`` is the decoded configuration of ``image-cache-sync``, not checked yet.

    ``cache_hosts`` are pairs of name and address of all cache hosts, ``addresses`` those that this host must have.
    """

    config: object
    cache_hosts: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    external_dns_servers: tuple[DnsServer, ...] = ()
    external_dns_tls: bool = False
    ca_paths: tuple[str, ...] = ()
    python: str = "/usr/bin/python3"
    hmac: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    timeout: float = 5.0


@dataclass
class Report:
    """``problems`` and ``warnings`` are sentences; ``facts`` are figures that were found on the way."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def check(request: Request, host: Host) -> Report:
    """Make all checks. Nothing is changed, and a check that fails does not keep the others from being made."""
    report = Report()
    config: Config | None = None
    try:
        config = parse_config(request.config)
    except ConfigError as error:
        report.problems += error.problems
    _check_programs(request, host, report)
    members = _check_members(request, report)
    _check_addresses(request, host, report)
    _check_services(request, host, report)
    _check_networks(request, report)
    _check_dns(request, members, host, report)
    _check_domains(request, members, host, report)
    _check_authorities(request, config, host, report)
    if config is not None:
        _check_disk(config, host, report)
        _check_api(request, config, host, report)
    return report


def _check_programs(request: Request, host: Host, report: Report) -> None:
    python = host.python(request.python)
    report.facts["python"] = None if python is None else ".".join(map(str, python))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if python is None:
        report.problems.append(f"{request.python} does not run: install Python {oldest} or newer.")
    elif python < OLDEST_PYTHON:
        report.problems.append(
            f"{request.python} is Python {report.facts['python']}: image-cache-sync needs {oldest} or newer."
        )
    systemd = report.facts["systemd"] = host.systemd()
    if systemd is None:
        report.problems.append(
            "This host is not run by systemd, which the cache needs for its services and credentials."
        )
    elif systemd < OLDEST_SYSTEMD:
        report.problems.append(
            f"This host has systemd {systemd}: services' credentials (LoadCredential=) need {OLDEST_SYSTEMD} or newer."
        )


def _check_members(request: Request, report: Report) -> dict[str, str]:
    """Return name by address of the cache hosts, addresses in their canonical form."""
    members: dict[str, str] = {}
    for name, text in request.cache_hosts:
        address = _canonical(text)
        if address is None:
            report.problems.append(f"The cache host {name} has the address {shown(text)}, which is not an IP address.")
        elif address in members:
            report.problems.append(
                f"The cache hosts {members[address]} and {name} have the same address {address}: give each its own."
            )
        else:
            members[address] = name
    return members


def _check_addresses(request: Request, host: Host, report: Report) -> None:
    own = host.addresses()
    known = None if own is None else {_canonical(address) for address in own}
    for text in dict.fromkeys(request.addresses):
        address = _canonical(text)
        if address is None:
            report.problems.append(f"{shown(text)} is not an IP address that this host could listen on.")
        elif known is not None and own is not None and address not in known:
            report.problems.append(f"This host does not have the address {address}; it has {', '.join(own) or 'none'}.")
        elif known is None and not host.can_bind(address):
            report.problems.append(f"This host does not have the address {address}.")


def _check_services(request: Request, host: Host, report: Report) -> None:
    services = [service for service in request.services if _canonical(service.address) is not None]
    for number, one in enumerate(services):
        for other in services[:number]:
            same_port = (one.port, one.protocol) == (other.port, other.protocol)
            if same_port and one.program != other.program and same_place(one.address, other.address):
                report.problems.append(
                    f"{other.program} and {one.program} are both to listen on port {one.port}/{one.protocol} of "
                    f"{one.address}: give one of them another port."
                )
    listeners = host.listeners({service.port for service in services})
    for service in services:
        for listener in listeners:
            if (
                (listener.port, listener.protocol) == (service.port, service.protocol)
                and same_place(listener.address, service.address)
                and not _is_ours(listener, service)
            ):
                text = (
                    f"Port {listener.port}/{listener.protocol} of {listener.address} is taken by {_owner(listener)}, "
                    f"but {service.program} needs it: stop that program or give it another address."
                )
                # one program may listen there several times
                if text not in report.problems:
                    report.problems.append(text)


def _is_ours(listener: Listener, service: Service) -> bool:
    return listener.program == service.program and listener.unit in (None, f"{service.program}.service")


def _owner(listener: Listener) -> str:
    if listener.program is None:
        return "a program that cannot be seen (run this as root)"
    unit = "" if listener.unit is None else f"{listener.unit}, "
    return f"{listener.program} ({unit}process {listener.pid})"


def _check_networks(request: Request, report: Report) -> None:
    if not request.allowed_networks:
        report.problems.append(
            "allowed_networks is empty: name the partition's networks, or nobody could use the cache."
        )
    for text in request.allowed_networks:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            report.problems.append(
                f'allowed_networks has {shown(text)}: give a network such as "10.0.0.0/16" ({error}).'
            )
            continue
        if network.prefixlen == 0:
            report.warnings.append(f"allowed_networks has {network}, so everybody may use this host's DNS and cache.")


def _check_dns(request: Request, members: dict[str, str], host: Host, report: Report) -> None:
    if not request.external_dns_servers:
        report.problems.append("external_dns_servers is empty: name at least one DNS server for all other names.")
    for server in request.external_dns_servers:
        address = _canonical(server.ip)
        if address is None:
            report.problems.append(
                f"external_dns_servers has {shown(server.name)} with the ip {shown(server.ip)}: "
                'give an address such as "1.1.1.1".'
            )
        elif address in members:
            report.problems.append(
                f"external_dns_servers has {address}, which is the cache host {members[address]}: "
                "questions would go in circles, so name another server."
            )
        else:
            port = server.port or (853 if request.external_dns_tls else 53)
            reason = (
                host.connects(address, port)
                if request.external_dns_tls
                else host.ask_dns(address, port, "metal-stack.io")
            )
            if reason:
                report.warnings.append(f"The external DNS server {server.name} ({address}, port {port}) {reason}.")


def _check_domains(request: Request, members: dict[str, str], host: Host, report: Report) -> None:
    """What is wrong with a name itself is found with the configuration; here is where the names lead."""
    given = request.config.get("intercept_domains") if isinstance(request.config, dict) else None
    texts = [text.lower() for text in given if isinstance(text, str)] if isinstance(given, list) else []
    domains = [text for text in dict.fromkeys(texts) if domain_problem(text) is None]
    names = {name.lower(): name for name, _address in request.cache_hosts}
    for domain, addresses in host.resolve(domains).items():
        if domain in names:
            report.problems.append(
                f"{domain} is to be intercepted, but is the name of the cache host {names[domain]}: "
                "intercept only the names of stores."
            )
            continue
        reached = [members[address] for address in map(_canonical, addresses) if address in members]
        if reached:
            report.problems.append(
                f"{domain} leads this host to the cache host {reached[0]}, so the cache would ask itself: "
                "let the resolver of this host be one that does not intercept."
            )
        elif not addresses:
            report.warnings.append(f"This host cannot resolve {domain}, so it could not fetch anything from there.")


def _check_authorities(request: Request, config: Config | None, host: Host, report: Report) -> None:
    paths = list(request.ca_paths)
    if config is not None:
        paths += [path for path in (config.source.tls.ca_path, config.store.tls.ca_path) if path]
    now = host.now()
    for path in dict.fromkeys(paths):
        try:
            ends = host.certificates(path)
        except OSError as error:
            report.problems.append(f"The certificate file {path} cannot be used: {error.strerror or error}.")
            continue
        if ends and max(ends) <= now:
            report.problems.append(f"The certificates in {path} have expired, the last at {max(ends).isoformat()}.")
        elif ends and max(ends) <= now + _EXPIRES_SOON:
            report.warnings.append(f"The certificates in {path} expire soon, the last at {max(ends).isoformat()}.")


def _check_disk(config: Config, host: Host, report: Report) -> None:
    disk = host.disk(str(config.directory))
    report.facts.update(disk_available=disk.available, disk_used=disk.used)
    wanted = config.policy.max_cache_size
    if wanted is not None and disk.available + disk.used < wanted:
        report.problems.append(
            f"The file system of {config.directory} (at {disk.path}) has room for "
            f"{format_size(disk.available + disk.used)}, less than policy.max_cache_size, {format_size(wanted)}: "
            "give it more space or lower the maximum."
        )


def _check_api(request: Request, config: Config, host: Host, report: Report) -> None:
    try:
        api = connect(config.source, hmac=request.hmac, token=request.token, retry=RetryPolicy(attempts=1))
    except SourceError as error:
        report.problems.append(str(error))
        return
    with api.http:
        _ask_api(request, config, api, host, report)


def _ask_api(request: Request, config: Config, api: MetalApi, host: Host, report: Report) -> None:
    """Ask what a run of ``image-cache-sync`` would ask: its token may have the right to nothing else."""
    url = config.source.url
    # any answer shows that the API is reached, and has its clock
    public = url + ("/v1/version" if config.source.api == "v1" else "/")
    try:
        answer = api.http.request("GET", public, deadline=4 * request.timeout)
    except ApiError as error:
        report.problems.append(f"The metal-api cannot be reached: {error}")
        return
    signed = isinstance(api, MetalV1) and not request.token
    _check_clock(http_date(answer.headers.get("Date", "")), host.now(), signed, report)
    try:
        source = read_source(api, config, host.now())
    except SourceError as error:
        cause = error.__cause__
        if isinstance(cause, (AuthenticationError, PermissionDeniedError)):
            report.problems.append(f"The metal-api at {url} refuses the credential: {cause}")
        else:
            report.problems.append(str(error))
        return
    report.facts["images"] = sum(candidate.kind == IMAGE for candidate in source.candidates.candidates)
    report.warnings += source.warnings
    if source.partitions_problem:
        report.problems.append(source.partitions_problem)


def _check_clock(server: float | None, now: datetime, signed: bool, report: Report) -> None:
    """Compare the clocks. The API refuses signatures that are too old, so being behind is worse than being ahead."""
    if server is None:
        return
    behind = server - now.timestamp()
    report.facts["clock_skew"] = round(-behind)
    text = (
        f"The clock of this host is {abs(behind):.0f} seconds {'behind' if behind > 0 else 'ahead of'} the metal-api's"
    )
    if signed and behind > _SIGNATURE_LIFETIME - _SKEW:
        report.problems.append(
            f"{text}, which accepts signatures for {_SIGNATURE_LIFETIME:.0f} seconds only: synchronise it."
        )
    elif abs(behind) > _SKEW:
        report.warnings.append(f"{text}: synchronise it.")


def _canonical(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
