# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of everything that talks to the metal-api."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - Address of the metal-api, for v1 the part before C(/v1), like V(https://api.example.com/metal).
      - If it is not given, the environment variable C(METALCTL_API_URL) is used.
    type: str
  api_hmac:
    description:
      - The HMAC key for O(api_hmac_user), for v1. Each of the three users has a key of its own.
      - If neither this nor O(api_token) is given, the environment variable C(METALCTL_HMAC) is used.
    type: str
  api_hmac_user:
    description:
      - Whose key O(api_hmac) is.
      - V(Metal-View) may read, V(Metal-Edit) may also allocate and free, V(Metal-Admin) may do everything.
      - If it is not given, the environment variable C(METALCTL_HMAC_AUTH_TYPE) is used, and V(Metal-Edit) without that.
    type: str
    choices: [Metal-View, Metal-Edit, Metal-Admin]
  api_token:
    description:
      - An OpenID Connect token for v1, or a token of metal-apiserver for v2. Cannot be given together with O(api_hmac).
      - If neither this nor O(api_hmac) is given, C(METALCTL_API_TOKEN) is used, and without that
        C(METALCTL_APITOKEN), the spelling of metal-ansible-modules.
    type: str
attributes:
  action_group:
    support: full
    description: Use C(group/metalstack.provisioning.metal) in C(module_defaults) to set options for all modules of it.
    membership:
      - metalstack.provisioning.metal
"""

    VERSION = r"""
options:
  api_version:
    description:
      - Which generation of the metal-api O(api_url) is, V(v1) (metal-api) or V(v2) (metal-apiserver).
      - V(auto) takes V(v1) for an HMAC key; for a token it asks the address itself.
    type: str
    choices: [v1, v2, auto]
    default: auto
"""
