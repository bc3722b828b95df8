# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world of the image cache: one partition's cache hosts and a machine, and the internet they know.

========  =======================  ==========================================================================
store     .10 .11 .12 .13          images.metal-stack.io, github.com, the external DNS, the metal-api
cache-1   .21                      Debian 12
cache-2   .22                      Debian 13, /var/lib/image-cache is a file system of its own, of 256 MiB
cache-3   .23                      Debian 12, for scale-out
client    .31                      a machine of the partition; its name servers are cache-1 and cache-2
foreign   .200                     a host outside of the partition's networks (same name servers)
========  =======================  ==========================================================================
"""

from __future__ import annotations

import json

from . import content, emulated, pki
from .engine import LABEL, docker
from .world import EMULATORS, TRUSTED, Host, World

STORE_NAMES = {
    "images.metal-stack.io": 10,
    "release-assets.githubusercontent.example": 10,
    "elsewhere.example": 10,
    "github.com": 11,
    "dns.testbed.example": 12,
    "api.metal.example": 13,
}

#: A small file system for the cache of cache-2, so that a disk can be full. The store has it mounted as well, which
#: keeps a tmpfs alive while cache-2 is stopped.
SMALL_DISK = "small-disk"

HOSTS = (
    Host("store", 10, "store", more_addresses=(11, 12, 13), volumes=(f"{SMALL_DISK}:/srv/kept",)),
    Host("cache-1", 21, "debian12"),
    Host("cache-2", 22, "debian13", volumes=(f"{SMALL_DISK}:/var/lib/image-cache",)),
    Host("cache-3", 23, "debian12"),
    Host("client", 31, "debian12", resolvers=(21, 22)),
    Host("foreign", 200, "debian12", resolvers=(21, 22)),
)


class ImageCacheWorld(World):
    """See above."""

    kind = "image-cache"
    default_name = "image-cache"
    default_network = "172.30.53"
    hosts = HOSTS
    resolvers = (12,)

    def store(self, *command: str, data: str | None = None) -> str:
        """Run testbed-store with these words."""
        return self.exec("store", "testbed-store", *command, data=data)

    def prepare_directory(self) -> None:
        (self.directory / "pki").mkdir()
        pki.make(self.directory / "pki", STORE_NAMES, "dns.testbed.example")
        # what playbooks of scenarios read
        (self.directory / "content.json").write_text(json.dumps(content.names(), indent=1))
        # what the store reads from /etc/testbed
        store = self.directory / "store"
        store.mkdir()
        emulated.prepare_metal_api(self, store, self.address(STORE_NAMES["api.metal.example"]), content.metal_api())
        dns = self.address(STORE_NAMES["dns.testbed.example"])
        (store / "unbound-interfaces.conf").write_text(f"interface: {dns}@53\ninterface: {dns}@853\n")
        # a short lifetime, so that a cache outlives it while the internet is away
        names = [f'local-data: "{name}. 2 IN A {self.address(number)}"\n' for name, number in STORE_NAMES.items()]
        (store / "unbound-names.conf").write_text("".join(names))

    def prepare_engine(self) -> None:
        docker("volume", "create", "--label", self.label, "--label", LABEL, "--driver", "local", "--opt", "type=tmpfs",
               "--opt", "device=tmpfs", "--opt", "o=size=256m,mode=0755", f"{self.prefix}-{SMALL_DISK}")  # fmt: skip

    def options(self, host: Host) -> list[str]:
        return EMULATORS if host.name == "store" else []

    def prepare_host(self, host: Host) -> None:
        if host.name == "store":
            docker("cp", f"{self.directory}/pki", f"{self.container('store')}:/etc/testbed/pki")
            docker("cp", f"{self.directory}/store/.", f"{self.container('store')}:/etc/testbed")
        else:
            docker("cp", f"{self.directory}/pki/ca.pem", f"{self.container(host.name)}:{TRUSTED}")

    def finish(self) -> None:
        self.store("put-all", data=json.dumps(content.files()))
        emulated.start_metal_api(self, "store")
