# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role duros_controller applies with every option: the parts fit each other, and have what was given."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._kubernetes_objects import path_of
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.support.duros_role import wanted
from tests.support.paper_api import SLICES, api_server, running_paper_api

PROJECT = "8a2a8c4b-8f6a-4a8e-8a52-0f5b0d3c7a11"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
IMAGE = {"name": "registry.example.com/duros-controller", "tag": "v9.9.9"}
SUBJECT = {"kind": "User", "name": "duros", "apiGroup": "rbac.authorization.k8s.io"}
ACCESS = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "shoot",
    "contexts": [{"name": "shoot", "context": {"cluster": "inside", "user": "duros"}}],
    # from the seed it is reached elsewhere than by the role
    "clusters": [
        {"name": "outside", "cluster": {"server": "https://192.0.2.21"}},
        {"name": "inside", "cluster": {"server": "https://192.0.2.20:8443/k8s/clusters/c-1"}},
    ],
    "users": [{"name": "duros", "user": {"token": "of-the-shoot"}}],
}
OPTIONS: dict[str, Any] = {
    "duros_controller_namespace": "storage",
    "duros_controller_project": PROJECT,
    "duros_controller_storage_classes": [
        {"name": "gold", "replicas": 3, "default": True},
        {"name": "sealed", "replicas": 2, "encryption": True},
    ],
    "duros_controller_target_access": ACCESS,
    "duros_controller_target_subjects": [SUBJECT],
    "duros_controller_api_endpoint": "192.0.2.9:443",
    "duros_controller_api_ca": "-----BEGIN CERTIFICATE-----\nca\n",
    "duros_controller_api_cert": "-----BEGIN CERTIFICATE-----\ncert\n",
    "duros_controller_api_key": "-----BEGIN PRIVATE KEY-----\nkey\n",
    "duros_controller_convert_key": True,
    "duros_controller_image_digest": DIGEST,
    "duros_controller_image_pull_secrets": ["registry"],
    "duros_controller_replicas": 2,
    "duros_controller_node_selector": {"pool": "storage"},
    "duros_controller_tolerations": [{"key": "storage", "operator": "Exists"}],
    "duros_controller_priority_class": "system-cluster-critical",
    "duros_controller_service_monitor": "present",
    "duros_controller_service_monitor_labels": {"release": "prometheus"},
    "duros_controller_network_policy_peers": [{"cidr": "198.51.100.0/24", "port": 8443}],
}


@pytest.fixture
def objects(cluster: Lightbits, tmp_path: Path) -> dict[str, Any]:
    """Everything by kind and name, of a seed and a shoot."""
    vector = {"docker-images": {"metal-stack": {"kubernetes": {"duros-controller": IMAGE}}}}
    (tmp_path / "release.yaml").write_text(yaml.safe_dump(vector), encoding="utf-8")
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with running_paper_api() as seed, running_paper_api() as shoot:
        seed.objects[SLICES] = api_server(6443)
        variables = {
            **OPTIONS,
            "duros_controller_kubeconfig": seed.kubeconfig(),
            "duros_controller_target_kubeconfig": shoot.kubeconfig(),
            "duros_controller_endpoints": list(cluster.urls),
            "duros_controller_admin_token": keys.token(),
            "duros_controller_admin_key": keys.root_key()
            .private_bytes(serialization.Encoding.PEM, form, none)
            .decode(),
            "duros_controller_release_vectors": [str(tmp_path / "release.yaml")],
        }
        found = wanted(tmp_path, variables)
    # the kinds of all of them are known, and nothing is there twice
    assert len({path_of(one) for one in found}) == len(found)
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def test_the_parts_fit_each_other_and_have_what_was_given(cluster: Lightbits, objects: dict[str, Any]) -> None:
    deployment = objects["Deployment duros-controller"]["spec"]
    template = deployment["template"]
    pod, [container] = template["spec"], template["spec"]["containers"]
    # -- what was given
    assert container["image"] == f"{IMAGE['name']}@{DIGEST}"
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (2, "RollingUpdate")
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"pool": "storage"}, "system-cluster-critical")
    assert (pod["tolerations"][0]["key"], pod["imagePullSecrets"]) == ("storage", [{"name": "registry"}])
    arguments = dict(one.lstrip("-").partition("=")[::2] for one in container["args"])
    assert arguments["endpoints"] == ",".join(sorted(url.partition("://")[2] for url in cluster.urls))
    assert (arguments["api-endpoint"], arguments["namespace"]) == ("192.0.2.9:443", "storage")
    assert "enable-leader-election" in arguments
    # -- each file that an argument names is in the secret, and nothing else
    [volume], [mount] = pod["volumes"], container["volumeMounts"]
    secret = objects[f"Secret {volume['secret']['secretName']}"]
    data = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    files = {value for value in arguments.values() if value.startswith("/")}
    assert files == {f"{mount['mountPath']}/{name}" for name in data}
    assert data["admin-key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert data["admin-token"] == data["admin-token"].strip()
    assert yaml.safe_load(data["shoot-kubeconfig"]) == ACCESS
    assert (data["api-ca"], data["api-key"]) == (
        OPTIONS["duros_controller_api_ca"],
        OPTIONS["duros_controller_api_key"],
    )
    # -- who selects it, and who it is
    labels = template["metadata"]["labels"].items()
    for selector in (
        deployment["selector"]["matchLabels"],
        objects["Service duros-controller-metrics"]["spec"]["selector"],
        objects["NetworkPolicy duros-controller"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels
    ports = {one["name"] for one in container["ports"]}
    assert {one["targetPort"] for one in objects["Service duros-controller-metrics"]["spec"]["ports"]} <= ports
    assert f"ServiceAccount {pod['serviceAccountName']}" in objects
    assert objects["ServiceMonitor duros-controller"]["metadata"]["labels"]["release"] == "prometheus"
    # -- rights: in the seed for the pod, in the shoot for whom it is there
    for name, subject in {
        "RoleBinding duros-controller": "ServiceAccount",
        "ClusterRoleBinding duros-controller": "User",
        "RoleBinding duros-controller-csi": "User",
    }.items():
        binding = objects[name]
        assert f"{binding['roleRef']['kind']} {binding['roleRef']['name']}" in objects
        assert [one["kind"] for one in binding["subjects"]] == [subject]
    # -- names: by the port of CoreDNS, which is another one in the clusters of Gardener
    [dns] = [
        {(one["protocol"], one["port"]) for one in rule["ports"]}
        for rule in objects["NetworkPolicy duros-controller"]["spec"]["egress"]
        if any("namespaceSelector" in peer for peer in rule["to"])
    ]
    assert dns == {(protocol, port) for protocol in ("UDP", "TCP") for port in (53, 8053)}
    # -- who can be reached: the storage, both APIs, and what was given besides
    reached = {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in objects["NetworkPolicy duros-controller"]["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
    }
    storage = {("127.0.0.1/32", int(url.rpartition(":")[2])) for url in cluster.urls}
    # of the seed as its own service has it, of the shoot as the access names it
    kubernetes = {("127.0.0.1/32", 6443), ("192.0.2.20/32", 8443)}
    assert reached == {*storage, *kubernetes, ("192.0.2.9/32", 443), ("198.51.100.0/24", 8443)}
    # -- the resource, as the definition of its kind has it
    schema = objects["CustomResourceDefinition duros.storage.metal-stack.io"]["spec"]["versions"][0]["schema"][
        "openAPIV3Schema"
    ]
    spec, known = objects["Duros default-storage"]["spec"], schema["properties"]["spec"]
    assert set(spec) == set(known["properties"])
    one = known["properties"]["storageClasses"]["items"]
    for storage_class in spec["storageClasses"]:
        assert set(one["required"]) <= set(storage_class) <= set(one["properties"])
