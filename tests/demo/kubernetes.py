# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The third part of the story: Kubernetes gets storage classes of the cluster.

Its programs are built from their Go modules when they are not there. That takes about ten minutes, so it begins with
the story and goes on behind the other chapters.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests.kubernetes.base import BUILD
from tests.kubernetes.questions import get
from tests.kubernetes.world import World
from tests.testbed import playbook
from tests.testbed.engine import REPOSITORY

from .partition import Partition
from .storage import Rack
from .story import Story, StoryError, recap, table
from .whole import play

SETUP = (sys.executable, "-m", "tests.kubernetes", "setup")
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
RESOURCE = "/apis/storage.metal-stack.io/v1/namespaces/duros/duros/default-storage"
CREDENTIALS = "/api/v1/namespaces/kube-system/secrets/lb-csi-creds"
#: What duros-controller makes beside the storage classes.
DRIVER = (
    "/apis/storage.k8s.io/v1/csidrivers/csi.lightbitslabs.com",
    "/apis/apps/v1/namespaces/kube-system/statefulsets/lb-csi-controller",
    "/apis/apps/v1/namespaces/kube-system/daemonsets/lb-csi-node",
    CREDENTIALS,
)
_LOOK_EVERY = 0.2


class Build:
    """`tests/kubernetes/setup` in the background; it ends with the story, and what was built until then is kept."""

    def __init__(self, command: Sequence[str] = SETUP, log: Path = BUILD / "setup.log") -> None:
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Build:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.poll() is None:
            # with the compilers that it has started
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def wait(self, write: Callable[[str], object]) -> None:
        """Until it has ended; `write` gets its last line and those that come. StoryError when it fails."""
        process = self._running()
        with self._log.open(encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()
            ended = process.poll() is not None
            if lines and not ended:
                write(lines[-1])
            while not ended:
                time.sleep(_LOOK_EVERY)
                # asked first, so that nothing is missed that it says at its end
                ended = process.poll() is not None
                for line in log.read().splitlines():
                    lines.append(line)
                    write(line)
        if process.returncode != 0:
            why = lines[-1].removeprefix("kubernetes: ") if lines else f"it ended with {process.returncode}"
            raise StoryError(f"Kubernetes cannot be had: {why} (all of it: {self._log})")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is used in a with statement"
        return self._process


def world(rack: Rack) -> World:
    """Kubernetes beside the storage, under the same name."""
    return World(rack.world.name)


def storage_classes(story: Story, partition: Partition, rack: Rack, build: Build) -> None:
    """Playbook duros_controller."""
    story.chapter("Kubernetes gets storage classes of the cluster")
    build.wait(lambda line: print(line, file=sys.stderr, flush=True))
    cluster = world(rack)
    cluster.up(lightbits=False)
    api = cluster.api()
    story.check(get(api, [CLASSES])[CLASSES] == [], "there are storage classes already")
    story.tell(
        "kube-apiserver, its controllers and etcd are real, and processes of this machine. So will be duros-controller,"
        " with what the API server says of its pod. It has no storage class yet."
    )
    story.show("ansible-playbook playbooks/duros_controller.yml")
    first = play(partition, rack, "duros-controller, and what it makes", "duros_controller")
    recap(story, first)
    found = get(api, [CLASSES, RESOURCE, *DRIVER])
    rows = what_is_there(story, found, [f"{address}:443" for address in rack.data_addresses])
    story.show(table(("STORAGE CLASS", "REPLICAS", "COMPRESSION", "DEFAULT"), rows))
    project = found[RESOURCE]["spec"]["metalProjectID"]
    token = base64.b64decode(found[CREDENTIALS]["data"]["jwt"]).decode()
    answers = [ask(rack, address, f"projects/{project}/volumes", token) for address in rack.data_addresses]
    story.check(answers == [200] * len(answers), f"the servers answer the token of the project by {answers}")
    refused = ask(rack, rack.data_addresses[0], "servers", token)
    story.check(refused == 403, f"the token of the project is let in by {refused} where it should not be")
    story.tell(
        "The playbook gave duros-controller the administrator's token that the playbook before has left, and a key."
        " duros-controller has made the project in the cluster, the storage classes, and a token of the project for the"
        f" CSI driver: all {len(answers)} servers let it in for the project's volumes, and for nothing else (403)."
        " The same playbook again:"
    )
    second = play(partition, rack, "the playbook once more", "duros_controller")
    changed = playbook.changed_tasks(second.output)
    story.check(not changed, f"the second run of the playbook still changed something: {', '.join(changed)}")
    story.tell(f"Nothing was changed, in {second.seconds:.0f} s.")


def what_is_there(story: Story, found: Mapping[str, Any], endpoints: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Check that duros-controller has made all of it, for this cluster; the answer has a row for each storage class."""
    missing = [path.rpartition("/")[2] for path in (RESOURCE, *DRIVER) if found[path] is None]
    story.check(not missing, f"the API server does not have {', '.join(missing)}")
    status = found[RESOURCE].get("status", {}).get("reconcileStatus", {})
    story.check(bool(status.get("lastReconcile")), "duros-controller has not looked at its resource")
    story.check(not status.get("error"), f"duros-controller says: {status.get('error')}")
    classes = {one["metadata"]["name"]: one for one in found[CLASSES]}
    wanted = sorted(one["name"] for one in found[RESOURCE]["spec"]["storageClasses"])
    story.check(sorted(classes) == wanted, f"the storage classes are {sorted(classes)} instead of {wanted}")
    rows = []
    for name, one in sorted(classes.items()):
        parameters = one["parameters"]
        named = sorted(parameters["mgmt-endpoint"].split(","))
        story.check(named == sorted(endpoints), f"the storage class {name} names {named} instead of {endpoints}")
        default = one["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true"
        rows.append((name, parameters["replica-count"], parameters["compression"], "yes" if default else "no"))
    return rows


def ask(rack: Rack, address: str, path: str, token: str) -> int:
    """How a server of the cluster answers a request with this token."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(rack.world.directory / "lightos" / "secrets" / "certificates" / "ca-cert.pem")
        headers = {"Authorization": f"Bearer {token}"}
        return session.get(f"https://{address}:443/api/v2/{path}", headers=headers, timeout=30).status_code


def ending(rack: Rack) -> str:
    """How to look at what is left running."""
    cluster = world(rack)
    directory = cluster.directory.relative_to(REPOSITORY)
    return f"""
So is Kubernetes:
     export KUBECONFIG=$PWD/{directory}/kubeconfig
     kubectl get storageclasses
     kubectl -n duros logs deployment/duros-controller
Without kubectl:
     TESTBED_WORLD={cluster.name} .venv/bin/python -m tests.kubernetes get {CLASSES}
Remove it:
     TESTBED_WORLD={cluster.name} .venv/bin/python -m tests.kubernetes down"""
