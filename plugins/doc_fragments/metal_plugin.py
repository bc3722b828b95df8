# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the inventory plugin and the lookups that talk to the metal-api."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  api_url:
    description: Address of the metal-api v1, the part before C(/v1), like V(https://api.example.com/metal).
    type: str
    env:
      - name: METALCTL_API_URL
  api_hmac:
    description:
      - The HMAC key for O(api_hmac_user). Each of the three users has its own; that of V(Metal-View) is enough.
      - Of O(api_hmac) and O(api_token), what is given as an option hides variables and environment, and variables hide
        the environment.
    type: str
    env:
      - name: METALCTL_HMAC
  api_hmac_user:
    description: Whose key O(api_hmac) is. Without it V(Metal-View) is assumed, since it suffices to read.
    type: str
    choices: [Metal-View, Metal-Edit, Metal-Admin]
    env:
      - name: METALCTL_HMAC_AUTH_TYPE
  api_token:
    description: An OpenID Connect token for v1, instead of O(api_hmac).
    type: str
    env:
      - name: METALCTL_API_TOKEN
      - name: METALCTL_APITOKEN
  ca_path:
    description: File or directory with the certificate authorities to trust instead of the system's.
    type: path
  validate_certs:
    description: Whether the certificate of the API is checked. Turn it off for tests only.
    type: bool
    default: true
  timeout:
    description: How many seconds the API may take for an answer. A list of thousands of machines takes some.
    type: float
    default: 30
  retries:
    description: How often a request is repeated when the API is away, overloaded (429) or fails for the moment.
    type: int
    default: 3
"""

    VARIABLES = r"""
options:
  api_url:
    vars:
      - name: metal_api_url
  api_hmac:
    vars:
      - name: metal_api_hmac
  api_hmac_user:
    vars:
      - name: metal_api_hmac_user
  api_token:
    vars:
      - name: metal_api_token
  ca_path:
    vars:
      - name: metal_ca_path
  validate_certs:
    vars:
      - name: metal_validate_certs
"""
