#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would keep duros-controller from working with a Lightbits cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: duros_controller_preflight
short_description: Look at what would keep duros-controller from working with a Lightbits cluster
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Looks at all that duros-controller is to be given, and returns everything that is wrong with it at once.
  - Each server of the API answers, and for the same cluster. The token is one of an administrator and is good for long
    enough. The key can be read, is PKCS#1, and is the one of the credential that the project has already. Storage
    classes have names, one default, and no more replicas than there are servers.
  - It never fails because of what it finds, only tells it as RV(problems).
  - Needs the Python package C(cryptography) where it runs.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
options:
  endpoints:
    description: Servers of the API, for storage classes, like V(10.0.0.10:443).
    type: list
    elements: str
    required: true
  api_endpoint:
    description:
      - The only address that duros-controller itself asks, one of O(endpoints) or a proxy for gRPC before them. By
        default the first of O(endpoints).
      - A proxy is connected to, as duros-controller does it, to see that it speaks TLS and HTTP/2 and lets it in.
    type: str
  api_ca:
    description:
      - Certificate authorities of O(api_endpoint), PEM. Without them duros-controller does not check its certificate.
      - Only with O(api_cert) and O(api_key), since duros-controller uses all three of them or none.
    type: str
  api_cert:
    description: The certificate that duros-controller shows there, PEM.
    type: str
  api_key:
    description: The key of O(api_cert), PEM.
    type: str
  admin_token:
    description: The token for duros-controller.
    type: str
    required: true
  admin_key:
    description: The private key for duros-controller, PEM, with which it mints tokens of the project.
    type: str
    required: true
  convert_key:
    description: Whether a key that is PKCS#8 is going to be converted, so that it is no problem.
    type: bool
    default: false
  token_days:
    description: For how many days the token has to be good.
    type: float
    default: 30
  project:
    description: Id of the project in the metal-api. It is the name of the project in the Lightbits cluster as well.
    type: str
    required: true
  storage_classes:
    description: The storage classes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the StorageClass.
        type: str
        required: true
      replicas:
        description: How many replicas volumes have.
        type: int
        required: true
      compression:
        description: Whether data is compressed.
        type: bool
        default: false
      default:
        description: Whether it is the default of the cluster.
        type: bool
        default: false
      encryption:
        description: Whether hosts encrypt the data.
        type: bool
        default: false
  check_credential:
    description:
      - Whether it is a problem when the credential of the project is of another key. During a rotation it is none.
    type: bool
    default: true
  client_cert:
    description: PEM file with the certificate of the client, for a proxy before the API that asks for one.
    type: path
  client_key:
    description: PEM file with the key of O(client_cert), if it is not in the same file.
    type: path
seealso:
  - module: metalstack.provisioning.lightbits_credential
  - plugin: metalstack.provisioning.pkcs1
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at what duros-controller is to be given
  metalstack.provisioning.duros_controller_preflight:
    endpoints:
      - 10.0.0.10:443
      - 10.0.0.11:443
      - 10.0.0.12:443
    admin_token: "{{ lookup('ansible.builtin.file', '/etc/lightos/admin.jwt') }}"
    admin_key: "{{ lookup('ansible.builtin.file', '/etc/lightos/root.pem') }}"
    project: 8a2a8c4b-8f6a-4a8e-8a52-0f5b0d3c7a11
    storage_classes:
      - name: partition-gold
        replicas: 3
        compression: true
        default: true
  register: preflight
"""

RETURN = r"""
problems:
  description: What keeps it from working, a sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - The admin token has the roles default:admin; duros-controller needs system:cluster-admin.
warnings_found:
  description: What should be looked at.
  returned: success
  type: list
  elements: str
  sample: []
cluster:
  description:
    - The cluster, empty if none answers. C(endpoints) are all servers of its API, C(project) and C(credential) tell
      whether they are there already, C(credential_matches) whether it is of the admin key.
  returned: success
  type: dict
  sample:
    uuid: 6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f
    endpoints: ["10.0.0.10:443", "10.0.0.11:443", "10.0.0.12:443"]
    servers: 3
    project: true
    credential: true
    credential_matches: true
"""

import time

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._connection import CONNECTION, http_client
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.client import Lightbits
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.duros_api_endpoint import Identity
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.duros_preflight import Wish, look
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.token import Token
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "endpoints": {"type": "list", "elements": "str", "required": True},
        "api_endpoint": {"type": "str"},
        "api_ca": {"type": "str"},
        "api_cert": {"type": "str"},
        "api_key": {"type": "str", "no_log": True},
        "admin_token": {"type": "str", "required": True, "no_log": True},
        "admin_key": {"type": "str", "required": True, "no_log": True},
        "convert_key": {"type": "bool", "default": False, "no_log": False},
        "token_days": {"type": "float", "default": 30.0, "no_log": False},
        "project": {"type": "str", "required": True},
        "storage_classes": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "replicas": {"type": "int", "required": True},
                "compression": {"type": "bool", "default": False},
                "default": {"type": "bool", "default": False},
                "encryption": {"type": "bool", "default": False},
            },
        },
        "check_credential": {"type": "bool", "default": True},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
    },
    required_together=(("api_ca", "api_cert", "api_key"),),
    required_by={"client_key": ("client_cert",)},
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    http = http_client(params)
    try:
        token = Token(params["admin_token"])
    except ValueError:
        # said by the look itself
        token = None
    wish = Wish(
        endpoints=params["endpoints"],
        api_endpoint=params["api_endpoint"] or "",
        token=params["admin_token"].strip(),
        key=params["admin_key"],
        convert_key=params["convert_key"],
        token_days=params["token_days"],
        project=params["project"],
        storage_classes=params["storage_classes"],
        check_credential=params["check_credential"],
        identity=Identity(*(params[name] or "" for name in ("api_ca", "api_cert", "api_key"))),
    )
    api_to = None if token is None else lambda endpoint: Lightbits([endpoint], token, http, discover=False)
    found = look(wish, api_to, time.time())
    return {
        "changed": False,
        "problems": found.problems,
        "warnings_found": found.warnings,
        "cluster": found.cluster,
    }


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
