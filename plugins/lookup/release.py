# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``release``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release
short_description: Ask release vectors of metal-stack
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Reads one or several release vectors, which are YAML files that say which versions belong together, and returns
    what a JMESPath query finds in them.
  - Several are merged, dictionaries within each other; what a later one says, counts.
requirements:
  - jmespath, for O(query)
notes:
  - Release vectors in OCI registries cannot be read; download them before.
options:
  _terms:
    description:
      - Files, which are looked for as P(ansible.builtin.file#lookup) does, and addresses that start with C(https://).
      - An address that starts with C(http://) needs one of O(checksums).
    type: list
    elements: str
    required: true
  query:
    description: What to look for, in JMESPath. Without it the whole vector is returned.
    type: str
  default:
    description: What to return when the query finds nothing. Without it that is an error.
    type: raw
  checksums:
    description: Checksums by file or address, as V(sha256:<hexadecimal>) or V(sha512:<hexadecimal>).
    type: dict
    default: {}
  ca_path:
    description: File or directory with the certificate authorities to trust instead of the system's.
    type: path
  validate_certs:
    description: Whether the certificates of servers are checked. Turn it off for tests only.
    type: bool
    default: true
  timeout:
    description: How many seconds a server may take for an answer.
    type: float
    default: 30
  retries:
    description: How often a download is repeated when the server is away, overloaded or fails for the moment.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Show the version of the metal-api in a release
  ansible.builtin.debug:
    msg: "{{ lookup('metalstack.provisioning.release', 'release.yaml', query=path) }}"
  vars:
    path: '"docker-images"."metal-stack"."control-plane"."metal-api".tag'

- name: Show the same of a release from the internet, with changes of our own
  ansible.builtin.debug:
    msg: >-
      {{ lookup('metalstack.provisioning.release', release, 'our-changes.yaml', query=path,
                checksums={release: 'sha256:' ~ release_sha256}) }}
  vars:
    release: https://raw.githubusercontent.com/metal-stack/releases/v0.22.0/release.yaml
    path: '"docker-images"."metal-stack"."control-plane"."metal-api".tag'
"""

RETURN = r"""
_raw:
  description: What the query finds, as the only element. So C(lookup) returns it as it is.
  type: list
  elements: raw
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.metalstack.provisioning.plugins.module_utils._connection import http_client
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ApiError, UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils import _release_vector as vectors

_CONNECTION = ("ca_path", "validate_certs", "timeout", "retries")


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[Any]:
        """Return what is found. Raises AnsibleError with one sentence."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            merged: dict[str, Any] = {}
            if not terms:
                raise UsageError("The lookup release takes at least one file or address.")
            unused = set(self.get_option("checksums")) - {str(term) for term in terms}
            if unused:
                raise UsageError(f"checksums has {sorted(unused)[0]!r}, which is not read.")
            for term in terms:
                merged = vectors.merge(merged, self._read(str(term), variables))
            if self.get_option("query") is None:
                return [merged]
            found = vectors.ask(merged, self.get_option("query"))
            if found is None and "default" not in kwargs:
                raise UsageError(
                    f"query is {str(self.get_option('query'))!r}, which finds nothing in the release vector."
                )
        except (UsageError, ApiError) as error:
            raise AnsibleError(str(error)) from None
        return [self.get_option("default") if found is None else found]

    def _read(self, source: str, variables: Any) -> dict[str, Any]:
        checksum = self.get_option("checksums").get(source)
        scheme, separator, _rest = source.partition("://")
        if separator and scheme not in ("http", "https"):
            raise UsageError(f"{source} cannot be read; give a file, or an address that starts with https://.")
        if scheme == "http" and separator and checksum is None:
            raise UsageError(f"{source} is not protected on its way: use https://, or give it one of the checksums.")
        if separator:
            options = {name: self.get_option(name) for name in _CONNECTION}
            content = vectors.download(http_client(options), source)
        else:
            path = self.find_file_in_search_path(variables, "files", source, ignore_missing=True)
            if path is None:
                raise UsageError(f"{source} is neither a file that can be found nor an address.")
            try:
                content = Path(path).read_bytes()
            except OSError as error:
                raise UsageError(f"{source} cannot be read: {error.strerror or error}.") from None
        if checksum is not None:
            vectors.check(source, content, checksum)
        return vectors.parse(source, content)
