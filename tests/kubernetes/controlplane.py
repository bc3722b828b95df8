# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane: etcd, kube-apiserver and the controllers of kube-controller-manager that its objects need.

So a Deployment gets its ReplicaSet and Pods, a namespace that is deleted ends, and what belongs to a deleted object
goes with it, as in every cluster. Pods get no node by themselves: those of duros-controller are run by `node.py`.
"""

from __future__ import annotations

from pathlib import Path

from . import binaries
from .api import Api, certificate_user, kubeconfig
from .base import KubernetesError, say
from .certificates import private
from .processes import Processes, free_port

_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "persistentvolume-protection-controller",
)
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  # who asked for what, never what was in it
  - level: Metadata
"""
#: Ports that were free may be taken a moment later.
_TRIES = 3


class ControlPlane:
    """Everything it has is in `directory`, also the audit log (`audit.log`, one line of JSON a request)."""

    def __init__(self, directory: Path, processes: Processes, address: str) -> None:
        self._directory = directory
        self._processes = processes
        self._address = address
        self.kubeconfig = directory / "kubeconfig"

    def start(self) -> Api:
        """Start it and wait until it serves; the answer asks it as an administrator."""
        for attempt in range(_TRIES):
            try:
                return self._start()
            except KubernetesError as error:
                self._processes.stop()
                if attempt == _TRIES - 1 or "address already in use" not in str(error):
                    raise
                say("somebody took a port; once more")
        raise AssertionError

    def _start(self) -> Api:
        etcd = self._start_etcd()
        api = self._start_api_server(etcd)
        self._start_controllers(api)
        return api

    def _start_etcd(self) -> str:
        client, peer = (f"http://127.0.0.1:{free_port()}" for _end in range(2))
        command = [
            binaries.etcd(), "--name=testbed", f"--data-dir={self._directory / 'etcd'}", "--log-level=warn",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=testbed={peer}", "--unsafe-no-fsync",
        ]  # fmt: skip
        # Debian's package of 32 bits and of arm64 wants to be told
        self._processes.start("etcd", command, {"ETCD_UNSUPPORTED_ARCH": "arm64"})
        return client

    def _start_api_server(self, etcd: str) -> Api:
        port, pki = free_port(self._address), self._directory / "pki"
        (self._directory / "audit-policy.yaml").write_text(_AUDIT_POLICY)
        private(self._directory / "audit.log", b"")
        command = [
            binaries.API_SERVER.path, f"--etcd-servers={etcd}",
            f"--bind-address={self._address}", f"--advertise-address={self._address}", f"--secure-port={port}",
            # nobody asks for the service `kubernetes`, and its address could not be that of this machine alone
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={pki / 'server.pem'}", f"--tls-private-key-file={pki / 'server.key'}",
            f"--client-ca-file={pki / 'ca.pem'}", "--authorization-mode=RBAC",
            f"--kubelet-client-certificate={pki / 'kubelet-client.pem'}",
            f"--kubelet-client-key={pki / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'service-accounts.key'}",
            f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
            # the containers of lb-csi-node are privileged
            "--allow-privileged=true",
            f"--audit-policy-file={self._directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self._directory / 'audit.log'}", "--audit-log-mode=blocking",
        ]  # fmt: skip
        self._processes.start("kube-apiserver", command)
        server = f"https://{self._address}:{port}"
        self._write_kubeconfig(self.kubeconfig, server, "admin")
        # somebody who may do nothing until he is given a right
        self._write_kubeconfig(self._directory / "viewer.kubeconfig", server, "viewer")
        self._write_kubeconfig(self._directory / "manager.kubeconfig", server, "manager")
        api = Api(self.kubeconfig, self._directory)
        self._processes.wait("kube-apiserver", lambda: api.answers("/readyz"), "kube-apiserver")
        return api

    def _write_kubeconfig(self, path: Path, server: str, name: str) -> None:
        pki = self._directory / "pki"
        private(path, kubeconfig(server, pki / "ca.pem", certificate_user(pki, name)).encode())

    def _start_controllers(self, api: Api) -> None:
        pki = self._directory / "pki"
        command = [
            binaries.CONTROLLER_MANAGER.path, f"--kubeconfig={self._directory / 'manager.kubeconfig'}",
            "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--leader-elect=false",
            "--use-service-account-credentials=true", f"--root-ca-file={pki / 'ca.pem'}",
            f"--controllers={','.join(_CONTROLLERS)}",
        ]  # fmt: skip
        self._processes.start("kube-controller-manager", command)
        # without it no pod can be made in a namespace
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._processes.wait("kube-controller-manager", lambda: api.send("GET", account).ok, "kube-controller-manager")
