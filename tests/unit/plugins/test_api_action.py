# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a module that ran in the controller."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible.module_utils.common.parameters import remove_values
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._api_action import without_secrets

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.sets(st.text(min_size=1), max_size=3))
def test_secrets_are_removed_as_ansible_does_it(done: dict[str, Any], secrets: set[str]) -> None:
    assert without_secrets(done, secrets) == remove_values(done, secrets)


@pytest.mark.parametrize("secret", ['a"b', "a\\b", "a\nb", "\u00e4\u2028", "\x7f\x1f", "42"])
def test_secrets_that_json_writes_differently(secret: str) -> None:
    found = without_secrets({"msg": f"so {secret} it is", "list": [{"x": secret}], "number": 142}, {secret})
    assert secret not in str(found["msg"])
    assert found["list"] == [{"x": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}]
    assert found["number"] == (142 if secret != "42" else "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")


def test_what_json_cannot_write_is_cleaned_as_well() -> None:
    now = datetime.now(timezone.utc)
    found = without_secrets({"at": now, "word": "secret"}, {"secret"})
    assert found == {"at": now, "word": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}


def test_it_is_as_of_a_module() -> None:
    assert without_secrets({"numbers": {1: (2, 3)}}, set()) == {"numbers": {"1": [2, 3]}}


class Tagged(str):
    """Text as ansible-core has it, with what it knows of where the text is from."""


@pytest.mark.parametrize("thing", [Tagged("a"), {Tagged("a"): 1}, [["b", Tagged("a")]], (1, ["a"]), {"deep": [{1: 2}]}])
def test_only_what_json_gives_back_stays_as_it_is(thing: object) -> None:
    """Deep within, beside what stays, and whether there are secrets or not."""
    for secrets in (set(), {"secret"}):
        found = without_secrets({"plain": [1.5, None, True, "a"], "thing": thing}, secrets)
        assert found == {"plain": [1.5, None, True, "a"], "thing": json.loads(json.dumps(thing))}
        assert types(found) <= {dict, list, str, int, float, bool, type(None)}


@pytest.mark.parametrize(("number", "secret"), [(142, "42"), (-1.5, "-1."), (1e-07, "1e-0"), ([{"x": 5}], "5")])
def test_a_number_is_a_secret_as_well(number: object, secret: str) -> None:
    assert without_secrets({"x": number}, {secret}) == remove_values({"x": number}, {secret}) != {"x": number}


def types(thing: object) -> set[type]:
    """The types of a thing and of everything in it, keys as well."""
    within = [*thing, *thing.values()] if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()
    return {type(thing)}.union(*map(types, within))
