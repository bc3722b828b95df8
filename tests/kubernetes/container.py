# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a pod, in a root directory that has what its image and its volumes have.

Everything is read from the API server. The arguments are those of the pod, but for the port of the metrics: several
programs share the ports of this machine.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .api import Api
from .base import KubernetesError

#: The user of the real image.
_NOBODY = 65532
#: Of the service account's token, at least: it is not renewed.
_DAY = 86400
_LONGEST_BACKOFF = 5.0
_BIND = {"secrets": "secretName", "configmaps": "name"}


@dataclass
class Container:
    """The first container of a pod. When its program ends it is started again, later and later."""

    api: Api
    pod: dict[str, Any]
    program: Path
    directory: Path
    metrics_port: int
    exits: list[int] = field(default_factory=list)
    #: why it cannot be started
    problem: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _next_start: float = 0.0

    @property
    def log(self) -> Path:
        """All that it said."""
        return self.directory / "log"

    @property
    def spec(self) -> Mapping[str, Any]:
        """As the API server has it."""
        spec: Mapping[str, Any] = self.pod["spec"]["containers"][0]
        return spec

    @property
    def running(self) -> bool:
        """Whether it did when it was last looked at."""
        return self._process is not None

    def keep_running(self) -> None:
        """Start it, if it is time to."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self.exits.append(code)
            self._process = None
            self._next_start = time.monotonic() + min(0.5 * 2 ** len(self.exits), _LONGEST_BACKOFF)
        if time.monotonic() >= self._next_start:
            try:
                self._process = self._start()
                self.problem = ""
            except KubernetesError as error:
                self.problem = str(error)
                self._next_start = time.monotonic() + 0.5

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        root = self.directory / "root"
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        root.chmod(0o755)
        for name in ("etc", "tmp"):
            (root / name).mkdir()
        server = urlsplit(self.api.server)
        (root / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{server.hostname} kubernetes.default.svc\n")
        os.link(self.program, root / "duros-controller")
        self._fill_mounts(root)
        words = [*self.spec.get("command", [])[1:], *self.spec.get("args", [])]
        # of a flag that is there twice the last one counts
        words.append(f"-metrics-addr=127.0.0.1:{self.metrics_port}")
        environment = {
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port or 443),
            **self._environment(),
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command(root, words),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _command(self, root: Path, words: Sequence[str]) -> Sequence[str]:
        """The program with `root` as its root directory, and as the user of the pod where that is possible."""
        program = ["/duros-controller", *words]
        if os.geteuid() != 0:
            return [_found("unshare"), "--user", "--map-root-user", f"--root={root}", "--", *program]
        groups = [f"--groups={self._security('fsGroup')}"] if self._security("fsGroup") else []
        user = self._security("runAsUser") or _NOBODY
        owner = f"--userspec={user}:{self._security('runAsGroup') or user}"
        return [_found("chroot"), owner, *groups, str(root), *program]

    def _security(self, name: str) -> int:
        own, pod = self.spec.get("securityContext", {}), self.pod["spec"].get("securityContext", {})
        return int(own.get(name, pod.get(name, 0)))

    def _environment(self) -> dict[str, str]:
        given = {}
        for variable in self.spec.get("env", []):
            if "valueFrom" in variable:
                raise KubernetesError(f"this node cannot give {variable['name']} a value from elsewhere")
            given[variable["name"]] = variable.get("value", "")
        return given

    # -- volumes -------------------------------------------------------------------------------------------------------
    def _fill_mounts(self, root: Path) -> None:
        volumes = {volume["name"]: volume for volume in self.pod["spec"].get("volumes", [])}
        for mount in self.spec.get("volumeMounts", []):
            target = root / mount["mountPath"].strip("/")
            target.mkdir(parents=True)
            volume = volumes[mount["name"]]
            mode = self._mode(volume)
            for name, content in self._content(volume).items():
                file = target / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(mode)
                if os.geteuid() == 0:
                    os.chown(file, 0, self._security("fsGroup"))

    def _mode(self, volume: Mapping[str, Any]) -> int:
        source: Mapping[str, Any] = next(
            (volume[kind] for kind in ("secret", "configMap", "projected") if kind in volume), {}
        )
        mode = int(source.get("defaultMode", 0o644))
        # the group of the pod may always read
        return mode | 0o440 if self._security("fsGroup") else mode

    def _content(self, volume: Mapping[str, Any]) -> dict[str, bytes]:
        if "emptyDir" in volume:
            return {}
        if "secret" in volume:
            return self._keys("secrets", volume["secret"])
        if "configMap" in volume:
            return self._keys("configmaps", volume["configMap"])
        files: dict[str, bytes] = {}
        for source in volume.get("projected", {}).get("sources", []):
            if "secret" in source:
                files.update(self._keys("secrets", {"secretName": source["secret"]["name"], **source["secret"]}))
            elif "configMap" in source:
                files.update(self._keys("configmaps", source["configMap"]))
            elif "serviceAccountToken" in source:
                files[source["serviceAccountToken"]["path"]] = self._token(source["serviceAccountToken"])
            else:
                files.update(self._told(source["downwardAPI"]))
        return files

    def _keys(self, plural: str, source: Mapping[str, Any]) -> dict[str, bytes]:
        """Of a secret or a config map what is wanted, as a kubelet gives it."""
        name = source[_BIND[plural]]
        answer = self.api.send("GET", f"/api/v1/namespaces/{self.pod['metadata']['namespace']}/{plural}/{name}")
        if answer.status_code == 404:
            if source.get("optional"):
                return {}
            raise KubernetesError(f"{plural.removesuffix('s')} {name!r} not found")
        data: Mapping[str, str] = answer.json().get("data", {})
        files = {key: base64.b64decode(text) if plural == "secrets" else text.encode() for key, text in data.items()}
        if "items" not in source:
            return files
        missing = [item["key"] for item in source["items"] if item["key"] not in files]
        if missing and not source.get("optional"):
            raise KubernetesError(f"references non-existent key {missing[0]} of {name}")
        return {item["path"]: files[item["key"]] for item in source["items"] if item["key"] in files}

    def _token(self, source: Mapping[str, Any]) -> bytes:
        metadata = self.pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        seconds = max(source.get("expirationSeconds", 0), _DAY)
        account = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{self.pod['spec']['serviceAccountName']}"
        wanted = {"spec": {"expirationSeconds": seconds, "boundObjectRef": bound}}
        return str(self.api("POST", f"{account}/token", wanted)["status"]["token"]).encode()

    def _told(self, source: Mapping[str, Any]) -> dict[str, bytes]:
        metadata = self.pod["metadata"]
        known = {f"metadata.{name}": str(metadata[name]).encode() for name in ("namespace", "name", "uid")}
        return {item["path"]: known[item["fieldRef"]["fieldPath"]] for item in source["items"]}


def _found(program: str) -> str:
    """Its path, since what it runs has no PATH."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if path is None:
        raise KubernetesError(f"{program} is missing on this machine")
    return path
