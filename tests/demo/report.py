# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the story: one page about all worlds, which are one partition."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible.parsing.vault import VaultLib, VaultSecret

from tests.testbed import emulated
from tests.testbed.engine import REPOSITORY

from . import kubernetes
from .partition import CACHE_HOSTS, Partition
from .storage import CLIENT, SERVERS, Rack
from .story import Story, size, table
from .whole import play

PAGE = REPOSITORY / "build" / "report.html"
#: What the page says beside the heading of a part.
NOTES = {
    "Storage network": "the metal-api is emulated",
    "Image cache": "the internet and its metal-api are the test-bed's",
    "Storage cluster": "emulated",
    "Kubernetes": "API server and duros-controller are real, but no volume can be mounted",
}
#: Shorter ones may be in a page by chance.
_SECRET_LENGTH = 16


def report(story: Story, partition: Partition, rack: Rack) -> None:
    """Playbook partition_report, on the hosts and APIs of all worlds."""
    story.chapter("The partition on one page")
    PAGE.unlink(missing_ok=True)
    story.show("ansible-playbook playbooks/partition_report.yml")
    played = play(partition, rack, "asking all hosts and APIs", "partition_report")
    story.check(PAGE.is_file(), f"there is no {PAGE}")
    page = PAGE.read_text(encoding="utf-8")
    addresses = dict(zip(SERVERS, rack.data_addresses))
    what_it_says(story, page, addresses, partition.cached)
    story.check("not asked" not in " ".join(played.output.split()), "the playbook says that somebody was not asked")
    secrets = {
        **_secrets_of(partition.world.directory),
        **_secrets_of(rack.world.directory),
        **_secrets_of_kubernetes(kubernetes.world(rack).directory),
    }
    no_secret_is_on_it(story, page, secrets)
    story.tell(
        f"{size(len(page.encode()))} of HTML with pictures, without scripts; nothing is loaded from anywhere. Of"
        f" {len(secrets)} files with keys and tokens of this partition, no line is on it."
    )


def what_it_says(story: Story, page: str, addresses: Mapping[str, str], cached: Sequence[str]) -> None:
    """Check that all parts are on the page, and that nobody takes emulators for the truth; tell what it shows."""
    foreign = re.findall(r"""<(?:script|iframe)\b|(?:src|href)="(?!#|data:)[^"]*"|url\(|@import""", page)
    story.check(not foreign, f"the page loads something: {foreign}")
    text = _text(page)
    for name in (*CACHE_HOSTS, *SERVERS, CLIENT):
        story.check(name in text, f"{name} is not on the page")
    for name, address in addresses.items():
        row = re.search(rf"{name} Enabled \S+ {re.escape(address)} ", text)
        story.check(row is not None, f"the page does not say that {name} is enabled at {address}")
    for key in cached:
        story.check(
            re.search(rf"{re.escape(key)} \S+ [0-9.]+ \S+ whole all cache hosts", text) is not None,
            f"the page does not say that all cache hosts have {key}",
        )
    capacity = re.search(r"healthy ([0-9.]+ % free) 3 servers, 3 nodes", text)
    story.check(capacity is not None, "the page does not say that the cluster of three servers is healthy")
    classes = re.findall(r"(\S+) (?:yes|no) csi\.lightbitslabs\.com \d \S+ (\d+ of \d+) of the cluster", text)
    whole = f"{len(addresses)} of {len(addresses)}"
    story.check(
        {named for _name, named in classes} == {whole},
        f"the page does not show storage classes that name all servers of the cluster: {classes}",
    )
    for heading, note in NOTES.items():
        story.check(f"{heading} Note: {note}" in text, f"the page does not say beside {heading!r}: {note}")
    rows = [
        ("storage network", f"{', '.join(addresses)} and {CLIENT}", NOTES["Storage network"]),
        ("image cache", f"{len(cached)} files, whole on {' and '.join(CACHE_HOSTS)}", NOTES["Image cache"]),
        ("storage cluster", f"healthy, {capacity[1] if capacity else ''}", NOTES["Storage cluster"]),
        ("Kubernetes", f"storage classes {' and '.join(name for name, _named in classes)}", NOTES["Kubernetes"]),
    ]
    story.show(table(("PART", "THE PAGE SHOWS", "AND THE NOTE"), rows))


def no_secret_is_on_it(story: Story, page: str, secrets: Mapping[Path, str]) -> None:
    """Check that no line of these files is on the page."""
    story.check(bool(secrets), "the worlds have no secrets, so there is nothing to look for")
    text = html.unescape(page)
    for path, content in secrets.items():
        found = [line for line in _lines(content) if line in text]
        story.check(not found, f"a line of {path.name} is on the page")


def _text(page: str) -> str:
    """What a reader sees."""
    without = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(without).split())


def _secrets_of(directory: Path) -> dict[Path, str]:
    """Files with keys, certificates and tokens of a world, readable."""
    keys = directory / emulated.KEYS_FILE
    password = hashlib.sha256(keys.read_bytes().strip()).hexdigest()
    vault = VaultLib([("default", VaultSecret(password.encode()))])
    # one a line, also those in JSON
    found = {keys: "\n".join([password, *json.loads(keys.read_text(encoding="ascii")).values()])}
    for below in ("lightos/secrets", "ssh"):
        for path in sorted((directory / below).rglob("*")):
            if path.is_file() and path.suffix != ".pub" and path.name != "known_hosts":
                data = path.read_bytes()
                found[path] = (vault.decrypt(data) if vault.is_encrypted(data) else data).decode()
    return found


def _secrets_of_kubernetes(directory: Path) -> dict[Path, str]:
    """Keys and kubeconfigs of its world."""
    paths = [*directory.glob("*.pem"), *directory.glob("*kubeconfig"), *directory.glob("pki/*.key")]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def _lines(content: str) -> list[str]:
    return [
        line for line in map(str.strip, content.splitlines()) if len(line) >= _SECRET_LENGTH and "-----" not in line
    ]


def ending() -> str:
    """Where the page is."""
    return f"""
The partition on one page, open it in a browser:
     {PAGE}"""
