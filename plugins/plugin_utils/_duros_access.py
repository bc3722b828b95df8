# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a kubeconfig can never work in the pod of duros-controller, which is given it as text.

Private to metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# files that the pod has
_MOUNTED = "/var/run/secrets/kubernetes.io/serviceaccount/"
_PROGRAMS = ("exec", "auth-provider")
_FILES = {
    "certificate-authority": "certificate-authority-data",
    "client-certificate": "client-certificate-data",
    "client-key": "client-key-data",
    "tokenFile": "token",
}


def unusable(kubeconfig: Mapping[str, Any], option: str) -> list[str]:
    """Return a sentence for each such key of its current context; ``option`` is where it was given."""
    context = _named(kubeconfig.get("contexts"), kubeconfig.get("current-context"), "context")
    return [
        sentence
        for plural, kind in (("clusters", "cluster"), ("users", "user"))
        for sentence in _told(
            _named(kubeconfig.get(plural), context.get(kind), kind), f"{option} has {plural}.{context.get(kind)}"
        )
    ]


def _told(part: Mapping[str, Any], where: str) -> Iterator[str]:
    for key in _PROGRAMS:
        if part.get(key):
            yield (
                f"{where}.{key}, a program that the pod of duros-controller does not have: give an access with a token "
                "or a certificate of its own in duros_controller_target_access."
            )
    for key, inline in _FILES.items():
        # what is given besides in the text itself counts
        if part.get(key) and not part.get(inline) and not str(part[key]).startswith(_MOUNTED):
            yield (
                f"{where}.{key}, a file that the pod of duros-controller does not have: give its content, as {inline}."
            )


def _named(entries: Any, name: Any, kind: str) -> Mapping[str, Any]:
    """Return what belongs to a name in a list of a kubeconfig, nothing if it is not there."""
    several: Sequence[Any] = entries if isinstance(entries, list) else []
    for one in several:
        if isinstance(one, Mapping) and one.get("name") == name and isinstance(one.get(kind), Mapping):
            found: Mapping[str, Any] = one[kind]
            return found
    return {}
