# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user wants of a machine, in one spelling."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import image_matches
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.label_tags import (
    label_tags,
    labels_to_tags,
    merged_label_tags,
    tags_to_labels,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine import (
    SYSTEM_TAGS,
    decode_user_data,
    user_data_digest,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_wish import (
    Wish,
    merged_tags,
    own_tags,
    wish_from,
)
from tests.unit.api.machine_world import KEY


def wish(**options: Any) -> Wish:
    return wish_from({"name": "one", "project": "p", **options}, "machine")


@pytest.mark.parametrize(
    ("wanted", "actual", "same"),
    [
        ("ubuntu-24.04", "ubuntu-24.04.20251010", True),
        ("ubuntu-24.4", "ubuntu-24.04.20251010", True),
        ("ubuntu-24.04.20251010", "ubuntu-24.04.20251010", True),
        ("ubuntu-24.04.20251010", "ubuntu-24.04.20251111", False),
        ("ubuntu-24", "ubuntu-24.04.20251010", False),
        ("ubuntu-24.04", "ubuntu-24.10.20251010", False),
        ("ubuntu-24.04", "firewall-ubuntu-24.04.20251010", False),
        ("ubuntu-24.04", "", False),
    ],
)
def test_a_short_image_is_any_of_its_version(wanted: str, actual: str, same: bool) -> None:
    assert image_matches(wanted, actual) is same


@given(st.text(min_size=1))
def test_user_data_arrives_as_it_was_given(data: str) -> None:
    sent = wish(user_data=data).user_data
    assert sent is not None
    arrived = base64.b64decode(sent, validate=True)
    # what looks like base64 is taken for it
    assert arrived in (data.encode(), decode_user_data(data))
    assert base64.b64encode(arrived).decode() == sent or arrived == decode_user_data(data)


def test_defect_23_user_data_is_sent_in_base64_once() -> None:
    raw = "#cloud-config\nwrite_files: []\n"
    encoded = base64.b64encode(raw.encode()).decode()
    assert wish(user_data=raw).user_data == wish(user_data=encoded).user_data == encoded
    wrapped = base64.encodebytes(raw.encode() * 9).decode()
    assert wish(user_data=wrapped).user_data == base64.b64encode(raw.encode() * 9).decode()
    assert wish(user_data=raw).value("user_data") == user_data_digest(encoded)
    assert raw not in repr(wish(user_data=raw)) and encoded not in repr(wish(user_data=raw))


TAG = st.from_regex(r"[abc](=[xyz])?", fullmatch=True)
SYSTEM = st.sampled_from([f"{name}=1" for name in SYSTEM_TAGS])


@given(st.lists(st.one_of(TAG, SYSTEM)), st.lists(TAG, unique_by=lambda tag: (tag.partition("=")[0], "=" in tag)))
def test_merged_tags_have_the_wanted_and_keep_the_others(tags: list[str], wanted: list[str]) -> None:
    merged = merged_tags(tags, wanted)
    assert set(wanted) <= set(merged)
    assert not set(merged) & {f"{name}=1" for name in SYSTEM_TAGS}
    replaced = {tag.partition("=")[0] for tag in wanted if "=" in tag}
    for tag in own_tags(tags):
        key, equals, _value = tag.partition("=")
        assert tag in merged or (equals and key in replaced)
    assert merged_tags(merged, wanted) == merged


@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.from_regex(r"[a-z]{0,3}", fullmatch=True)))
def test_labels_survive_as_tags(labels: dict[str, str]) -> None:
    assert tags_to_labels(labels_to_tags(labels)) == labels


LABEL = st.from_regex(r"[abc](=[xyz]{0,2}=?)?", fullmatch=True)


@given(st.lists(LABEL), st.lists(LABEL, unique_by=lambda tag: tag.partition("=")[0]))
def test_tags_of_v2_come_to_rest(kept: list[str], wanted: list[str]) -> None:
    merged = merged_label_tags(kept, label_tags("tags", wanted))
    assert labels_to_tags(tags_to_labels(merged)) == merged
    assert merged_label_tags(merged, label_tags("tags", wanted)) == merged
    assert set(label_tags("tags", wanted)) <= set(merged)
    assert {tag.partition("=")[0] for tag in merged} == {tag.partition("=")[0] for tag in [*kept, *wanted]}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"project": None}, "project is missing"),
        ({"size": ""}, "size is empty"),
        ({"image": "24.04"}, "image: '24.04' is not an image id"),
        ({"tags": [""]}, "tags has an empty tag"),
        ({"tags": ["a=1", "a=2"]}, "more than one value for a"),
        ({"tags": ["machine.metal-stack.io/rack=r"]}, "only the metal-api sets"),
        ({"ssh_public_keys": [KEY, "ssh-ed25519 abc"]}, "number 2 is no public key"),
        ({"ssh_public_keys": ["ssh-rsa"]}, "number 1 is no public key"),
        ({"dns_servers": ["192.0.2.1"] * 4}, "dns_servers has 4 servers; 3 is the most"),
        ({"dns_servers": ["ns.example.com"]}, "dns_servers is 'ns.example.com', which is not an IP address"),
        ({"ntp_servers": ["a"] * 6}, "ntp_servers has 6 servers; 5 is the most"),
        ({"ntp_servers": ["a b"]}, "ntp_servers has 'a b'"),
        ({"networks": [{"network": "n", "ips": ["1.2.3"]}]}, "networks: ips is '1.2.3'"),
        ({"networks": [{"network": "n", "ips": ["10.0.0.1"], "auto": True}]}, "leave auto or ips out"),
    ],
)
def test_what_cannot_be_has_a_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        wish(**options)
    assert says in str(caught.value)


def test_addresses_turn_auto_off() -> None:
    networks = wish(networks=[{"network": "n", "ips": ["2001:DB8::1"]}, {"network": "m"}]).networks
    assert networks is not None
    assert [(one.ips, one.auto) for one in networks] == [(("2001:db8::1",), False), ((), True)]
