# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to an API server, by what a kubeconfig says; no more of a client than the harness needs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import requests
import yaml

from .base import KubernetesError
from .certificates import private

_TIMEOUT = 30


def kubeconfig(server: str, ca: Path, user: dict[str, str]) -> str:
    """The text of a kubeconfig, with everything in it."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        "current-context": "testbed",
    }
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text


def certificate_user(directory: Path, name: str) -> dict[str, str]:
    """The user of a kubeconfig who has a certificate."""
    return {
        "client-certificate-data": base64.b64encode((directory / f"{name}.pem").read_bytes()).decode(),
        "client-key-data": base64.b64encode((directory / f"{name}.key").read_bytes()).decode(),
    }


class Api:
    """An API server, as the user of a kubeconfig; `user_agent` is how the audit log tells its requests from others."""

    def __init__(self, config: Path, scratch: Path, user_agent: str = "testbed") -> None:
        document = yaml.safe_load(config.read_text())
        context = _named(document, "context", document["current-context"])
        cluster, user = _named(document, "cluster", context["cluster"]), _named(document, "user", context["user"])
        self.server: str = cluster["server"]
        self._session = requests.Session()
        # the environment's proxies and certificates are not for it
        self._session.trust_env = False
        self._session.headers["User-Agent"] = user_agent
        self._session.verify = str(_file(cluster, "certificate-authority", scratch / "api-ca.pem"))
        if "token" in user:
            self._session.headers["Authorization"] = f"Bearer {user['token']}"
        else:
            certificate = _file(user, "client-certificate", scratch / "api-user.pem")
            self._session.cert = (str(certificate), str(_file(user, "client-key", scratch / "api-user.key")))

    def send(self, method: str, path: str, body: object = None, kind: str = "application/json") -> requests.Response:
        """Send a request; whatever the answer is."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind, "Accept": "application/json"}
        return self._session.request(method, self.server + path, data=data, headers=headers, timeout=_TIMEOUT)

    def __call__(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """The object that is answered; KubernetesError when the request is refused."""
        answer = self.send(method, path, body, kind)
        if not answer.ok:
            raise KubernetesError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def apply(self, path: str, document: dict[str, Any], manager: str = "testbed") -> Any:
        """Server-side apply at the path of a kind's list."""
        target = f"{path}/{document['metadata']['name']}?fieldManager={manager}&force=true"
        return self("PATCH", target, document, "application/apply-patch+yaml")

    def patch(self, path: str, document: dict[str, Any]) -> Any:
        """Merge into what there is."""
        return self("PATCH", path, document, "application/merge-patch+json")

    def answers(self, path: str) -> bool:
        """Whether it answers this with "ok"; not yet is no error."""
        try:
            return self.send("GET", path).ok
        except requests.ConnectionError:
            return False


def _named(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    entries = [entry[kind] for entry in document[f"{kind}s"] if entry["name"] == name]
    if not entries:
        raise KubernetesError(f"the kubeconfig has no {kind} {name}.")
    found: dict[str, Any] = entries[0]
    return found


def _file(entry: dict[str, str], key: str, target: Path) -> Path:
    """What is written into the kubeconfig, as a file; or the file that it names."""
    if f"{key}-data" in entry:
        private(target, base64.b64decode(entry[f"{key}-data"]))
        return target
    if key not in entry:
        raise KubernetesError(f"the kubeconfig has no {key}: one with certificates or a token is needed.")
    return Path(entry[key])
