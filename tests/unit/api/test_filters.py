# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters about networks, addresses, images and sizes."""

from __future__ import annotations

import importlib
import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_v1 import from_v1
from ansible_collections.metalstack.provisioning.plugins.plugin_utils import _address_plan
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_facts import facts_of
from tests.conftest import ROOT

from .ansible_process import ansible_process

_FILTERS = "ansible_collections.metalstack.provisioning.plugins.filter"


def use(name: str, *arguments: Any, **options: Any) -> Any:
    """Call a filter as Ansible does."""
    return importlib.import_module(f"{_FILTERS}.{name}").FilterModule().filters()[name](*arguments, **options)


def fails(name: str, *arguments: Any, **options: Any) -> str:
    with pytest.raises(AnsibleFilterError) as caught:
        use(name, *arguments, **options)
    return str(caught.value)


# --- networks ---


def _v1(name: str, kind: str, *ips: str) -> dict[str, Any]:
    return {"networkid": name, "networktype": kind, "ips": list(ips), "vrf": 1, "asn": 4210000001, "prefixes": None}


FIREWALL: dict[str, Any] = {
    "id": "m",
    "allocation": {
        "project": "p",
        "role": "firewall",
        "networks": [
            _v1("tenant", "privateprimaryunshared", "10.0.0.1"),
            _v1("storage", "privatesecondaryshared", "fd00::7", "10.131.0.7"),
            _v1("internet", "external", "212.34.83.1"),
            _v1("underlay", "underlay", "10.1.0.1"),
        ],
    },
}
FORMS = {
    "machine of v1": FIREWALL,
    "allocation of v1": FIREWALL["allocation"],
    "networks of v1": FIREWALL["allocation"]["networks"],
    "machine of metal_machine_info": from_v1(FIREWALL).as_dict(),
    "hostvars": facts_of(FIREWALL, bmc=False),
    "metal_networks": facts_of(FIREWALL, bmc=False)["metal_networks"],
}


@pytest.mark.parametrize("form", FORMS)
def test_networks_of_all_forms_are_equal(form: str) -> None:
    found = use("metal_networks", FORMS[form])
    assert found == FORMS["metal_networks"]
    assert [network["network"] for network in found] == ["tenant", "storage", "internet", "underlay"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("external", ["internet"]),
        ("private", ["tenant", "storage"]),
        ("shared", ["storage"]),
        (["underlay", "privateprimaryunshared"], ["tenant", "underlay"]),
        ([], []),
    ],
    ids=str,
)
def test_networks_by_kind(kind: Any, expected: list[str]) -> None:
    assert [network["network"] for network in use("metal_networks", FIREWALL, kind)] == expected


@pytest.mark.parametrize(
    "free", [{"id": "m", "allocation": None}, facts_of({"id": "m"}, bmc=False), {"networks": None}]
)
def test_free_machine_has_no_networks(free: object) -> None:
    assert use("metal_networks", free) == []


@pytest.mark.parametrize("wrong", [None, "text", 5, {"a": 1}, [5], [{"x": 1}], [_v1("n", "external") | {"ips": [5]}]])
def test_what_has_no_networks_is_refused(wrong: object) -> None:
    assert "network" in fails("metal_networks", wrong)


def test_unknown_kind() -> None:
    assert fails("metal_networks", FIREWALL, "extern").startswith(
        "kind has 'extern'; it must be one of private, shared"
    )


@pytest.mark.parametrize("form", FORMS)
def test_storage_address(form: str) -> None:
    machine = FORMS[form]
    assert use("metal_storage_address", machine) == "fd00::7"
    assert use("metal_storage_address", machine, family="ipv4") == "10.131.0.7"
    assert use("metal_storage_address", machine, "internet") == "212.34.83.1"


def test_no_storage_address() -> None:
    assert fails("metal_storage_address", FIREWALL, "x") == "The machine has no address in the network 'x'."
    networks = FIREWALL["allocation"]["networks"][:1]
    assert fails("metal_storage_address", networks) == "The machine has no address in a private shared network."
    assert "of the family ipv6 in the network 'internet'" in fails(
        "metal_storage_address", FIREWALL, "internet", family="ipv6"
    )
    assert use("metal_storage_address", networks, default=None) is None
    assert "family is 'v6'" in fails("metal_storage_address", FIREWALL, family="v6")
    assert "has the IP 'x', which is none" in fails("metal_storage_address", [_v1("n", "external", "x")], "n")


# --- images ---

IMAGES = [
    {"id": "ubuntu-24.04.20250101", "features": ["machine"], "classification": "deprecated"},
    {"id": "ubuntu-24.04.20251010", "features": ["machine"], "classification": "supported"},
    {"id": "ubuntu-24.04.20259999", "features": ["machine"], "expiration_date": "2020-01-01T00:00:00Z"},
    {"id": "ubuntu-24.10.20260101", "features": ["machine"], "classification": "preview"},
    {"id": "firewall-ubuntu-3.0.20250101", "features": ["firewall"], "expirationDate": "2099-01-01T00:00:00Z"},
    {"id": "not an image"},
]


@pytest.mark.parametrize(
    ("shorthand", "options", "expected"),
    [
        ("ubuntu-24.04", {}, "ubuntu-24.04.20251010"),
        ("ubuntu-24.4", {}, "ubuntu-24.04.20251010"),
        ("ubuntu-24.04.20250101", {}, "ubuntu-24.04.20250101"),
        ("ubuntu-24.04", {"expired": True}, "ubuntu-24.04.20259999"),
        ("ubuntu-24.04", {"classification": "deprecated"}, "ubuntu-24.04.20250101"),
        ("ubuntu-24.04", {"classification": ["deprecated", "supported"]}, "ubuntu-24.04.20251010"),
        ("firewall-ubuntu-3.0", {"feature": "firewall"}, "firewall-ubuntu-3.0.20250101"),
    ],
    ids=str,
)
def test_latest_image(shorthand: str, options: dict[str, Any], expected: str) -> None:
    assert use("metal_latest_image", shorthand, IMAGES, **options) == expected
    assert use("metal_latest_image", shorthand, IMAGES[::-1], **options) == expected


def test_latest_image_of_ids() -> None:
    assert use("metal_latest_image", "debian-12.0", ["debian-12.0.1", "debian-12.0.2"]) == "debian-12.0.2"


def test_no_latest_image() -> None:
    assert fails("metal_latest_image", "ubuntu-22.04", IMAGES) == (
        "There is no image 'ubuntu-22.04' among the 6 given that may be used."
    )
    assert use("metal_latest_image", "ubuntu-24.04", IMAGES, feature="firewall", default="none") == "none"
    assert "is neither the id of an image nor a shorthand" in fails("metal_latest_image", "ubuntu", IMAGES)
    assert "is neither the id of an image nor a shorthand" in fails("metal_latest_image", None, IMAGES)
    assert "images is not a list" in fails("metal_latest_image", "ubuntu-24.04", "ubuntu-24.04.1")


# --- addresses ---


def test_address_plan_keeps_what_exists() -> None:
    plan = use(
        "metal_address_plan",
        ["server-1", "server-2", "server-3"],
        "10.131.0.0/22",
        existing={"server-2": "10.131.0.7", "gone": "10.131.0.11", "unset": None},
        exclude=["10.131.0.1-10.131.0.9", "10.131.0.12", "10.131.0.16/28", "fd00::/64"],
    )
    assert plan == {"server-1": "10.131.0.10", "server-2": "10.131.0.7", "server-3": "10.131.0.13"}
    assert list(plan) == ["server-1", "server-2", "server-3"]


@pytest.mark.parametrize(
    ("prefix", "options", "expected"),
    [
        ("10.0.0.0/30", {}, ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.0/31", {}, ["10.0.0.0", "10.0.0.1"]),
        ("fd00::/64", {}, ["fd00::1", "fd00::2"]),
        ("fd00::/126", {"first": "fd00::2"}, ["fd00::2", "fd00::3"]),
        ("10.0.0.0/8", {"exclude": "10.0.0.0/9"}, ["10.128.0.0", "10.128.0.1"]),
        ("10.0.0.0/24", {"first": "10.0.0.100"}, ["10.0.0.100", "10.0.0.101"]),
    ],
    ids=str,
)
def test_address_plan_of_prefixes(prefix: str, options: dict[str, Any], expected: list[str]) -> None:
    assert list(use("metal_address_plan", ["a", "b"], prefix, **options).values()) == expected


@pytest.mark.parametrize(
    ("names", "prefix", "options", "sentence"),
    [
        (["a", "b", "c"], "10.0.0.0/30", {}, "The prefix 10.0.0.0/30 has no address left for 'c'."),
        (["a", "a"], "10.0.0.0/30", {}, "The names have 'a' more than once."),
        ("a", "10.0.0.0/30", {}, "The names are not a list of texts."),
        (["a"], "10.0.0.1/30", {}, "The prefix is '10.0.0.1/30', which is not one like 10.131.0.0/22"),
        (["a"], "10.0.0.0", {}, "The prefix is '10.0.0.0'"),
        (["a"], "x", {}, "The prefix is 'x'"),
        (["a"], "10.0.0.0/24", {"existing": {"b": "10.0.1.1"}}, "existing of 'b' is 10.0.1.1, which is not in"),
        (["a"], "10.0.0.0/24", {"existing": {"a": "x"}}, "existing of 'a' is 'x', which is not an address."),
        (["a"], "10.0.0.0/24", {"existing": ["a"]}, "existing is not a dictionary"),
        (
            ["a"],
            "10.0.0.0/24",
            {"existing": {"a": "10.0.0.1", "b": "10.0.0.1"}},
            "existing has 10.0.0.1 for 'a' and for 'b'.",
        ),
        (["a"], "10.0.0.0/24", {"exclude": ["x"]}, "exclude has 'x', which is neither an address, nor a prefix"),
        (["a"], "10.0.0.0/24", {"exclude": ["10.0.0.9-10.0.0.1"]}, "exclude has '10.0.0.9-10.0.0.1'"),
        (["a"], "10.0.0.0/24", {"first": "10.0.1.0"}, "first is 10.0.1.0, which is not in the prefix"),
    ],
    ids=str,
)
def test_address_plan_refuses(names: Any, prefix: str, options: dict[str, Any], sentence: str) -> None:
    assert sentence in fails("metal_address_plan", names, prefix, **options)


@given(
    st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=20),
    st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=20),
    st.sets(st.integers(0, 255), max_size=100),
)
def test_address_plan_never_gives_twice_and_keeps_its_own(old: list[str], new: list[str], excluded: set[int]) -> None:
    exclude = [f"10.0.0.{number}" for number in sorted(excluded)]
    first = use("metal_address_plan", old, "10.0.0.0/24", exclude=exclude)
    second = use("metal_address_plan", new, "10.0.0.0/24", existing=first, exclude=exclude)
    assert {name: second[name] for name in new if name in first} == {name: first[name] for name in new if name in first}
    everything = {**first, **second}
    assert len(set(everything.values())) == len(everything)
    assert not set(everything.values()) & {*exclude, "10.0.0.0", "10.0.0.255"}
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network("10.0.0.0/24") for one in everything.values())
    assert use("metal_address_plan", new, "10.0.0.0/24", existing=everything, exclude=exclude) == second


def test_missing_netaddr_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_address_plan, "netaddr", None)
    assert "needs the Python package netaddr" in fails("metal_address_plan", ["a"], "10.0.0.0/24")


# --- sizes ---


@pytest.mark.parametrize(
    ("size", "number"), [("1.5 TiB", 1649267441664), ("10G", 10**10), ("10gib", 10 * 2**30), (7, 7), ("0", 0)]
)
def test_size_to_bytes(size: object, number: int) -> None:
    assert use("size_to_bytes", size) == number


@pytest.mark.parametrize("wrong", ["", "ten", "5 parsecs", -1, None, True, [1], 1.5])
def test_wrong_sizes(wrong: object) -> None:
    assert "The size is " in fails("size_to_bytes", wrong)


@pytest.mark.parametrize(
    ("number", "size"), [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1649267441664, "1536GiB"), ("2048", "2KiB")]
)
def test_bytes_to_size(number: object, size: str) -> None:
    assert use("bytes_to_size", number) == size


def test_bytes_to_size_for_people() -> None:
    assert use("bytes_to_size", 1649267441664, rounded=True) == "1.5 TiB"


@pytest.mark.parametrize("wrong", ["1k", "x", -1, None, True, 1.5])
def test_wrong_bytes(wrong: object) -> None:
    assert "The number of bytes is " in fails("bytes_to_size", wrong)


@given(st.integers(0, 2**62))
def test_sizes_there_and_back(number: int) -> None:
    assert use("size_to_bytes", use("bytes_to_size", number)) == number


# --- their documentation ---


def test_examples_are_what_ansible_computes(tmp_path: Path) -> None:
    """Each example of one expression with its result in a comment is tried."""
    tried = 0
    with ansible_process(tmp_path) as ansible:
        for name in ("size_to_bytes", "bytes_to_size", "metal_address_plan"):
            lines = importlib.import_module(f"{_FILTERS}.{name}").EXAMPLES
            for example in lines.split("\n- ")[:]:
                comment = [line.strip()[2:] for line in example.splitlines() if line.strip().startswith("# ")]
                if not comment:
                    continue
                (task,) = yaml.safe_load(example if example.strip().startswith("- ") else f"- {example}")
                result = ansible.template(task["ansible.builtin.debug"]["msg"], environ={}).result
                assert str(result) == str(yaml.safe_load(comment[-1]))
                tried += 1
    assert tried == 4


def test_each_filter_has_its_documentation() -> None:
    for path in sorted((ROOT / "plugins/filter").glob("*.py")):
        module = importlib.import_module(f"{_FILTERS}.{path.stem}")
        documentation = yaml.safe_load(module.DOCUMENTATION)
        assert documentation["name"] == path.stem
        assert list(module.FilterModule().filters()) == [path.stem]
        assert yaml.safe_load(module.EXAMPLES) and yaml.safe_load(module.RETURN)["_value"]
