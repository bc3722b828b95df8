# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module takes, put together from parts. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Group = tuple[str, ...]


@dataclass(frozen=True)
class ArgumentSpec:
    """Options as Ansible's argument_spec has them, and the rules between them. ``a + b`` has those of both."""

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mutually_exclusive: tuple[Group, ...] = ()
    required_together: tuple[Group, ...] = ()
    required_one_of: tuple[Group, ...] = ()
    required_if: tuple[tuple[Any, ...], ...] = ()
    required_by: Mapping[str, Any] = field(default_factory=dict)

    def __add__(self, other: ArgumentSpec) -> ArgumentSpec:
        """Return the parts of both; raises ValueError when an option is in both."""
        twice = set(self.options) & set(other.options)
        if twice:
            raise ValueError(f"the options {sorted(twice)} are there twice")
        return ArgumentSpec(
            {**self.options, **other.options},
            self.mutually_exclusive + other.mutually_exclusive,
            self.required_together + other.required_together,
            self.required_one_of + other.required_one_of,
            self.required_if + other.required_if,
            {**self.required_by, **other.required_by},
        )

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of AnsibleModule and of ArgumentSpecValidator."""
        options = {name: dict(option) for name, option in self.options.items()}
        rules = {rule.name: getattr(self, rule.name) for rule in fields(self) if rule.name != "options"}
        return {"argument_spec": options, **{name: value for name, value in rules.items() if value}}
