# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server is asked by a run of the role duros_controller that has nothing to do.

Not a real one, which would have to be built: what is counted is what the role sends, and that is the same for every API
that answers as an API server does. The one here has all that the role wants, as its own templates say, and what
Kubernetes and the controller add. That a real API server sees no write either is for the scenario duros_controller.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._kubernetes_objects import path_of
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.support import duros_role
from tests.support.paper_api import SLICES, PaperApi, api_server, listed, running_paper_api
from tests.support.playbook import play

from .cacheworld import CacheWorld
from .definition import Benchmark, BenchmarkError, Measurement

PROJECT = "8a2a8c4b-8f6a-4a8e-8a52-0f5b0d3c7a11"
CLASSES = [{"name": "gold", "replicas": 3, "default": True}, {"name": "silver", "replicas": 2, "compression": True}]
_YEAR = 365 * 86400
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SNAPSHOTS = ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")
# the task that shows in a diff what is not as wanted
_DIFFERS = "Show what differs"


def measure(_world: CacheWorld) -> Measurement:
    """Requests of one run for each object that the role manages."""
    with (
        running_lightbits("--servers", "3") as cluster,
        running_paper_api() as api,
        tempfile.TemporaryDirectory(prefix="benchmark-") as temporary,
    ):
        _have_the_project(cluster)
        directory = Path(temporary)
        variables = _variables(cluster, api, directory)
        api.objects[SLICES] = api_server(api.port)
        wanted = duros_role.wanted(directory, variables)
        settle(api, wanted, list(cluster.urls))
        api.requests.clear()
        done = play(directory, [{"include_role": {"name": duros_role.ROLE}}], "--diff", variables=variables)
        wrong = [one for one in done.results if one.failed or one.values.get("changed") or one.name.endswith(_DIFFERS)]
        if wrong:
            told = "; ".join(f"{one.name}: {one.values.get('msg', '')}" for one in wrong)
            raise BenchmarkError(f"a run that has nothing to do changed something, or failed: {told}")
    verbs = Counter("review" if "/selfsubject" in one else one.split()[0] for one in api.requests)
    reads, reviews = verbs.pop("GET", 0), verbs.pop("review", 0)
    if verbs or not reads:
        raise BenchmarkError(f"a run that has nothing to do has to read, and nothing else: {dict(verbs)}")
    return Measurement(
        len(api.requests) / len(wanted),
        f"{len(wanted)} objects: {reads} reads, {reviews} questions for rights, no write; against an API on paper",
    )


def _have_the_project(cluster: Lightbits) -> None:
    """As the controller leaves it."""
    credential = {
        "projectName": PROJECT,
        "ID": "root",
        "type": "RS256PubKey",
        "payload": keys.public_pem(keys.root_key()),
    }
    cluster.control.change_state(projects=[{"name": PROJECT}], credentials=[credential])


def _variables(cluster: Lightbits, api: PaperApi, directory: Path) -> dict[str, Any]:
    token, key = directory / "token", directory / "key.pem"
    token.write_text(keys.token(lifetime=_YEAR), encoding="ascii")
    form, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    key.write_bytes(keys.root_key().private_bytes(serialization.Encoding.PEM, form, none))
    return {
        "duros_controller_kubeconfig": api.kubeconfig(),
        "duros_controller_project": PROJECT,
        "duros_controller_storage_classes": CLASSES,
        "duros_controller_endpoints": list(cluster.urls),
        "duros_controller_admin_token_file": str(token),
        "duros_controller_admin_key_file": str(key),
        "duros_controller_verify_timeout": 30,
    }


def settle(api: PaperApi, wanted: Sequence[Mapping[str, Any]], endpoints: Sequence[str]) -> None:
    """Have all of it, and what Kubernetes and the controller add when it works."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    states = {
        "Deployment": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        "Duros": {"reconcileStatus": {"lastReconcile": now}},
    }
    applied = {"manager": "metalstack.provisioning", "operation": "Apply", "time": now, "fieldsV1": {}}
    for thing in wanted:
        there = {**thing, "metadata": {**thing["metadata"], "generation": 1, "managedFields": [applied]}}
        if thing["kind"] in states:
            there["status"] = states[thing["kind"]]
        api.objects[path_of(thing)] = there
    for name in _SNAPSHOTS:
        api.objects[f"{_CRDS}/{name}.snapshot.storage.k8s.io"] = {"kind": "CustomResourceDefinition"}
    addresses = ",".join(sorted(url.partition("://")[2] for url in endpoints))
    classes = [_storage_class(one, addresses) for one in CLASSES]
    api.objects["/apis/storage.k8s.io/v1/storageclasses"] = listed("StorageClass", classes)


def _storage_class(wanted: Mapping[str, Any], addresses: str) -> dict[str, Any]:
    """As the controller makes it."""
    return {
        "metadata": {
            "name": wanted["name"],
            "annotations": {"storageclass.kubernetes.io/is-default-class": str(wanted.get("default", False)).lower()},
        },
        "provisioner": "csi.lightbitslabs.com",
        "parameters": {
            "mgmt-endpoint": addresses,
            "project-name": PROJECT,
            "replica-count": str(wanted["replicas"]),
            "compression": "enabled" if wanted.get("compression") else "disabled",
        },
    }


# One to read each object. The rest is for what the role does not own but has to know (the version, other kinds, what
# may be done), and to look whether it works.
NOOP = Benchmark(
    name="duros.noop",
    summary="what a second run of duros_controller.yml asks of the Kubernetes API",
    unit="requests for each object that is managed",
    goal=2.5,
    measure=measure,
    count=True,
    hosts=False,
    timed=False,
)
BENCHMARKS = (NOOP,)
