# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of everything that talks to the Lightbits API."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  api_endpoints:
    description:
      - Servers of the cluster, like V(10.0.0.10:443), V([fd00::10]:443) or V(https://lightos.example.com). The port is
        443 unless another one is given.
      - One is enough. The others are learnt from it, and asked when it is away.
      - If it is not given, the environment variable C(LIGHTBITS_API_ENDPOINTS) is used, with commas between servers.
    type: list
    elements: str
  api_token:
    description:
      - The JSON Web Token. Cannot be given together with O(api_token_file).
      - If neither is given, C(LIGHTBITS_API_TOKEN) or C(LIGHTBITS_API_TOKEN_FILE) of the environment is used.
    type: str
  api_token_file:
    description: File that holds the token, on the host where the task runs.
    type: path
  client_cert:
    description: PEM file with the certificate of the client, for a proxy before the API that asks for one.
    type: path
  client_key:
    description: PEM file with the key of O(client_cert), if it is not in the same file.
    type: path
attributes:
  action_group:
    support: full
    description:
      Use C(group/metalstack.provisioning.lightbits) in C(module_defaults) to set options for all modules of it.
    membership:
      - metalstack.provisioning.lightbits
"""
