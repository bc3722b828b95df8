# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of everything that talks to an API: TLS, patience and repetitions."""

from __future__ import annotations


class ModuleDocFragment:
    """As Ansible finds it."""

    DOCUMENTATION = r"""
options:
  ca_path:
    description: File or directory with the certificate authorities to trust instead of the system's.
    type: path
  validate_certs:
    description: Whether the certificate of the API is checked. Turn it off for tests only.
    type: bool
    default: true
  timeout:
    description: How many seconds the API may take for an answer.
    type: float
    default: 10
  retries:
    description:
      - How often a request is repeated when the API is away, overloaded (429) or fails for the moment (502, 503, 504).
      - Requests that create something are never repeated blindly; it is looked up first whether they have worked.
    type: int
    default: 3
"""
