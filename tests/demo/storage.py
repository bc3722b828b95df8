# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second part of the story: machines in the rack become a storage network, a LightOS cluster, and a volume."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.testbed import emulated, playbook
from tests.testbed.engine import REPOSITORY, docker
from tests.testbed.storage import CONTROL, StorageWorld

from .story import Story, recap, table, wait_until

WORLD = "demo-storage"
NETWORK = "172.30.64"
SERVERS = ("storage-1", "storage-2", "storage-3")
CLIENT = "client-1"
PLAYBOOKS = REPOSITORY / "playbooks"
VOLUME = Path(__file__).with_name("volume.yml")
WRITER = "/opt/testbed/tools/writer.py"
WHAT = {
    "control": "metal-api, DNS, and the vendor's packages",
    "storage-1": "a machine in the rack, Debian 12",
    "storage-2": "a machine in the rack, Debian 13",
    "storage-3": "a machine in the rack, Debian 12",
    "client-1": "a machine that will use the storage",
}
SIZE = 100 << 30


class Rack:
    """A storage world of its own, and what its APIs and hosts can be asked."""

    def __init__(self) -> None:
        hosts = tuple(host for host in StorageWorld.hosts if host.name in WHAT)
        self.world = StorageWorld.beside(WORLD, NETWORK, hosts, after=1)

    def play(self, what: str, path: Path, *options: str) -> playbook.Played:
        """Run a playbook of the collection."""
        return playbook.play(self.world, what, *options, playbook=path)

    @property
    def data_addresses(self) -> list[str]:
        """Of the servers."""
        return [self.world.address(200 + number) for number in range(1, len(SERVERS) + 1)]

    def metal_api(self) -> dict[str, Any]:
        """What the metal-api has."""
        return self._state(f"127.0.0.1:{emulated.CONTROL_PORT}")

    def cluster(self) -> dict[str, Any]:
        """What the cluster is like."""
        return self._state(f"{self.world.address(CONTROL)}:{emulated.LIGHTBITS_CONTROL_PORT}")

    def volume(self) -> dict[str, Any]:
        """The volume of the tenant, {} when there is none."""
        found = [one for one in self.cluster()["volumes"] if one["projectName"] == "tenant-1"]
        return found[0] if found else {}

    def replicas(self) -> int:
        """How many replicas of it are there and whole."""
        found, nodes = self.volume(), {one["UUID"]: one["state"] for one in self.cluster()["nodes"]}
        if found.get("state") != "Available":
            return 0
        return sum(nodes[node] == "Active" and node not in found["_rebuilding"] for node in found["nodeList"])

    def write(self, until: str) -> subprocess.Popen[str]:
        """Let the client write to the volume until it finds that file."""
        words = [WRITER, "--until", until, "--volumes", self.volume()["UUID"], *self.data_addresses]
        command = ["docker", "exec", self.world.container(CLIENT), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _state(self, control: str) -> dict[str, Any]:
        said = self.world.exec("control", "curl", "--silent", "--fail", f"http://{control}/-/control/state")
        found: dict[str, Any] = json.loads(said)
        return found


def hosts(story: Story, rack: Rack) -> None:
    """Machines that wait."""
    story.chapter("Beside it, machines wait in three racks to become storage servers")
    rack.world.up()
    rows = [(name, addresses, WHAT[name]) for name, addresses, state in rack.world.status() if state == "running"]
    story.check(len(rows) == len(WHAT), f"not all hosts run: {rack.world.status()}")
    story.show(table(("HOST", "ADDRESSES", "WHAT IT IS"), rows))
    taken = [one["id"] for one in rack.metal_api()["machines"] if one.get("allocation")]
    story.check(not taken, f"machines are allocated already: {taken}")
    story.check(not rack.cluster()["servers"], "there is a cluster already")
    story.tell("In the metal-api no machine is allocated, and nothing is installed on any of them.")


def network(story: Story, rack: Rack) -> None:
    """Playbook storage_network."""
    story.chapter("One playbook makes their storage network")
    story.show("ansible-playbook playbooks/storage_network.yml")
    first = rack.play("the playbook of the storage network", PLAYBOOKS / "storage_network.yml")
    recap(story, first)
    state = rack.metal_api()
    found = [one for one in state["networks"] if one.get("name") == "storage"]
    story.check(len(found) == 1 and found[0]["shared"], f"there is no shared network: {found}")
    machines = {one["allocation"]["name"]: one for one in state["machines"] if one.get("allocation")}
    story.check(sorted(machines) == list(SERVERS), f"allocated are {sorted(machines)}")
    rows = [(name, one["rackid"], ", ".join(one["allocation"]["networks"][0]["ips"])) for name, one in machines.items()]
    story.show(table(("SERVER", "RACK", "ADDRESS"), sorted(rows)))
    story.check(len({one["rackid"] for one in machines.values()}) == len(SERVERS), "two servers are in the same rack")
    proven = re.search(r"\d+ hosts reach each other by \d+ ports and \d+ paths of \d+ bytes", first.output)
    story.check(proven is not None, "the playbook does not say that the hosts reach each other")
    story.tell(
        f"The metal-api has a private shared network, {', '.join(found[0]['prefixes'])}, with a server in each rack."
        f" The playbook has tried it from every host to every other: {proven[0] if proven else ''}."
    )


def cluster(story: Story, rack: Rack) -> None:
    """Playbook lightos."""
    story.chapter("Another one makes them a LightOS cluster, with the vendor's installer")
    story.show("ansible-playbook playbooks/lightos.yml")
    first = rack.play("the vendor's installer on three servers", PLAYBOOKS / "lightos.yml")
    recap(story, first)
    shown = [line for line in first.output.splitlines() if line.startswith("[install] TASK")]
    story.check(len(shown) > 1, "the installer's output was not shown")
    servers = rack.cluster()["servers"]
    good = sorted(one["name"] for one in servers if one["state"] == "Enabled" and not one.get("_absent"))
    story.check(good == list(SERVERS), f"these servers are enabled and there: {good}")
    secrets = [path for path in (rack.world.directory / "lightos" / "secrets").rglob("*") if path.is_file()]
    open_to_others = [path.name for path in secrets if path.stat().st_mode & 0o077]
    story.check(bool(secrets) and not open_to_others, f"others can read secrets: {open_to_others}")
    story.tell(
        f"The installer's {len(shown)} tasks were shown as they went. The role has asked each server, made a volume of"
        f" a tenant, seen it protected, and deleted it. {len(secrets)} keys, certificates and tokens are for their"
        " owner only. The same playbook again:"
    )
    second = rack.play("the playbook once more", PLAYBOOKS / "lightos.yml")
    changed = playbook.changed_tasks(second.output)
    story.check(not changed, f"the second run of the playbook still changed something: {', '.join(changed)}")
    story.tell(f"Nothing was changed, in {second.seconds:.0f} s.")


def volume(story: Story, rack: Rack) -> None:
    """A volume, which goes on while a server is away."""
    story.chapter("A tenant gets a volume, and a server dies while it writes")
    story.show(VOLUME.read_text(encoding="utf-8").split("tasks:\n", 1)[1].split("      vars:")[0])
    rack.play("a volume", VOLUME)
    found = rack.volume()
    story.check(int(found.get("size", 0)) == SIZE, f"the volume is {found}")
    wait_until(lambda: rack.replicas() == 3, "the volume does not get its three replicas")
    flag = "/run/demo-enough"
    with rack.write(flag) as writing:
        try:
            docker("stop", "--time", "1", rack.world.container(SERVERS[1]))
            wait_until(lambda: rack.replicas() == 2, "the volume does not miss the server")
            story.tell(f"{SERVERS[1]} was switched off while {CLIENT} writes: two of three replicas are left.")
            docker("start", rack.world.container(SERVERS[1]))
            wait_until(lambda: rack.replicas() == 3, "the volume does not get its third replica again", timeout=300)
        finally:
            rack.world.exec(CLIENT, "touch", flag)
        said, problems = writing.communicate(timeout=60)
    story.check(writing.returncode == 0, f"writes were lost: {said.strip() or problems.strip()}")
    report = json.loads(said)
    story.check(not report["lost"] and report["writes"] > 0, f"the client says {report}")
    story.tell(
        f"It is back, and all three replicas are whole again. Of {report['writes']} writes meanwhile none was lost."
    )


CHAPTERS: tuple[Callable[[Story, Rack], None], ...] = (hosts, network, cluster, volume)


def ending(rack: Rack) -> str:
    """How to look at what is left running."""
    world = rack.world
    inventories = " ".join(f"-i {path.relative_to(REPOSITORY)}" for path in playbook.INVENTORIES[world.kind])
    exports = "\n".join(
        f"     export {name}={value}" for name, value in sorted(world.access().items()) if name != "METALCTL_HMAC"
    )
    keys = world.directory.relative_to(REPOSITORY) / emulated.KEYS_FILE
    return f"""
So is the storage. One page about the cluster, as the on-call sees it:
     export TESTBED_WORLD={world.name} TESTBED_NETWORK={world.network}
     export ANSIBLE_COLLECTIONS_PATH={playbook.COLLECTIONS.relative_to(REPOSITORY)}
{exports}
     export METALCTL_HMAC=$(python3 -c 'import json; print(json.load(open("{keys}"))["view"])')
     .venv/bin/ansible-playbook {inventories} \\
         playbooks/lightos_info.yml
Maintain, upgrade, repair it: docs/operations.md has a page for each playbook. Remove it:
     TESTBED_WORLD={world.name} TESTBED_NETWORK={world.network} .venv/bin/python -m tests.testbed down"""
