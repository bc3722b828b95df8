#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects of a Kubernetes API in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects_info
short_description: Read many objects of a Kubernetes API in one task
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Reads objects by the paths of the API, one request each and none to discover what the API has, so that a whole
    deployment can be compared in one task.
  - Tells the version of the API and, if asked, what whoever asks may do in a namespace.
  - Of secrets only the SHA-256 of each value is returned, never the value.
  - It is an ordinary module as well when the Python of the controller has no package C(kubernetes).
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
requirements:
  - kubernetes
options:
  kubeconfig:
    description:
      - File with the access to the API, or its content as a dictionary.
      - Without it the environment variable E(K8S_AUTH_KUBECONFIG) is used, then E(KUBECONFIG) or F(~/.kube/config) if
        there is such a file, then the access of a pod.
    type: raw
  context:
    description: Context of O(kubeconfig), by default its current one.
    type: str
  paths:
    description:
      - What to read, like V(/api/v1/namespaces/kube-system) or, for a list, V(/apis/storage.k8s.io/v1/storageclasses).
    type: list
    elements: str
    default: []
  rights_in:
    description: Namespaces for which to tell what may be done.
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds the API may take for an answer.
    type: float
    default: 30
seealso:
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = r"""
- name: Look at storage in a cluster
  metalstack.provisioning.kubernetes_objects_info:
    kubeconfig: /etc/kubernetes/admin.conf
    paths:
      - /apis/storage.k8s.io/v1/storageclasses
      - /apis/apiextensions.k8s.io/v1/customresourcedefinitions/volumesnapshots.snapshot.storage.k8s.io
    rights_in:
      - kube-system
  register: seen
"""

RETURN = r"""
server:
  description: Address of the API.
  returned: success
  type: str
  sample: https://10.0.0.1:6443
version:
  description: Version of the API.
  returned: success
  type: str
  sample: v1.33.2
objects:
  description: What was read, by its path; null where there is nothing. Of a list it is the list of its items.
  returned: success
  type: dict
  sample:
    /api/v1/namespaces/kube-system:
      apiVersion: v1
      kind: Namespace
      metadata:
        name: kube-system
forbidden:
  description: Paths that may not be read.
  returned: success
  type: list
  elements: str
  sample: []
rights:
  description:
    - By namespace what may be done, C(rules) with C(verbs), C(apiGroups), C(resources) and C(resourceNames).
    - C(incomplete) is true when the API cannot tell all of it.
  returned: success
  type: dict
  sample:
    kube-system:
      incomplete: false
      rules:
        - verbs: [get, list]
          apiGroups: [""]
          resources: [secrets]
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = ArgumentSpec(
    {
        "kubeconfig": {"type": "raw", "no_log": False},
        "context": {"type": "str"},
        "paths": {"type": "list", "elements": "str", "default": []},
        "rights_in": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 30},
    }
)
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def without_secrets(thing):
    """Return an object with the SHA-256 of each value where it is a Secret."""
    if thing.get("kind") != "Secret":
        return thing
    shown = {key: value for key, value in thing.items() if key != "stringData"}
    shown["data"] = {key: digest(value) for key, value in (thing.get("data") or {}).items()}
    return shown


def digest(value):
    """Return the SHA-256 of a value of a Secret, which is base64."""
    return f"sha256:{hashlib.sha256(base64.b64decode(value)).hexdigest()}"


def items_of(listed):
    """Return the items of a list, each with the kind that the list has only once."""
    kind = listed["kind"][: -len("List")]
    return [
        without_secrets({"apiVersion": listed["apiVersion"], "kind": kind, **item})
        for item in listed.get("items") or []
    ]


class Api:
    """A Kubernetes API, asked by paths."""

    def __init__(self, params):
        try:
            import kubernetes
        except ImportError:
            raise UsageError(
                "The Python package kubernetes is missing where the task runs: install it there, or let the task run "
                "on a host that has it."
            ) from None
        made = self._configuration(kubernetes, params)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        for setting in made.auth_settings().values():
            self._headers[setting["key"]] = setting["value"]
        # its pool has all that a kubeconfig says about TLS and proxies
        self._pool = kubernetes.client.rest.RESTClientObject(made).pool_manager
        self._timeout = params["timeout"]
        self.server = made.host.rstrip("/")

    @staticmethod
    def _configuration(kubernetes, params):
        given = params["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG")
        made = kubernetes.client.Configuration()
        options = {"context": params["context"], "client_configuration": made}
        usual = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
        try:
            if isinstance(given, dict):
                kubernetes.config.load_kube_config_from_dict(given, **options)
            elif given or params["context"] or any(map(os.path.exists, usual.split(os.pathsep))):
                # the library itself knows only what was usual when it was imported
                kubernetes.config.load_kube_config(given or usual, **options)
            elif "KUBERNETES_SERVICE_HOST" in os.environ:
                kubernetes.config.load_incluster_config(client_configuration=made)
            else:
                raise UsageError(
                    "There is no access to Kubernetes: give kubeconfig, or set KUBECONFIG; there is no ~/.kube/config, "
                    "and the task does not run in a pod."
                )
        except (kubernetes.config.ConfigException, TypeError, KeyError) as error:
            source = "kubeconfig" if given else "The access to Kubernetes"
            raise UsageError(f"{source} cannot be used: {str(error).rstrip('.')}.") from None
        made.retries = 2
        return made

    def call(self, path, method="GET", body=None):
        """Return the answer; None when there is nothing, False when it is forbidden. Raises UsageError."""
        import urllib3

        try:
            answer = self._pool.request(
                method,
                self.server + path,
                headers=self._headers,
                body=None if body is None else json.dumps(body),
                timeout=self._timeout,
            )
            content = json.loads(answer.data) if answer.status < 300 else None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise UsageError(f"The Kubernetes API at {self.server} does not answer: {reason}.") from None
        except ValueError:
            raise UsageError(
                f"The Kubernetes API at {self.server} answered {path} with something else than JSON."
            ) from None
        if answer.status in (403, 404):
            return False if answer.status == 403 else None
        if answer.status == 401:
            raise UsageError(
                f"The Kubernetes API at {self.server} does not know who asks (status 401): the access has expired or "
                "is for another cluster."
            )
        if content is None:
            raise UsageError(
                f"The Kubernetes API at {self.server} answered {method} {path} with status {answer.status}."
            )
        return content


def secrets_of(kubeconfig):
    """Return the secrets of a kubeconfig that is given as a dictionary."""
    users = kubeconfig.get("users") if isinstance(kubeconfig, dict) else None
    found = set()
    for user in users or []:
        for name, value in ((user or {}).get("user") or {}).items():
            if name in ("token", "password", "client-key-data") and isinstance(value, str) and value:
                found.add(value)
    return found


def run(task: Task) -> dict[str, Any]:
    """Do the task. Raises UsageError."""
    params = task.params
    api = Api(params)
    version = api.call("/version") or {}
    objects, forbidden = {}, []
    for path in dict.fromkeys(params["paths"]):
        found = api.call(path)
        if found is False:
            forbidden.append(path)
        if found and str(found.get("kind", "")).endswith("List"):
            objects[path] = items_of(found)
        else:
            objects[path] = without_secrets(found) if found else None
    rights = {}
    for namespace in dict.fromkeys(params["rights_in"]):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        status = (api.call(REVIEW, "POST", review) or {}).get("status") or {"incomplete": True}
        rights[namespace] = {
            "rules": status.get("resourceRules") or [],
            "incomplete": bool(status.get("incomplete")),
        }
    return {
        "changed": False,
        "server": api.server,
        "version": version.get("gitVersion", ""),
        "objects": objects,
        "forbidden": forbidden,
        "rights": rights,
    }


def main():
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(supports_check_mode=True, **SPEC.arguments())
    # Not all of it: else words like v1, which stand in every kubeconfig, would become asterisks in the result.
    module.no_log_values.update(secrets_of(module.params["kubeconfig"]))
    run_module(module, run)


if __name__ == "__main__":
    main()
