#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a cache host before anything is changed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_cache_preflight
short_description: Check a host before it becomes a cache host
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Finds what would keep the image cache from working on this host, and returns all of it at once.
  - Checks the configuration of C(image-cache-sync), ports that are taken by other programs, missing addresses, the size
    of the file system, Python and systemd, the resolver, the external DNS servers, the certificates, the clock, and
    whether the metal-api can be reached, accepts the credential and knows the partition.
  - Nothing is changed. Run it as root, since only root sees who has taken a port.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode), since it only reads.
  diff_mode:
    support: none
    description: Has nothing to show, since it changes nothing.
  platform:
    support: full
    platforms: linux
    description: Hosts with Linux.
options:
  config:
    description: The configuration of C(image-cache-sync), as it will be written to its file.
    type: dict
    required: true
  hmac:
    description: The view key of the metal-api v1.
    type: str
  token:
    description: A token of the metal-api v2, or an OIDC token for v1.
    type: str
  cache_hosts:
    description: All cache hosts of the partition.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the cache host.
        type: str
        required: true
      address:
        description: Its address in the partition's network.
        type: str
        required: true
  addresses:
    description: Addresses that this host must have, because services will listen on them.
    type: list
    elements: str
    default: []
  services:
    description: What will listen on this host.
    type: list
    elements: dict
    default: []
    suboptions:
      program:
        description: Name of the process. A process of this name in the unit of this name may have the port already.
        type: str
        required: true
      address:
        description: Address that it will listen on.
        type: str
        required: true
      port:
        description: Port that it will listen on.
        type: int
        required: true
      protocol:
        description: Protocol of the port.
        type: str
        choices: [tcp, udp]
        default: tcp
  allowed_networks:
    description: Networks that may use the cache.
    type: list
    elements: str
    default: []
  external_dns_servers:
    description: DNS servers that answer all names that are not intercepted.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the server, for people.
        type: str
        required: true
      ip:
        description: Address of the server.
        type: str
        required: true
      port:
        description: Port of the server. By default 53, or 853 with O(external_dns_tls).
        type: int
      tls_name:
        description: Name in the certificate of the server. Not used here.
        type: str
  external_dns_tls:
    description: Whether the external DNS servers are asked by TLS.
    type: bool
    default: false
  ca_paths:
    description: Files with certificates to check, besides those that O(config) names.
    type: list
    elements: path
    default: []
  python:
    description: The interpreter that will run C(image-cache-sync).
    type: path
    default: /usr/bin/python3
  timeout:
    description: How many seconds each check over the network may take.
    type: float
    default: 5
  fail_on_problems:
    description: Whether the task fails when there are problems. By default it returns them.
    type: bool
    default: false
seealso:
  - module: metalstack.provisioning.image_cache_sync_program
"""

EXAMPLES = r"""
- name: Check a host
  metalstack.provisioning.image_cache_preflight:
    config:
      partition: fra-01
      host: "{{ inventory_hostname }}"
      source:
        api: v1
        url: https://api.example.com/metal
      intercept_domains:
        - images.metal-stack.io
      policy:
        max_cache_size: 100G
    hmac: "{{ metal_view_key }}"
    cache_hosts:
      - name: cache-1
        address: 10.0.0.1
      - name: cache-2
        address: 10.0.0.2
    addresses:
      - 10.0.0.1
    services:
      - program: unbound
        address: 10.0.0.1
        port: 53
        protocol: udp
      - program: haproxy
        address: 10.0.0.1
        port: 80
    allowed_networks:
      - 10.0.0.0/16
    external_dns_servers:
      - name: cloudflare
        ip: 1.1.1.1
  register: preflight

- name: Stop if there are problems
  ansible.builtin.assert:
    that: preflight.problems | length == 0
    fail_msg: "{{ preflight.problems }}"
"""

RETURN = r"""
problems:
  description: What has to be changed before this host can be a cache host, one sentence each.
  returned: always
  type: list
  elements: str
  sample:
    - "Port 80/tcp of 0.0.0.0 is taken by apache2 (apache2.service, process 812), but haproxy needs it: stop that
      program or give it another address."
warnings_found:
  description: What an operator should look at, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["The external DNS server google (8.8.8.8, port 53) does not answer."]
facts:
  description: What was found on the way. Keys are missing or null when they could not be found.
  returned: always
  type: dict
  contains:
    python:
      description: Version of O(python).
      type: str
      sample: "3.11"
      returned: always
    systemd:
      description: Version of systemd.
      type: int
      sample: 252
      returned: always
    disk_available:
      description: Free bytes in the file system of the cache.
      type: int
      sample: 214748364800
      returned: when O(config) is right
    disk_used:
      description: Bytes that the files of the cache take already.
      type: int
      sample: 0
      returned: when O(config) is right
    clock_skew:
      description: Seconds by which this host's clock is ahead of the metal-api's.
      type: int
      sample: 0
      returned: when the metal-api answers
    images:
      description: How many images may be cached.
      type: int
      sample: 40
      returned: when the metal-api accepts the credential
"""

from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.preflight import (
    DnsServer,
    Request,
    Service,
    check,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.preflight_host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "config": {"type": "dict", "required": True},
    "hmac": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "cache_hosts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
    },
    "addresses": {"type": "list", "elements": "str", "default": []},
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "program": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
        },
    },
    "allowed_networks": {"type": "list", "elements": "str", "default": []},
    "external_dns_servers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "ip": {"type": "str", "required": True},
            "port": {"type": "int"},
            "tls_name": {"type": "str"},
        },
    },
    "external_dns_tls": {"type": "bool", "default": False},
    "ca_paths": {"type": "list", "elements": "path", "default": []},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "timeout": {"type": "float", "default": 5},
    "fail_on_problems": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    if not 0 < options["timeout"] <= 600:
        module.fail_json(msg=f"timeout is {options['timeout']:g}: give a number of seconds above 0 and at most 600.")

    def run(arguments: Sequence[str]) -> tuple[int, str]:
        try:
            code, output, _errors = module.run_command(list(arguments), handle_exceptions=False)
        except OSError:
            return 127, ""
        return code, output

    request = Request(
        config=options["config"],
        cache_hosts=tuple((host["name"], host["address"]) for host in options["cache_hosts"]),
        addresses=tuple(options["addresses"]),
        services=tuple(
            Service(service["program"], service["address"], service["port"], service["protocol"])
            for service in options["services"]
        ),
        allowed_networks=tuple(options["allowed_networks"]),
        external_dns_servers=tuple(
            DnsServer(server["name"], server["ip"], server["port"]) for server in options["external_dns_servers"]
        ),
        external_dns_tls=options["external_dns_tls"],
        ca_paths=tuple(options["ca_paths"]),
        python=options["python"],
        hmac=options["hmac"] or None,
        token=options["token"] or None,
        timeout=options["timeout"],
    )
    report = check(request, Host(run, timeout=options["timeout"]))
    result = {
        "changed": False,
        "problems": report.problems,
        "warnings_found": report.warnings,
        "facts": report.facts,
    }
    if report.problems and options["fail_on_problems"]:
        module.fail_json(msg="This host cannot be a cache host: " + " ".join(report.problems), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
