# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partition of the story: what its machine, its cache hosts and the internet around it can be asked."""

from __future__ import annotations

import csv
import json
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.testbed import content
from tests.testbed.engine import docker
from tests.testbed.imagecache import ImageCacheWorld

from .story import StoryError

WORLD = "demo"
NETWORK = "172.30.55"
CACHE_HOSTS = ("cache-1", "cache-2")
SERVICES = ("unbound", "nginx", "haproxy")
CA = "/usr/local/share/ca-certificates/testbed.crt"
MACHINE = "/opt/testbed/tools/machine.py"
TOOLS = "/opt/demo"
CURL = ("curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", CA, "--max-time", "60")


@dataclass(frozen=True)
class Download:
    """One file, as the machine got it."""

    status: int
    served_by: str
    size: int
    seconds: float
    md5: str
    location: str


class Partition:
    """A world of its own beside the scenario's."""

    def __init__(self) -> None:
        self.world = ImageCacheWorld.beside(WORLD, NETWORK)
        self.cached = [*(image.key for image in content.CACHED), content.BOOT_IMAGE, content.KERNEL]

    def up(self) -> None:
        """Bring it up from nothing; an earlier one goes first."""
        self.world.up()
        for host in CACHE_HOSTS:
            docker("cp", f"{Path(__file__).parent}/hostside/.", f"{self.world.container(host)}:{TOOLS}")

    # -- the machine ---------------------------------------------------------------------------------------------------
    def addresses_of(self, name: str) -> list[str]:
        """What the machine's name servers answer."""
        return sorted(self.world.exec("client", "dig", "+short", "+time=3", name).split())

    def download(self, key: str, *options: str) -> Download:
        """Let the machine get http://<key>."""
        target = "/tmp/demo-download"
        said = self.world.exec("client", *CURL, *options, "--output", target, "--write-out", "%{json}", f"http://{key}")
        facts = json.loads(said)
        md5 = self.world.exec("client", "md5sum", target).split()[0]
        return Download(facts["http_code"], facts["remote_ip"], facts["size_download"], facts["time_total"], md5,
                        facts.get("redirect_url") or "")  # fmt: skip

    def download_many(self, keys: Sequence[str], count: int, parallel: int) -> dict[str, Any]:
        """Let the machine get the files in turn until there are `count`, and compare each with the store's checksum."""
        sums = self.checksums()
        pairs = [word for key in keys for word in (f"http://{key}", sums[key])]
        words = [MACHINE, "get", "--count", str(count), "--parallel", str(parallel), *pairs]
        # it ends with 1 when a download failed, which its report says better
        said = self.world.exec("client", "sh", "-c", '"$@" || test $? -eq 1', "-", *words, timeout=600)
        report: dict[str, Any] = json.loads(said)
        return report

    def fingerprint(self, name: str) -> str:
        """SHA-256 of the certificate that the machine is shown when it asks for this name by HTTPS."""
        script = f"openssl s_client -connect {name}:443 -servername {name} -CAfile {CA} -verify_return_error </dev/null"
        shown = self.world.exec("client", "sh", "-c", f"{script} 2>&1 | openssl x509")
        return sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()

    # -- the cache hosts -----------------------------------------------------------------------------------------------
    @property
    def cache_addresses(self) -> list[str]:
        """Of the cache hosts."""
        return [self.world.address(21), self.world.address(22)]

    def requests_by_nginx(self, host: str) -> dict[str, int]:
        """How many requests the haproxy of this host has given to the nginx of each host."""
        said = self.world.exec(host, "curl", "--silent", "--fail", "http://127.0.0.1:65534/;csv")
        rows = csv.DictReader(said.lstrip("# ").splitlines())
        return {
            row["svname"]: int(row["stot"]) for row in rows if row["pxname"] == "nginx" and row["svname"] in CACHE_HOSTS
        }

    def stop_nginx_after(self, requests: int) -> subprocess.Popen[str]:
        """On cache-1: stop nginx as soon as it has answered so many requests more."""
        command = ["docker", "exec", self.world.container("cache-1"), "python3", f"{TOOLS}/stop_nginx.py", "cache-1"]
        return subprocess.Popen([*command, str(requests)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def status(self, host: str) -> dict[str, Any]:
        """`image-cache-sync status --json`."""
        found: dict[str, Any] = json.loads(self.world.exec(host, "image-cache-sync", "status", "--json"))
        return found

    def active(self, host: str) -> list[str]:
        """Which of the services run."""
        said = self.world.exec(host, "sh", "-c", f"systemctl is-active {' '.join(SERVICES)} || true").split()
        return [name for name, state in zip(SERVICES, said) if state == "active"]

    # -- the internet --------------------------------------------------------------------------------------------------
    def checksums(self) -> dict[str, str]:
        """MD5 of every file of the store by its key."""
        return {key: facts["md5"] for key, facts in json.loads(self.world.store("sums")).items()}

    def left_the_store(self) -> dict[str, dict[str, Any]]:
        """By key: how often a file was sent by the store, and to whom."""
        found: dict[str, dict[str, Any]] = json.loads(self.world.store("downloads"))
        return found

    def internet_answers(self, host: str) -> bool:
        """Whether store or external DNS can be reached from this host."""
        dns, store = self.world.address(12), self.world.address(10)
        script = f"dig +short +time=1 +tries=1 @{dns} {content.STORE} | grep -q {store} || nc -z -w 1 {store} 443"
        said = self.world.exec(host, "sh", "-c", f"if {script}; then echo yes; else echo no; fi").split()
        if said not in (["yes"], ["no"]):
            raise StoryError(f"{host} could not be asked whether the internet is there: {' '.join(said)}")
        return said == ["yes"]

    def certificate_of_store(self) -> str:
        """SHA-256 of the store's own certificate."""
        text = (self.world.directory / "pki" / "good.pem").read_text(encoding="ascii")
        return sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
