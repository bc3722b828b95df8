# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chapters. Each does something to the partition, checks what comes of it, and tells it."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.testbed import content, playbook
from tests.testbed.engine import REPOSITORY, docker

from .partition import CACHE_HOSTS, CURL, SERVICES, Partition
from .story import Story, recap, size, table, wait_until

DOWNLOADS = 100
WHAT = {
    "store": "the internet: images.metal-stack.io, github.com, external DNS, metal-api",
    "cache-1": "cache host, Debian 12",
    "cache-2": "cache host, Debian 13",
    "cache-3": "spare host, for a third cache",
    "client": "a machine of the partition, name servers: cache-1 and cache-2",
    "foreign": "a host that is not of the partition",
}


def hosts(story: Story, partition: Partition) -> None:
    """The hosts and the network."""
    world = partition.world
    story.chapter("A partition and the internet it knows")
    partition.up()
    rows = [(name, addresses, WHAT[name]) for name, addresses, state in world.status() if state == "running"]
    story.check(len(rows) == len(world.hosts), f"not all hosts run: {world.status()}")
    story.show(table(("HOST", "ADDRESSES", "WHAT IT IS"), rows))
    internal = json.loads(docker("network", "inspect", world.prefix))[0]["Internal"]
    story.check(internal is True, f"the network {world.prefix} is not internal, so something could leave this machine")
    story.tell("Real hosts with systemd in containers. Their network is internal: nothing can leave it.")


def role(story: Story, partition: Partition) -> None:
    """The playbook, on hosts where nothing is installed, and once more."""
    story.chapter("One playbook makes cache hosts of cache-1 and cache-2")
    for host in CACHE_HOSTS:
        packages = partition.world.exec(host, "dpkg-query", "--show", "--showformat=${Package} ").split()
        story.check(
            not set(SERVICES) & set(packages), f"{host} is not fresh: it has one of {', '.join(SERVICES)} already"
        )
    story.show("ansible-playbook playbooks/image_cache.yml")
    first = playbook.play(partition.world, "the playbook on two fresh hosts")
    _recap(story, first)
    story.check(
        all(counts["changed"] for counts in first.recap.values()), "the playbook changed nothing on fresh hosts"
    )
    for host in CACHE_HOSTS:
        story.check(partition.active(host) == list(SERVICES), f"on {host} only these run: {partition.active(host)}")
    story.tell("unbound, nginx, haproxy and image-cache-sync run on both hosts. The same playbook again:")
    second = playbook.play(partition.world, "the playbook once more")
    _recap(story, second)
    changed = playbook.changed_tasks(second.output)
    story.check(not changed, f"the second run of the playbook still changed something: {', '.join(changed)}")


def _recap(story: Story, played: playbook.Played) -> None:
    found = sorted(played.recap)
    story.check(found == list(CACHE_HOSTS), f"the playbook ran on {found} instead of {CACHE_HOSTS}")
    recap(story, played)


def machine(story: Story, partition: Partition) -> None:
    """DNS, an image, kernel and boot image."""
    story.chapter("The machine boots: it asks DNS and downloads, and knows nothing of a cache")
    answer = partition.addresses_of(content.STORE)
    story.check(
        answer == partition.cache_addresses, f"DNS answers {content.STORE} with {answer}, not with the cache hosts"
    )
    story.tell(f"DNS says that {content.STORE} is {' and '.join(answer)}: the cache hosts.")
    sums = partition.checksums()
    rows = []
    for what, key in (
        ("image", content.CACHED[1].key),
        ("boot image", content.BOOT_IMAGE),
        ("kernel", content.KERNEL),
    ):
        got = partition.download(key)
        story.check(got.status == 200, f"http://{key} was answered with {got.status} instead of 200")
        story.check(
            got.served_by in partition.cache_addresses, f"http://{key} came from {got.served_by}, no cache host"
        )
        story.check(got.md5 == sums[key], f"http://{key} has the MD5 {got.md5}, at the store it is {sums[key]}")
        rows.append(
            (
                what,
                size(got.size),
                f"{size(got.size / got.seconds)}/s",
                got.served_by,
                got.md5,
                key.split("/", maxsplit=1)[0],
            )
        )
    story.show(table(("WHAT", "SIZE", "RATE", "FROM", "MD5 (AS AT THE STORE)", "ASKED FOR AT"), rows))
    key = content.CACHED[1].key
    sidecar = partition.world.exec("client", *CURL, "--fail", f"http://{key}.md5").split()[0]
    story.check(sidecar == sums[key], f"the cache's .md5 file of {key} says {sidecar} instead of {sums[key]}")
    story.tell("The .md5 file beside the image, which machines check it with, says the same.")


def once(story: Story, partition: Partition) -> None:
    """The store's access log."""
    story.chapter("Every file left the internet once, for both cache hosts")
    left = partition.left_the_store()
    wanted = sorted(partition.cached)
    story.check(sorted(left) == wanted, f"the store has sent {sorted(left)} instead of {wanted}")
    names = {partition.world.address(host.number): host.name for host in partition.world.hosts}
    rows = []
    for key, facts in sorted(left.items()):
        story.check(facts["requests"] == 1, f"{key} was sent by the store {facts['requests']} times")
        rows.append(
            (key, str(facts["requests"]), size(facts["bytes"]), ", ".join(names[one] for one in facts["clients"]))
        )
    story.show(table(("THE STORE'S ACCESS LOG SAYS", "TIMES", "SIZE", "TO"), rows))
    for host in CACHE_HOSTS:
        served = sorted(one["file"] for one in partition.status(host)["files"] if one["state"] == "whole")
        story.check(served == wanted, f"{host} serves {served} instead of {wanted}")
    story.tell(
        f"Both hosts have all {len(wanted)} files: one fetched a file, the other took it from there. The image that has"
        " expired and the one of a pull request were not wanted."
    )


def failover(story: Story, partition: Partition) -> None:
    """nginx of one host stops in the middle of downloads."""
    story.chapter(f"nginx of cache-1 goes away during {DOWNLOADS} downloads")
    before = partition.requests_by_nginx("cache-1")
    with partition.stop_nginx_after(5) as stopping:
        assert stopping.stdout is not None
        story.check(stopping.stdout.readline() == "ready\n", "the requests of nginx on cache-1 could not be watched")
        got = partition.download_many([image.key for image in content.CACHED], DOWNLOADS, 4)
        answered, said = stopping.communicate()
    story.check(stopping.returncode == 0, f"nginx could not be stopped: {said.strip()}")
    story.check("nginx" not in partition.active("cache-1"), "nginx of cache-1 still runs although it was stopped")
    story.check(not got["failed"], f"{DOWNLOADS - got['ok']} of {DOWNLOADS} downloads failed: {got['failed'][:1]}")
    story.check(got["ok"] == DOWNLOADS, f"{got['ok']} downloads were made, {DOWNLOADS} were meant")
    story.check(got["redirected"] == 0, f"{got['redirected']} downloads were sent to the store")
    after = partition.requests_by_nginx("cache-1")
    helped = after["cache-2"] - before["cache-2"]
    story.check(helped > 0, "the downloads ended before nginx was stopped, which shows nothing")
    story.tell(
        f"{got['ok']} of {DOWNLOADS} complete, checksums right: {size(got['bytes'])} in {got['seconds']:.1f} s. nginx"
        f" of cache-1 was stopped after {int(answered)} of its requests; for {helped} more, its haproxy asked nginx"
        " of cache-2."
    )
    partition.world.exec("cache-1", "systemctl", "start", "nginx.service")
    wait_until(lambda: "nginx" in partition.active("cache-1"), "nginx of cache-1 does not start again")


def offline(story: Story, partition: Partition) -> None:
    """No store, no external DNS, no metal-api, and all services restarted."""
    story.chapter("The internet goes away, and every service is restarted")
    generation = {host: partition.status(host)["generation"] for host in CACHE_HOSTS}
    partition.world.store("offline")
    try:
        for host in CACHE_HOSTS:
            story.check(not partition.internet_answers(host), f"{host} still reaches the internet")
            partition.world.exec(host, "systemctl", "restart", *SERVICES)
        story.tell(
            "Store, external DNS and metal-api are cut off; unbound, nginx and haproxy have started anew without them."
        )
        got = partition.download_many(partition.cached, len(partition.cached), 2)
        story.check(not got["failed"], f"without the internet, downloads failed: {got['failed']}")
        story.check(
            got["ok"] == len(partition.cached), f"only {got['ok']} of {len(partition.cached)} files were served"
        )
        story.tell(f"{got['ok']} of {len(partition.cached)} cached files are served all the same, checksums right.")
        code = partition.world.exec(
            "cache-1", "sh", "-c", "systemctl start image-cache-sync.service >&2 || echo failed"
        )
        story.check(code.strip() == "failed", "image-cache-sync says that it is well although the metal-api is away")
        journal = "journalctl --quiet --output=cat --unit=image-cache-sync.service --lines=50"
        said = partition.world.exec("cache-1", "sh", "-c", f"{journal} | grep -A1 '^sync: failed' | tail -n 2").strip()
        story.check("metal-api" in said, f"image-cache-sync does not say in the journal why it failed: {said}")
        now = {host: partition.status(host)["generation"] for host in CACHE_HOSTS}
        story.check(now == generation, f"what is served changed from generation {generation} to {now}")
        story.tell("image-cache-sync cannot ask which images there are. It says so, and removes nothing:")
        story.tell(" ".join(said.splitlines()))
    finally:
        partition.world.store("online")
    wait_until(lambda: partition.internet_answers("cache-1"), "the internet does not come back")


def pass_through(story: Story, partition: Partition) -> None:
    """A file that is not cached."""
    story.chapter("A machine wants an image that is not cached")
    key = content.UNKNOWN
    first = partition.download(key)
    story.check(first.status == 307, f"http://{key} was answered with {first.status} instead of a redirect (307)")
    story.check(first.location == f"https://{key}", f"the redirect leads to {first.location}, not to the store")
    story.tell(f"The cache answers 307, to the same address by HTTPS: {first.location}")
    got = partition.download(key, "--location")
    story.check(got.status == 200, f"https://{key} was answered with {got.status}")
    story.check(got.md5 == partition.checksums()[key], f"https://{key} arrived with the MD5 {got.md5}")
    shown, own = partition.fingerprint(content.STORE), partition.certificate_of_store()
    story.check(shown == own, f"the machine was shown the certificate {shown}, the store's is {own}")
    story.tell(
        f"{size(got.size)} arrived, checksum right. haproxy passed the connection through to the store unopened: the"
        f" machine saw the store's own certificate (SHA-256 {shown[:16]}...)."
    )
    refused = partition.world.exec(
        "client", "sh", "-c", 'if "$@" 2>&1; then echo answered; fi', "-", *CURL, "--resolve",
        f"elsewhere.example:443:{partition.cache_addresses[0]}", "https://elsewhere.example/",
    )  # fmt: skip
    story.check(
        "answered" not in refused and "curl: (" in refused, f"the cache hosts relay to any site: {refused.strip()}"
    )
    story.tell("Names that are not intercepted are refused there.")


def status(story: Story, partition: Partition) -> None:
    """What an operator sees."""
    story.chapter("What the operator sees on a cache host")
    partition.world.exec("cache-1", "systemctl", "start", "image-cache-sync.service")
    found = partition.status("cache-1")
    story.show("image-cache-sync status")
    story.show(partition.world.exec("cache-1", "image-cache-sync", "status"))
    whole = [one for one in found["files"] if one["state"] == "whole"]
    story.check(len(whole) == len(partition.cached), f"{len(whole)} of {len(partition.cached)} files are whole")
    metrics = partition.world.exec(
        "cache-1", "curl", "--silent", "--fail", "http://127.0.0.1:8089/-/image-cache/metrics"
    )
    count = len([line for line in metrics.splitlines() if line and not line.startswith("#")])
    story.check(count > 0, "there are no metrics")
    run = found["sync"]
    story.check(run["result"] == "complete", f"the run of image-cache-sync ended {run['result']}: {run['reason']}")
    story.check(not run["fetched"], f"image-cache-sync fetched {run['fetched']} although nothing was new")
    story.tell(
        f"That run had nothing to do and took {run['duration_seconds']:.1f} s. Prometheus finds {count} metrics at"
        " /-/image-cache/metrics."
    )
    left = partition.left_the_store()
    again = [key for key in partition.cached if left[key]["requests"] != 1]
    story.check(not again, f"after all this, files have left the store again: {again}")


CHAPTERS: tuple[Callable[[Story, Partition], None], ...] = (
    hosts,
    role,
    machine,
    once,
    failover,
    offline,
    pass_through,
    status,
)


def ending(partition: Partition) -> str:
    """How to look at what is left running."""
    world = partition.world
    setting = f"TESTBED_WORLD={world.name} TESTBED_NETWORK={world.network}"
    container = world.container
    return f"""
All of it is still running. Look at it:
     docker exec -it {container("cache-1")} bash
     docker exec {container("cache-1")} image-cache-sync status
     docker exec {container("cache-1")} journalctl -u image-cache-sync -u haproxy -u nginx -n 50
     docker exec {container("cache-1")} cat /etc/haproxy/haproxy.cfg
     docker exec {container("client")} curl -sO http://{content.CACHED[1].key}
     docker exec {container("store")} testbed-store downloads
The inventory is {playbook.INVENTORY.relative_to(REPOSITORY)}. Change a variable and predict what that does:
     export {setting}
     export ANSIBLE_COLLECTIONS_PATH={playbook.COLLECTIONS.relative_to(REPOSITORY)}
     .venv/bin/ansible-playbook -i molecule/image_cache/inventory.yml playbooks/image_cache.yml --check --diff \\
         -e image_cache_sync_max_images_per_name=4
A third cache host is one line more: add -i molecule/image_cache/inventory_scale_out.yml
Remove it: {setting} .venv/bin/python -m tests.testbed down
Remove everything, images and .venv too: make clean"""
