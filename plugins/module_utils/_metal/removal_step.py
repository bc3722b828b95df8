# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that frees or deletes something. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Callable

from .._reconcile import Step


def removal_step(generation: str, sentence: str, run: Callable[[], object]) -> Step:
    """Return it. v2 answers before it has freed or deleted anything: a task of its own does it later."""
    return Step(sentence, run, missing_ok=True, queued=generation == "v2")
