# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage world: servers in the rack, a client, and the APIs they belong to.

=============  ==============  ==============  =================================================================
host           eth0 (manage)   eth1 (data)
=============  ==============  ==============  =================================================================
control        .10             -               metal-api, Lightbits cluster, DNS, package repositories
storage-1      .21             .201            Debian 12
storage-2      .22             .202            Debian 13
storage-3      .23             .203            Debian 12
storage-4      .24             .204            Debian 13, for growth
storage-5      .25             .205            Debian 12, a spare one
client-1       .31             .211            Debian 12, a client of the storage
=============  ==============  ==============  =================================================================

The management network is .0/25, the data network .128/25 with an MTU of 9000; the addresses from .129 on are free.
systemd-networkd has eth1 of the servers and the client. All of them let root in by SSH with the key `ssh/id_ed25519` of
the world's directory, and the machine that this runs on reaches them, the metal-api and the cluster by address.

A container has neither NVMe devices nor cores of its own: what a server is made of lies below HARDWARE on each, as the
metal-api tells it. The archive of the installer for its cluster is in `vendor/` of the world's directory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.emulators.lightos_installer import archive
from tests.support.storage_server import MadeUpServer

from . import emulated, pki, storagecontent
from .engine import TestbedError, docker
from .world import EMULATORS, TRUSTED, Host, Network, World

CONTROL = 10
NAMES = ("api.metal.example", "dl.lightbits.example")
DATA_MTU = 9000
HARDWARE = "/srv/hardware"

HOSTS = (
    Host("control", CONTROL, "control"),
    Host("storage-1", 21, "server12", further=(201,)),
    Host("storage-2", 22, "server13", further=(202,)),
    Host("storage-3", 23, "server12", further=(203,)),
    Host("storage-4", 24, "server13", further=(204,)),
    Host("storage-5", 25, "server12", further=(205,)),
    Host("client-1", 31, "server12", further=(211,)),
)
_DATA_NETWORK = """\
[Match]
Name=eth1

[Network]
Address={address}/25
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


class StorageWorld(World):
    """See above."""

    kind = "storage"
    default_name = "storage"
    default_network = "172.30.57"
    networks = (Network("", "0/25"), Network("data", "128/25", DATA_MTU, gateway=254))
    hosts = HOSTS
    resolvers = (CONTROL,)

    def prepare_directory(self) -> None:
        self._make_certificates()
        self._make_ssh_key()
        control = self.directory / "control"
        control.mkdir()
        address = self.address(CONTROL)
        emulated.prepare_metal_api(self, control, address, storagecontent.metal_api(self.address))
        emulated.prepare_lightbits(control, address)
        installed_by = f"http://{address}:{emulated.LIGHTBITS_CONTROL_PORT}/-/control"
        archive.build(self.directory / "vendor", storagecontent.VERSIONS[0].replace("-", "."), installed_by)
        names = [*((name, CONTROL) for name in NAMES), *((f"{host.name}.example", host.number) for host in HOSTS)]
        lines = [f'local-data: "{name}. 60 IN A {self.address(number)}"\n' for name, number in names]
        (control / "unbound-names.conf").write_text("".join(lines))

    def options(self, host: Host) -> list[str]:
        return EMULATORS if host.name == "control" else []

    def prepare_host(self, host: Host) -> None:
        container = self.container(host.name)
        docker("cp", f"{self.directory}/pki/ca.pem", f"{container}:{TRUSTED}")
        if host.name == "control":
            docker("cp", f"{self.directory}/pki", f"{container}:/etc/testbed/pki")
            docker("cp", f"{self.directory}/control/.", f"{container}:/etc/testbed")
            return
        docker("cp", f"{self.directory}/ssh/id_ed25519.pub", f"{container}:/root/.ssh/authorized_keys")
        network = self.directory / f"20-data-{host.name}.network"
        network.write_text(_DATA_NETWORK.format(address=self.address(host.further[0])))
        docker("cp", str(network), f"{container}:/etc/systemd/network/20-data.network")
        if host.name.startswith("storage-"):
            docker("cp", str(self._make_up_hardware(host.name)), f"{container}:{HARDWARE}")

    def finish(self) -> None:
        for path, text in storagecontent.packages().items():
            self.exec("control", "install", "-D", "/dev/stdin", f"/srv/www/{path}", data=text)
        emulated.start_metal_api(self, "control")
        emulated.start_lightbits(self, "control", self.address(CONTROL))
        known = []
        for host in (one for one in self.hosts if one.name != "control"):
            key = self.exec(host.name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()
            known.append(f"{self.address(host.number)},{host.name} {key[0]} {key[1]}\n")
        (self.directory / "ssh" / "known_hosts").write_text("".join(known))

    def access(self) -> dict[str, str]:
        """Of the metal-api, for its inventory plugin."""
        file = self.directory / emulated.KEYS_FILE
        if not file.exists():
            raise TestbedError(f"the world {self.name} is not up: {file} is missing")
        keys = json.loads(file.read_text(encoding="ascii"))
        return {
            "METALCTL_API_URL": f"https://{self.address(CONTROL)}:{emulated.METAL_API_PORT}/metal",
            "METALCTL_HMAC": keys["view"],
            "METALCTL_HMAC_AUTH_TYPE": "Metal-View",
            "TESTBED_CA": str(self.directory / "pki" / "ca.pem"),
        }

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _make_certificates(self) -> None:
        directory = self.directory / "pki"
        directory.mkdir()
        authority = pki.authority("metalstack.provisioning test-bed CA")
        (directory / "ca.pem").write_bytes(authority[1].public_bytes(serialization.Encoding.PEM))
        pki.write(pki.issue(authority, [*NAMES, self.address(CONTROL)]), directory, "good")

    def _make_up_hardware(self, name: str) -> Path:
        made = MadeUpServer(
            self.directory / "hardware" / name,
            sockets=storagecontent.SOCKETS,
            cores=storagecontent.CORES,
            memory=storagecontent.MEMORY,
        )
        for disk in range(storagecontent.NVME_DEVICES):
            made.nvme(f"nvme{disk}", serial=f"{name}-{disk}", size=storagecontent.NVME_SIZE, numa_node=disk % 2)
        made.interface("eth1", mtu=DATA_MTU)
        # who listens is what is really so
        (made.root / "proc/net").symlink_to("/proc/net")
        (made.root / "var").mkdir()
        return made.root

    def _make_ssh_key(self) -> None:
        directory = self.directory / "ssh"
        directory.mkdir()
        key = ed25519.Ed25519PrivateKey.generate()
        openssh = serialization.PrivateFormat.OpenSSH
        private = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        descriptor = os.open(directory / "id_ed25519", os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(private)
        (directory / "id_ed25519.pub").write_bytes(public + b" testbed\n")
