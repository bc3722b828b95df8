# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps duros-controller from a cluster, whether it works there, how it goes, and where addresses differ."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_drift import drift
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_kubernetes import (
    CLASSES,
    problems,
    verdict,
)
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_networks import networks
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_removal import (
    CONTENTS,
    RESOURCES,
    VOLUMES,
    removal,
)
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_rights import missing_rights
from tests.support.paper_api import ADMIN

NAMESPACE = "/api/v1/namespaces/duros"
DEPLOYMENT = "/apis/apps/v1/namespaces/duros/deployments/duros-controller"
POLICY = "/apis/networking.k8s.io/v1/namespaces/duros/networkpolicies/duros-controller"
RESOURCE = "/apis/storage.metal-stack.io/v1/namespaces/duros/duros/default-storage"
PODS = "/api/v1/namespaces/duros/pods?labelSelector=app"
RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "duros-controller", "namespace": "duros"},
    "rules": [RULE],
}
ROLE_PATH = "/apis/rbac.authorization.k8s.io/v1/namespaces/duros/roles/duros-controller"
GOLD = {"name": "gold", "replicas": 3, "compression": True, "default": True}


def rights(rules: list[dict[str, Any]], *, incomplete: bool = False) -> dict[str, Any]:
    review = {"rules": rules, "incomplete": incomplete}
    return {"duros": review, "kube-system": review}


def storage_class(**changes: Any) -> dict[str, Any]:
    parameters = {
        "mgmt-endpoint": "10.0.0.1:443,10.0.0.2:443",
        "project-name": "p",
        "replica-count": "3",
        "compression": "enabled",
    }
    made: dict[str, Any] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "gold", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "csi.lightbitslabs.com",
        "parameters": parameters,
    }
    return {**made, **changes}


def seen(**changes: Any) -> dict[str, Any]:
    return {
        "server": "https://10.0.0.9:6443",
        "version": "v1.33.2",
        "objects": {NAMESPACE: None, CLASSES: []},
        "forbidden": [],
        "rights": rights(ADMIN),
        **changes,
    }


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "namespace": "duros",
        "manage_namespace": True,
        "objects": [ROLE],
        "target_objects": [],
        "storage_classes": [GOLD],
        "project": "p",
        "snapshots": [],
        "names": [],
        "access": {},
        "access_rules": [],
        "kubeconfig": {},
        "kubeconfig_option": "duros_controller_target_access",
        **changes,
    }


def found(look: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    return problems(look, look, wanted)["problems"]


def test_nothing_is_wrong() -> None:
    assert problems(seen(), seen(), wish()) == {"problems": [], "ending": [], "warnings": []}


@pytest.mark.parametrize(
    ("look", "wanted", "message"),
    [
        (seen(version="v1.24.9"), wish(), "The cluster has the version v1.24.9; at least 1.25 is needed."),
        (seen(version=""), wish(), "The API of the cluster does not tell its version."),
        (seen(forbidden=["/a"]), wish(), "In the cluster /a may not be read."),
        (seen(), wish(manage_namespace=False), "The namespace duros is not there"),
        (seen(), wish(namespace="kube-storage"), "The namespace kube-storage is one of Kubernetes itself"),
        (
            seen(objects={NAMESPACE: {"metadata": {"deletionTimestamp": "x"}}}),
            wish(),
            "The Namespace duros is being removed: wait until it is gone.",
        ),
        (
            # which would be taken for one that is there, and left alone
            seen(objects={NAMESPACE: None, ROLE_PATH: {"metadata": {"deletionTimestamp": "x"}}}),
            wish(),
            "The Role duros/duros-controller is being removed: wait until it is gone.",
        ),
        (seen(), wish(snapshots=["/x/snapshots.io"]), "The cluster that uses the storage lacks snapshots.io"),
        (
            # which may be there
            seen(forbidden=["/x/snapshots.io"]),
            wish(snapshots=["/x/snapshots.io"]),
            "In the cluster /x/snapshots.io may not be read.",
        ),
        (seen(), wish(names=["storage:443"]), "storage:443 is a name, but a network policy"),
        (
            seen(objects={NAMESPACE: None, CLASSES: [storage_class(provisioner="other.io")]}),
            wish(),
            "The storage class gold is there already, of other.io; duros-controller would delete it",
        ),
        (
            seen(objects={NAMESPACE: None, CLASSES: [storage_class(parameters={"project-name": "q"})]}),
            wish(),
            "The storage class gold is there already, of the project q",
        ),
        (
            seen(),
            wish(access={"rights": rights([])}, access_rules=[RULE]),
            "The access that duros-controller is given to the cluster that uses the storage lacks: get, list secrets.",
        ),
    ],
)
def test_problem(look: dict[str, Any], wanted: dict[str, Any], message: str) -> None:
    [problem] = found(look, wanted)
    assert problem.startswith(message)


def test_access_that_cannot_work_in_the_pod_is_named() -> None:
    given: dict[str, Any] = {
        "current-context": "shoot",
        "contexts": [{"name": "shoot", "context": {"cluster": "shoot", "user": "me"}}],
        "clusters": [
            {"name": "other", "cluster": {"certificate-authority": "/etc/other.pem"}},
            {"name": "shoot", "cluster": {"certificate-authority": "ca.pem"}},
        ],
        "users": [{"name": "me", "user": {"exec": {"command": "kubelogin"}, "client-certificate": "/me.pem"}}],
    }
    told = found(seen(), wish(kubeconfig=given))
    assert [one.partition(",")[0] for one in told] == [
        "duros_controller_target_access has clusters.shoot.certificate-authority",
        "duros_controller_target_access has users.me.exec",
        "duros_controller_target_access has users.me.client-certificate",
    ]
    assert told[0].endswith(
        "a file that the pod of duros-controller does not have: give its content, as certificate-authority-data."
    )
    # what the pod has, and what the text itself has
    mounted = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    given["clusters"][1]["cluster"]["certificate-authority-data"] = "eA=="
    given["users"][0]["user"] = {"tokenFile": mounted, "client-key-data": "eA=="}
    assert found(seen(), wish(kubeconfig=given)) == []
    given["users"][0]["user"]["tokenFile"] = "/home/me/token"
    assert found(seen(), wish(kubeconfig=given))[0].startswith("duros_controller_target_access has users.me.tokenFile,")


def test_missing_rights_are_told_together() -> None:
    rules = [{"verbs": ["get", "create", "patch"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]}]
    # who may make a role needs what is in it as well
    assert found(seen(rights=rights(rules)), wish()) == [
        "Whoever kubeconfig says may not do all that is needed in the cluster: get, list secrets."
    ]
    rules[0]["verbs"].append("escalate")
    assert found(seen(rights=rights(rules)), wish()) == []
    assert "get, create, patch roles.rbac.authorization.k8s.io" in found(seen(rights=rights([])), wish())[0]
    assert found(seen(rights=rights([], incomplete=True)), wish()) == []


def test_another_default_is_a_warning() -> None:
    other = storage_class(provisioner="other.io")
    other["metadata"] = {**other["metadata"], "name": "standard"}
    look = seen(objects={NAMESPACE: None, CLASSES: [other]})
    assert problems(look, look, wish())["warnings"] == [
        "gold is going to be the default storage class, but standard is one as well."
    ]


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, []),
        ({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}, ["list secrets/x"]),
        ({"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"], "resourceNames": ["x"]}, []),
        (
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"], "resourceNames": ["y"]},
            ["get, list secrets/x"],
        ),
    ],
)
def test_rules(rule: dict[str, Any], missing: list[str]) -> None:
    assert missing_rights([{**RULE, "resourceNames": ["x"]}], {"rules": [rule]}) == missing


def pod(began: str) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"state": {"running": {"startedAt": began}}}]}}


def running() -> dict[str, Any]:
    return {
        DEPLOYMENT: {
            "metadata": {"generation": 2},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"args": ["-endpoints=10.0.0.1:443"]}]}}},
            "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        },
        RESOURCE: {
            "metadata": {"managedFields": [{"manager": "me", "operation": "Apply", "time": "2026-01-01T00:00:00Z"}]},
            "status": {"reconcileStatus": {"lastReconcile": "2026-01-01T00:00:30Z"}},
        },
        PODS: [pod("2026-01-01T00:00:10Z")],
        CLASSES: [storage_class()],
    }


WELL = {
    "deployment": DEPLOYMENT,
    "resource": RESOURCE,
    "manager": "me",
    "pods": PODS,
    "storage_classes": [GOLD],
    "left": ["old"],
    "project": "p",
    "endpoints": "10.0.0.1:443,10.0.0.2:443",
}


def test_it_works() -> None:
    assert verdict({"objects": running()}, WELL) == []


def test_what_does_not_work() -> None:
    objects = running()
    objects[DEPLOYMENT]["status"] = {"observedGeneration": 1}
    objects[RESOURCE]["status"]["reconcileStatus"]["lastReconcile"] = "2025-12-31T23:59:59Z"
    objects[CLASSES] = [storage_class(parameters={**storage_class()["parameters"], "replica-count": "2"})]
    left = storage_class()
    left["metadata"] = {"name": "old"}
    objects[CLASSES].append(left)
    assert verdict({"objects": objects}, WELL) == [
        "The Deployment has not been looked at since it was changed: does a controller manager run?",
        "The Duros resource was not reconciled since it was changed.",
        "The storage class gold has replica-count 2; 3 is wanted.",
        "The storage class old is still there.",
    ]
    objects = running()
    objects[DEPLOYMENT]["status"].update(
        availableReplicas=0, conditions=[{"type": "Available", "status": "False", "message": "It is away."}]
    )
    objects[RESOURCE]["status"]["reconcileStatus"]["error"] = "permission denied"
    objects[CLASSES] = []
    assert verdict({"objects": objects}, WELL) == [
        "The Deployment has 0 of 1 pods available (It is away).",
        "duros-controller says: permission denied.",
        "The storage class gold is not there.",
    ]
    assert verdict({}, WELL)[:2] == ["The Deployment is not there.", "The Duros resource is not there."]


def test_a_controller_that_was_started_again_has_still_to_reconcile() -> None:
    objects = running()
    objects[PODS] = [pod("2026-01-01T00:00:31Z"), {"status": {"containerStatuses": [{"state": {"waiting": {}}}]}}]
    told = "The Duros resource was not reconciled by a controller that runs now."
    assert verdict({"objects": objects}, WELL) == [told]
    # of several, one that has waited for its turn may be newer
    objects[PODS].append(pod("2026-01-01T00:00:30Z"))
    assert verdict({"objects": objects}, WELL) == []
    # who may not see pods is not kept from anything
    objects[PODS] = None
    assert verdict({"objects": objects}, WELL) == []


def test_encrypted_class_is_not_compressed() -> None:
    parameters = {**storage_class()["parameters"], "compression": "disabled", "host-encryption": "enabled"}
    objects = {**running(), CLASSES: [storage_class(parameters=parameters)]}
    assert verdict({"objects": objects}, {**WELL, "storage_classes": [{**GOLD, "encryption": True}]}) == []


def test_networks_and_names() -> None:
    given = ["10.0.0.2:443", "10.0.0.1:443", "[fd00::1]:443", "https://10.0.0.9:6443", "storage:443", "x:y"]
    assert networks(given, [{"cidr": "10.1.0.0/24", "port": 443}]) == {
        "ports": {443: ["10.0.0.1/32", "10.0.0.2/32", "10.1.0.0/24", "fd00::1/128"], 6443: ["10.0.0.9/32"]},
        "names": ["storage:443"],
        "wrong": ["x:y"],
    }
    for peer in ({"cidr": "10.0.0.1/24", "port": 1}, {"cidr": "10.0.0.0/24", "port": 0}, {"cidr": "10.0.0.0/24"}):
        with pytest.raises(UsageError, match="a peer has"):
            networks([], [peer])


DUROS = {
    "apiVersion": "storage.metal-stack.io/v1",
    "kind": "Duros",
    "metadata": {"name": "default-storage", "namespace": "duros"},
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lb-csi-creds", "namespace": "kube-system"}}
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/duros.storage.metal-stack.io"
GOING = {
    "namespace": "duros",
    "manage_namespace": True,
    "project": "p",
    "first": [DUROS],
    "in_target": [SECRET],
    "last": [ROLE],
}


def there() -> dict[str, Any]:
    return {
        NAMESPACE: {"metadata": {"name": "duros"}},
        CRD: {"metadata": {"name": "duros.storage.metal-stack.io"}},
        RESOURCE: DUROS,
        RESOURCES: [DUROS],
        ROLE_PATH: ROLE,
        "/api/v1/namespaces/kube-system/secrets/lb-csi-creds": SECRET,
        CLASSES: [storage_class()],
        VOLUMES: [],
    }


def goes(objects: dict[str, Any]) -> dict[str, Any]:
    return removal({"objects": objects}, {"objects": objects}, GOING)


def test_all_of_it_goes_in_order() -> None:
    gone = goes(there())
    assert gone["problems"] == []
    assert [one["kind"] for key in ("first", "in_target", "last") for one in gone[key]] == [
        "Duros",
        "StorageClass",
        "Secret",
        "Role",
        "CustomResourceDefinition",
        "Namespace",
    ]
    assert gone["ending"] == [CRD, NAMESPACE]
    # a second time there is nothing
    assert goes({}) == {"problems": [], "first": [], "in_target": [], "last": [], "ending": [], "kept": ""}
    # what is on its way is not removed again, but its end is waited for
    going = {NAMESPACE: {"metadata": {"name": "duros", "deletionTimestamp": "2026-01-01T00:00:00Z"}}}
    assert (goes(going)["last"], goes(going)["ending"]) == ([], [NAMESPACE])


def test_volumes_are_a_reason_to_stop() -> None:
    volume = {"metadata": {"name": "pvc-1"}, "spec": {"csi": {"driver": "csi.lightbitslabs.com"}}}
    [problem] = goes({**there(), VOLUMES: [volume]})["problems"]
    assert problem.startswith("There are 1 volumes of this storage (pvc-1)")
    volume["spec"]["csi"]["driver"] = "other.io"
    snapshot = {"metadata": {"name": "snapcontent-1"}, "spec": {"driver": "csi.lightbitslabs.com"}}
    [problem] = goes({**there(), VOLUMES: [volume], CONTENTS: [snapshot]})["problems"]
    assert problem.startswith("There are 1 snapshots of this storage (snapcontent-1)")
    snapshot["spec"]["driver"] = "other.io"
    assert goes({**there(), VOLUMES: [volume], CONTENTS: [snapshot]})["problems"] == []


def test_nothing_goes_if_not_all_of_it_may_go() -> None:
    may = [{"apiGroups": ["*"], "resources": ["*"], "resourceNames": ["default-storage", "gold"], "verbs": ["delete"]}]
    seed = {"server": "https://10.0.0.9", "objects": there(), "rights": {"duros": {"rules": ADMIN}}}
    shoot = {"server": "https://10.0.0.8", "objects": there(), "rights": {"kube-system": {"rules": may}}}
    told = "Whoever kubeconfig says may not remove all of it in the cluster that uses the storage: delete "
    assert removal(seed, shoot, GOING)["problems"] == [f"{told}secrets/lb-csi-creds."]
    one = {**seed, "rights": {"duros": {"rules": may}, "kube-system": {"rules": ADMIN}}}
    [problem] = removal(one, one, GOING)["problems"]
    assert problem == (
        "Whoever kubeconfig says may not remove all of it in the cluster: "
        "delete roles.rbac.authorization.k8s.io/duros-controller; "
        "delete customresourcedefinitions.apiextensions.k8s.io/duros.storage.metal-stack.io; delete namespaces/duros."
    )
    # who cannot tell what may be done is not kept from anything
    one["rights"]["duros"] = {"rules": may, "incomplete": True}
    assert removal(one, one, GOING)["problems"] == []


def test_what_others_need_stays() -> None:
    elsewhere = {**DUROS, "metadata": {"name": "other", "namespace": "other"}}
    pod = {"kind": "Pod", "metadata": {"name": "theirs"}}
    gone = goes({**there(), RESOURCES: [DUROS, elsewhere], f"{NAMESPACE}/pods": [pod]})
    assert [one["kind"] for one in gone["last"]] == ["Role"]
    assert gone["ending"] == []
    assert gone["kept"] == "The namespace duros stays, because others use it: Pod theirs."
    here = {**DUROS, "metadata": {"name": "other", "namespace": "duros"}}
    assert "other Duros resources" in goes({**there(), RESOURCES: [DUROS, here]})["problems"][0]


def test_addresses_that_differ() -> None:
    where = {
        "deployment": DEPLOYMENT,
        "network_policy": POLICY,
        "project": "p",
        "configured": ["https://10.0.0.1:443", "10.0.0.2:443"],
        "targets": [{"labels": {"job": "lightos-api"}, "targets": ["10.0.0.1:443", "10.0.0.3:443"]}],
    }
    objects = running()
    objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["args"] = ["-endpoints=10.0.0.1:443,10.0.0.2:443"]
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 443}]}
    objects[POLICY] = {"spec": {"egress": [rule]}}
    handle = {"driver": "csi.lightbitslabs.com", "volumeHandle": "mgmt:10.0.0.8:443|nguid:x|proj:p|scheme:grpcs"}
    objects[VOLUMES] = [{"spec": {"csi": handle}}]
    objects[CONTENTS] = [{"spec": {"driver": handle["driver"]}, "status": {"snapshotHandle": handle["volumeHandle"]}}]
    look = {"objects": objects}
    told = drift(["10.0.0.1:443", "10.0.0.2:443"], look, look, where)
    assert told["places"] == [
        {"place": "NetworkPolicy", "lacks": ["10.0.0.2:443"], "surplus": []},
        {"place": "Prometheus", "lacks": ["10.0.0.2:443"], "surplus": ["10.0.0.3:443"]},
    ]
    assert told["frozen"] == {"volumes": 1, "snapshots": 1, "unreachable": 2}
    assert told["table"].splitlines()[0].split() == ["place", "lacks", "has", "besides"]
    quiet = copy.deepcopy(where)
    quiet["targets"] = []
    del objects[POLICY], objects[VOLUMES], objects[CONTENTS]
    assert drift(["10.0.0.1:443", "10.0.0.2:443"], look, look, quiet)["table"] == ""
    more = drift(["10.0.0.1:443", "10.0.0.2:443", "10.0.0.4:443"], look, look, quiet)["places"]
    assert [one["place"] for one in more] == [
        "duros_controller_endpoints",
        "Deployment, -endpoints",
        "StorageClass gold",
    ]
