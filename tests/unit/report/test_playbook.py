# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook partition_report: whom it asks, what it says of those who are silent, and what it keeps to itself."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api
from tests.support.paper_api import TOKEN as KUBERNETES_TOKEN
from tests.support.paper_api import running_paper_api
from tests.support.playbook import ROOT, settings

from .asked import CLUSTER, NETWORK, SHOP, STORAGE, cache_host, kubernetes
from .test_page import Elements

FIREWALL = "<b>{{ 7 * 7 }}</b>"
DAY = 86400
ANSIBLE = (sys.executable, "-m", "ansible", "playbook")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Lightbits]:
    with running_lightbits("--servers", "3") as running:
        running.control.replace_state(cluster={"UUID": CLUSTER})
        yield running


FIREWALL_MACHINE = {
    "id": "00000000-0000-4000-8000-000000000001",
    "partition": "fra-01",
    "size": "s3",
    "rackid": "rack-7",
    "allocation": {
        "project": SHOP,
        "role": "firewall",
        "name": FIREWALL,
        "image": "firewall-ubuntu-3.0.1",
        "networks": [{"networkid": NETWORK, "networktype": "privatesecondaryshared", "ips": ["10.131.0.200"]}],
    },
}
STORAGE_NETWORK = {
    "id": NETWORK,
    "name": "storage",
    "parentnetworkid": "super",
    "partitionid": "fra-01",
    "projectid": STORAGE,
    "prefixes": ["10.131.0.0/24"],
    "shared": True,
    "vrf": 11,
}


@pytest.fixture(scope="module")
def metal_api() -> Iterator[MetalApi]:
    with running_metal_api() as running:
        running.control.replace_state(
            partitions=[{"id": "fra-01", "name": "Frankfurt 1"}],
            projects=[{"id": STORAGE, "name": "storage"}, {"id": SHOP, "name": "shop"}],
            images=[{"id": "firewall-ubuntu-3.0.1", "url": "http://images.example.com/f", "features": ["firewall"]}],
            sizes=[{"id": "s3"}],
            networks=[
                {"id": "super", "prefixes": ["10.131.0.0/16"], "privatesuper": True, "partitionid": "fra-01"},
                STORAGE_NETWORK,
            ],
            machines=[FIREWALL_MACHINE],
        )
        yield running


@contextmanager
def statistics(text: str) -> Iterator[int]:
    """The page of haproxy's statistics; yields its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/;csv" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


class World:
    """An inventory whose hosts are this machine, but for one that nobody reaches."""

    def __init__(self, directory: Path, cluster: Lightbits, metal_api: MetalApi, port: int) -> None:
        self.directory = directory
        self.token = keys.token(lifetime=12 * DAY)
        secrets = directory / "lightos-fra-01/secrets"
        secrets.mkdir(parents=True)
        (secrets / "lightos-system-jwt").write_text(self.token, encoding="ascii")
        self._programs = directory / "programs"
        self._programs.mkdir()
        self._program(
            "image-cache-sync", f"case $1 in --version) echo image-cache-sync 1.2.3;; *) cat {directory}/status;; esac"
        )
        self._program("dpkg-query", "echo haproxy 2.6.12")
        (directory / "status").write_text(json.dumps(cache_host(1)["status"]), encoding="utf-8")
        self.variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
            "metal_partition_id": "fra-01",
            "metal_partition_metal_api_hmac_view_key": KEYS["Metal-View"],
            "partition_report_metal_api_endpoint": metal_api.v1,
            "partition_report_notes": {"storage_cluster": "emulated"},
            "lightos_cluster_name": "fra-01",
            "lightos_api_endpoints": list(cluster.urls),
            "image_cache_stats_port": port,
        }
        self.servers: dict[str, Any] = {"lightos_cluster_id": CLUSTER}
        self.page = directory / "partition-fra-01.html"

    def _program(self, name: str, script: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        path.chmod(0o755)

    def play(self, *arguments: str, **variables: Any) -> tuple[int, str]:
        """Run the playbook; return its exit code and what it printed, on one line."""
        closed = {"ansible_connection": "ssh", "ansible_port": 1, "partition_report_timeout": 1}
        servers = {
            f"server{number:02d}": {
                "lightos_rack": f"rack-{number}",
                "storage_network_address": f"10.131.0.{11 + number}",
            }
            for number in range(3)
        }
        inventory = {
            "all": {
                "vars": {**self.variables, **variables},
                "children": {
                    "image_cache": {"hosts": {"cache-1": {}, "cache-2": {"ansible_host": "127.0.0.1", **closed}}},
                    "storage_servers": {"hosts": servers, "vars": self.servers},
                },
            }
        }
        path = self.directory / "inventory.yml"
        path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        environment = settings(self.directory)
        environment["PWD"] = str(self.directory)
        environment["PATH"] = f"{self._programs}:{environment['PATH']}"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "-i",
                str(path),
                *arguments,
                str(ROOT / "playbooks/partition_report.yml"),
            ],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).replace("\\n", " ").split())


@pytest.fixture
def world(tmp_path: Path, cluster: Lightbits, metal_api: MetalApi) -> Iterator[World]:
    with statistics(cache_host(1)["traffic"]) as port:
        yield World(tmp_path, cluster, metal_api, port)


def v1(version: str, kind: str) -> dict[str, str]:
    """What objects of Kubernetes begin with."""
    return {"apiVersion": version, "kind": kind}


@pytest.mark.newest
def test_everybody_is_asked_and_what_is_silent_is_said(world: World, cluster: Lightbits, metal_api: MetalApi) -> None:
    cluster.control.forget_requests()
    metal_api.control.forget_requests()
    told = kubernetes([url.rpartition("/")[2] for url in cluster.urls])
    duros = "/apis/storage.metal-stack.io/v1/namespaces/duros/duros"
    with running_paper_api() as paper:
        classes = {**v1("storage.k8s.io/v1", "StorageClassList"), "items": told["storage_classes"]}
        deployment = {**v1("apps/v1", "Deployment"), **told["deployments"][0]}
        paper.objects = {
            "/apis/storage.k8s.io/v1/storageclasses": classes,
            "/apis/apps/v1/namespaces/duros/deployments/duros-controller": deployment,
        }
        # whoever asks may not read them
        paper.statuses = {duros: 403}
        code, output = world.play("-vvv", "--diff", duros_controller_kubeconfig=paper.kubeconfig())
    assert code == 0, output
    text = world.page.read_text(encoding="utf-8")
    parsed = Elements(text)
    shown = " ".join(parsed.text.split())

    # hosts, one of which does not answer, and the run goes on
    for sentence in (
        "cache-2 could not be reached: ",
        f"The Kubernetes API did not tell everything: {duros} may not be read.",
    ):
        assert sentence in shown and sentence in output
    assert "86.7 % 1120 requests" in shown
    assert "image-cache-sync 1.2.3 cache-1" in shown
    # the metal-api, and a name in it that is neither HTML nor a template
    assert FIREWALL in parsed.text
    assert "10.131.0.200" in shown and "Frankfurt 1" in shown and "rack-7" in shown
    assert metal_api.control.counts().keys() >= {"POST /metal/v1/network/find 200", "POST /metal/v1/machine/find 200"}
    # the cluster
    assert "3 servers, 3 nodes" in shown
    assert [f"server{number:02d} Enabled" in shown for number in range(3)] == [True] * 3
    assert "The token for Lightbits API, key system:root (controller) expires in 11 days." in shown
    assert 'Storage cluster</h2> <span class="note">' in " ".join(text.split())

    # Kubernetes
    assert "partition-gold yes csi.lightbitslabs.com" in shown
    assert "duros/duros-controller 1 of 1 ready" in shown

    # nothing was changed, and no secret is anywhere
    assert [one for one in cluster.control.requests() if one["method"] not in ("GET", "HEAD")] == []
    assert world.page.stat().st_mode & 0o777 == 0o640
    for secret in (world.token, world.token.split(".")[2], KEYS["Metal-View"], KUBERNETES_TOKEN):
        assert secret not in text and secret not in output


@pytest.mark.once
def test_page_is_written_when_nobody_answers(world: World) -> None:
    nobody = "http://127.0.0.1:1"
    code, output = world.play(
        lightos_api_endpoints=[nobody],
        partition_report_metal_api_endpoint=nobody,
        image_cache_stats_port=1,
        partition_report_kubeconfig=str(world.directory / "none"),
    )
    assert code == 0, output
    shown = " ".join(Elements(world.page.read_text(encoding="utf-8")).text.split())
    for sentence in (
        "The metal-api could not be asked: ",
        "The Lightbits API could not be asked: ",
        "The Kubernetes API could not be asked: ",
        "cache-1 did not tell everything about its cache: ",
    ):
        assert sentence in shown and sentence in output, sentence
    # the rest of it is there
    assert "github.com/metal-stack/kernel" in shown


@pytest.mark.once
def test_wrong_note_is_refused_in_one_sentence(world: World) -> None:
    world.servers = {}
    code, output = world.play("--limit", "localhost,cache-1", partition_report_notes={"lightbits": "emulated"})
    assert code == 2
    assert (
        'partition_report_notes has "lightbits", which is no part of the page: use storage_network, image_cache'
        in output
    )
    assert not world.page.exists()
