# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node for the pods of duros-controller: it does what a kubelet does, but runs the program without an engine.

`python -m tests.kubernetes.node DIRECTORY` goes on until it is stopped. It binds pods to itself, keeps their programs
running (`container.py`), tells the API server how they are, and serves their logs, so `kubectl logs` has them. Pods of
other images are left alone: they stay pending, as in a cluster that is full.
"""

from __future__ import annotations

import datetime
import http.client
import http.server
import re
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from . import binaries
from .api import Api
from .base import KubernetesError
from .container import Container
from .processes import free_port

NAME = "testbed"
#: How the audit log tells its requests from those of others.
USER_AGENT = "testbed-node"
_IMAGE = re.compile(r"(.*/)?duros-controller([:@].*)?")
_LOOK_EVERY = 0.25


class Node:
    """See above."""

    def __init__(self, directory: Path, program: Path) -> None:
        self._directory = directory
        self._program = program
        self._api = Api(directory / "kubeconfig", directory / "pki", USER_AGENT)
        self._containers: dict[str, Container] = {}
        self._reported: dict[str, object] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Until it is told to stop; then all its programs have ended."""
        server = _LogServer(self._directory / "pki", self._log_of)
        self._register(server.port)
        print("ready", flush=True)
        while not self.stopped.wait(_LOOK_EVERY):
            try:
                self._look()
            except (requests.RequestException, KubernetesError) as error:
                print(f"the API server: {error}", flush=True)
        for container in self._containers.values():
            container.stop()
        server.shutdown()

    def _register(self, port: int) -> None:
        node: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        # what schedules by itself stays away
        node["spec"] = {"taints": [{"key": "testbed", "effect": "NoSchedule"}]}
        self._api.apply("/api/v1/nodes", node)
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        self._api.patch(f"/api/v1/nodes/{NAME}/status", {"status": status})

    def _look(self) -> None:
        pods = self._api("GET", "/api/v1/pods?resourceVersion=0")["items"]
        ours = {pod["metadata"]["uid"]: pod for pod in pods if _is_ours(pod)}
        for gone in set(self._containers) - set(ours):
            self._containers.pop(gone).stop()
        for uid, pod in ours.items():
            try:
                self._care_for(uid, pod)
            except KubernetesError as error:
                # somebody else was faster; the next look sees it
                print(f"pod {pod['metadata']['name']}: {error}", flush=True)

    def _care_for(self, uid: str, pod: dict[str, Any]) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            if uid in self._containers:
                self._containers[uid].stop()
            self._api("DELETE", _path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
            return
        if "nodeName" not in pod["spec"]:
            body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}}
            self._api("POST", f"{_path(pod)}/binding", {**body, "target": {"kind": "Node", "name": NAME}})
        if uid not in self._containers:
            directory = self._directory / "pods" / pod["metadata"]["name"]
            self._containers[uid] = Container(self._api, pod, self._program, directory, free_port())
        container = self._containers[uid]
        container.keep_running()
        self._report(uid, container)

    # -- what the API server is told -----------------------------------------------------------------------------------
    def _report(self, uid: str, container: Container) -> None:
        """The pod's status and an event, when something has changed."""
        ready = container.running and _is_ready(container)
        summary = (container.running, ready, len(container.exits), container.problem)
        if self._reported.get(uid) == summary:
            return
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._api.patch(f"{_path(container.pod)}/status", {"status": _status(container, ready, now)})
        self._reported[uid] = summary
        if container.problem:
            self._tell(container.pod, "Failed", container.problem, now)
        elif not container.running:
            self._tell(container.pod, "BackOff", "Back-off restarting failed container duros-controller", now)

    def _tell(self, pod: dict[str, Any], reason: str, message: str, now: str) -> None:
        metadata = pod["metadata"]
        involved = {name: metadata[name] for name in ("name", "namespace", "uid")}
        event = {
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message,
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", **involved},
            "source": {"component": "kubelet", "host": NAME}, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        }  # fmt: skip
        self._api("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)

    def _log_of(self, namespace: str, name: str) -> Path | None:
        for container in list(self._containers.values()):
            metadata = container.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return container.log
        return None


def _is_ours(pod: Mapping[str, Any]) -> bool:
    spec = pod["spec"]
    return spec.get("nodeName", NAME) == NAME and _IMAGE.fullmatch(spec["containers"][0]["image"]) is not None


def _path(pod: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _is_ready(container: Container) -> bool:
    """By the readiness probe, if the pod has one."""
    probe = container.spec.get("readinessProbe", {}).get("httpGet")
    if probe is None:
        return True
    connection = http.client.HTTPConnection("127.0.0.1", container.metrics_port, timeout=2)
    try:
        connection.request("GET", probe.get("path", "/"))
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _status(container: Container, ready: bool, now: str) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": now}}
    if container.problem:
        state = {"waiting": {"reason": "CreateContainerConfigError", "message": container.problem}}
    elif not container.running:
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "the program ended"}}
    of_container: dict[str, Any] = {
        "name": container.spec["name"], "image": container.spec["image"], "imageID": container.spec["image"],
        "ready": ready, "started": container.running, "restartCount": len(container.exits), "state": state,
    }  # fmt: skip
    if container.exits:
        ended = {"exitCode": container.exits[-1] % 256, "reason": "Error", "startedAt": now, "finishedAt": now}
        of_container["lastState"] = {"terminated": ended}
    conditions = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    return {
        "phase": "Pending" if container.problem else "Running",
        "startTime": now,
        "conditions": [
            {"type": kind, "status": str(good), "lastTransitionTime": now} for kind, good in conditions.items()
        ],
        "containerStatuses": [of_container],
    }


class _LogServer(http.server.ThreadingHTTPServer):
    """What a kubelet answers to the API server's question for logs; for clients with a certificate of the CA only."""

    daemon_threads = True

    def __init__(self, pki: Path, find: Callable[[str, str], Path | None]) -> None:
        super().__init__(("127.0.0.1", 0), _LogHandler)
        self.find = find
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(pki / "server.pem", pki / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _LogHandler(http.server.BaseHTTPRequestHandler):
    server: _LogServer

    def do_GET(self) -> None:
        """/containerLogs/NAMESPACE/POD/CONTAINER?tailLines=N"""
        address = urlsplit(self.path)
        match = re.fullmatch(r"/containerLogs/([^/]+)/([^/]+)/[^/]+", address.path)
        log = self.server.find(match[1], match[2]) if match else None
        if log is None:
            self.send_error(404)
            return
        lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
        tail = parse_qs(address.query).get("tailLines")
        content = b"".join(lines[-int(tail[0]) :] if tail else lines)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Not a word: what is asked is in the audit log."""


def main() -> None:
    """Run the node of a world until SIGTERM."""
    node = Node(Path(sys.argv[1]), binaries.DUROS_CONTROLLER.path)
    signal.signal(signal.SIGTERM, lambda *_: node.stopped.set())
    node.run()


if __name__ == "__main__":
    main()
