# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says of a partition: what does not fit together, what could not be asked, and nothing of it as HTML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._report.page import PARTS, page
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._report.topology import WIDTH, topology
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._report.words import ago, moment, shortened

from .asked import CLUSTER, FILES, TIME, asked, cache_host, cached
from .rendered import TEMPLATE, render


def found(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What needs attention: how bad, which part, sentence."""
    return [(one["state"], one["id"], one["text"]) for one in page(data)["attention"]]


class Elements(HTMLParser):
    """The elements of a document with the names of their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _value in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_partition_that_is_well_says_so() -> None:
    data = page(asked())
    assert (data["headline"], data["state"], data["attention"], data["unasked"]) == ("All is well", "ok", [], [])
    assert {name: one["state"] for name, one in data["parts"].items()} == {
        **dict.fromkeys(PARTS, "ok"),
        "versions": "unknown",
    }
    assert [(one["figure"], one["unit"], one["detail"]) for one in data["tiles"]] == [
        ("5", "storage servers", "2 firewalls of tenants, 1 client"),
        ("2.0 GiB", "in 5 files", "2 cache hosts"),
        ("healthy", "69.4 % free", "5 servers, 5 nodes"),
        ("3", "storage classes", "1 Duros resource"),
        ("1", "token", "next expires in 184 days"),
    ]
    assert data["parts"]["storage_network"]["described"] == (
        "5 storage servers in 3 racks, 2 firewalls and 1 client in the network; not in it: bank-firewall."
    )
    path = data["parts"]["image_cache"]["path"]
    assert (path["counts"], path["total"]) == ({"own": 3360, "other": 336, "store": 180}, 3876)
    assert {row["version"] for row in data["parts"]["versions"]["rows"] if row["what"] == "LightOS"} == {"3.12.1~b1"}


def spoil(data: dict[str, Any], where: str, value: Any) -> None:
    """Put a value at ``a.0.b``, or take it away when it is None."""
    *path, last = where.split("/")
    for step in path:
        data = data[int(step)] if isinstance(data, list) else data[step]
    if value is None:
        del data[last]
    else:
        data[last] = value


ENDPOINTS = [f"10.131.0.{number}:443" for number in range(11, 16)]
FINDINGS = [
    (
        "metal_api/networks",
        [],
        ("bad", "storage-network", 'The metal-api knows no network "storage" in this partition.'),
    ),
    (
        "metal_api/networks/0/shared",
        False,
        ("bad", "storage-network", 'The network "storage" is not shared: firewalls of other projects cannot join it.'),
    ),
    (
        "hosts/storage-2/facts/ansible_lan0_20/mtu",
        1500,
        ("warning", "storage-network", "The storage servers have different MTUs: 1500, 9000."),
    ),
    (
        "hosts/cache-2/status/sync",
        {"result": "failed", "reason": "It is cut off."},
        ("bad", "image-cache", "cache-2: the last run of image-cache-sync did not complete: It is cut off."),
    ),
    (
        "hosts/cache-2/status/files",
        [cached("images.metal-stack.io/a", "image", 1)],
        ("warning", "image-cache", "The cache hosts do not serve the same files: one of them lags behind."),
    ),
    (
        "hosts/cache-1/status/files/0/state",
        "damaged: it is short",
        ("bad", "image-cache", f"cache-1: {FILES[0]['file']} is damaged: it is short"),
    ),
    (
        "hosts/cache-1/status/sync/token_expires_at",
        "2026-11-28T14:00:00Z",
        ("bad", "credentials", "The token for metal-api, image-cache-sync (cache-1) has expired."),
    ),
    (
        "cluster/seen/health",
        {"ok": False, "problems": ["The server storage-2 is in the state Disabled."]},
        ("bad", "storage-cluster", "The server storage-2 is in the state Disabled."),
    ),
    (
        "cluster/seen/capacity/logical_free",
        1 << 40,
        ("warning", "storage-cluster", "Only 0.6 % of the capacity is free."),
    ),
    (
        "cluster_id",
        "another",
        ("bad", "storage-cluster", f"The API is that of the cluster {CLUSTER}, but lightos_cluster_id is another."),
    ),
    (
        "cluster/token/expires_at",
        "2026-12-03T15:00:00Z",
        ("warning", "credentials", "The token for Lightbits API, key system:root (controller) expires in 5 days."),
    ),
    (
        "kubernetes/storage_classes/0/parameters/mgmt-endpoint",
        ",".join([*ENDPOINTS, "10.9.9.9:443"]),
        ("warning", "kubernetes", "The storage class partition-gold names 10.9.9.9:443, which is not of the cluster."),
    ),
    (
        "kubernetes/storage_classes/0/parameters/mgmt-endpoint",
        ",".join(ENDPOINTS[:4]),
        ("warning", "kubernetes", "The storage class partition-gold does not name 10.131.0.15:443 of the cluster."),
    ),
    (
        "kubernetes/storage_classes",
        [],
        ("warning", "kubernetes", "There is no storage class of csi.lightbitslabs.com."),
    ),
    (
        "kubernetes/duros/0/status/reconcileStatus",
        {"error": "no route to host"},
        ("bad", "kubernetes", "duros-controller cannot reconcile duros/shoot-default-storage: no route to host"),
    ),
    (
        "kubernetes/duros/0/status",
        {},
        ("warning", "kubernetes", "duros-controller has not looked at duros/shoot-default-storage yet."),
    ),
    (
        "kubernetes/deployments/0/status",
        {},
        ("bad", "kubernetes", "The deployment duros/duros-controller has 0 of 1 ready."),
    ),
    (
        "kubernetes/deployments",
        [],
        ("bad", "kubernetes", "There are Duros resources, but no deployment duros-controller beside them."),
    ),
]


@pytest.mark.parametrize(("where", "value", "finding"), FINDINGS, ids=[one[2][2][:50] for one in FINDINGS])
def test_what_does_not_fit_is_found(where: str, value: Any, finding: tuple[str, str, str]) -> None:
    data = asked()
    spoil(data, where, value)
    assert finding in found(data)
    assert page(data)["state"] == finding[0] or finding[0] == "warning"
    assert Elements(render(data)).text.count(finding[2]) == 1


def test_what_was_not_asked_is_said_and_the_page_is_there() -> None:
    data = asked()
    data["hosts"]["storage-2"] = {**data["hosts"]["storage-2"], "failure": "timed out", "facts": None}
    data["hosts"]["cache-1"] = {**cache_host(1), "cache_failure": "no such program", "status": {}, "traffic": ""}
    data["metal_api"] = {"absent": "no address of it is known."}
    data["cluster"]["partly"] = "events are off"
    # which may be there, but may not be read
    data["kubernetes"] = {**data["kubernetes"], "deployments": [], "partly": "/apis/apps may not be read."}
    assert not any(text.startswith("There are Duros resources") for _state, _part, text in found(data))
    data["kubernetes"] = {"failure": "connection refused"}
    said = page(data)
    assert said["unasked"] == [
        "The metal-api was not asked: no address of it is known.",
        "The Lightbits API did not tell everything: events are off",
        "The Kubernetes API could not be asked: connection refused",
        "cache-1 did not tell everything about its cache: no such program",
        "storage-2 could not be reached: timed out",
    ]
    assert (said["headline"], said["state"]) == ("5 not asked", "warning")
    assert {name: one["state"] for name, one in said["parts"].items()} == {
        **dict.fromkeys(("storage_network", "image_cache", "storage_cluster"), "warning"),
        "kubernetes": "unknown",
        "credentials": "ok",
        "versions": "unknown",
    }
    text = Elements(render(data)).text
    # at the top, and at its part
    assert [text.count(sentence) for sentence in said["unasked"]] == [2] * 5
    [row] = [one for one in said["parts"]["storage_network"]["hosts"] if one["name"] == "storage-2"]
    assert (row["state"], row["word"]) == ("warning", "Enabled, not reached")


def test_page_without_anything_says_what_is_missing() -> None:
    data = {"partition": "fra-01", "time": TIME, "cluster": {"absent": "lightos_cluster_id is not set."}}
    text = Elements(render(data)).text
    assert "The inventory has no hosts in the group image_cache." in text
    assert "The Lightbits API was not asked: lightos_cluster_id is not set." in text
    assert "How requests were answered is not known." in text


def test_note_is_beside_its_part_and_one_that_belongs_nowhere_is_refused() -> None:
    data = {**asked(), "notes": {"storage_cluster": "emulated"}}
    assert re.search(r'Storage cluster</h2>\s*<span class="note"><span[^>]*>Note: </span>emulated</span>', render(data))
    with pytest.raises(
        UsageError, match='partition_report_notes has "lightbits", which is no part of the page: use storage_network,'
    ):
        page({**asked(), "notes": {"lightbits": "emulated"}})


def test_time_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="partition_report_time is no time like"):
        page({**asked(), "time": "yesterday"})


def everywhere(value: Any, added: str) -> Any:
    """Add something to every text of some data, but neither to keys nor to what says where something belongs."""
    if isinstance(value, dict):
        kept = ("groups", "time", "ansible_interfaces", "traffic", "result")
        return {key: one if key in kept else everywhere(one, added) for key, one in value.items()}
    if isinstance(value, list):
        return [everywhere(one, added) for one in value]
    return value + added if isinstance(value, str) else value


@pytest.mark.parametrize(
    "payload",
    ["<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "</title></svg><b>", "{{ 7 * 7 }}{% raw %}"],
)
def test_nothing_that_was_said_becomes_html(payload: str) -> None:
    """Elements and attributes are the same as with harmless texts of the same length."""
    harmless = "x" * len(payload)
    data = asked()
    data["hosts"]["storage-1"]["failure"] = data["hosts"]["cache-1"]["cache_failure"] = "broken"
    data["cluster"]["events"] = [{"severity": "High", "name": "e", "description": "d", "time": TIME}]
    data["cluster"]["seen"]["health"] = {"ok": False, "state": "Error", "problems": ["p"]}
    data["notes"] = {"kubernetes": "n"}
    bad, good = (Elements(render(everywhere(data, added))) for added in (payload, harmless))
    assert bad.tags == good.tags
    assert bad.open == []
    # it is there as text, so the test does not pass for want of it
    assert bad.text.count(payload) == good.text.count(harmless) > 50


def test_page_needs_nothing_from_elsewhere_and_has_no_script() -> None:
    parsed = Elements(render(asked()))
    assert {tag for tag, _names in parsed.tags} & {
        "script",
        "iframe",
        "object",
        "embed",
        "img",
        "base",
        "form",
    } == set()
    assert [name for _tag, name, _value in parsed.attributes if name.startswith("on")] == []
    links = [value for _tag, name, value in parsed.attributes if name in ("href", "src", "xlink:href")]
    assert [one for one in links if not one.startswith(("#", "data:,"))] == []
    assert "url(" not in TEMPLATE.read_text(encoding="utf-8")
    ids = [value for _tag, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {one[1:] for one in links if one.startswith("#")} <= set(ids)


def test_page_can_be_read_without_seeing_it() -> None:
    text = render(asked())
    parsed = Elements(text)
    assert [tag for tag, _names in parsed.tags if re.fullmatch("h[1-6]", tag)] == ["h1"] + ["h2"] * 6
    assert ("html", "lang", "en") in parsed.attributes
    pictures = re.findall(
        r'<svg class="(?:picture|bar)"[^>]*aria-labelledby="([^"]+)"[^>]*>\s*<title id="([^"]+)">([^<]+)', text
    )
    assert [(named.split()[0] == title, bool(words.strip())) for named, title, words in pictures] == [(True, True)] * 3
    assert len(re.findall(r'role="img"', text)) == 3
    # all others are beside a word
    assert len(re.findall("<svg", text)) == 3 + len(re.findall(r'<svg[^>]*aria-hidden="true"', text))
    tables = re.findall(r"<table>(.*?)</table>", text, re.DOTALL)
    assert [bool(re.search("<caption>.+</caption>", one)) for one in tables] == [True] * len(tables)
    assert re.findall(r"<th(?! scope=)[ >]", text) == []


NAMES = st.text("abc-", min_size=1, max_size=60)
CARDS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "lines": st.lists(NAMES, max_size=3),
        "state": st.just("ok"),
        "word": NAMES,
        "kind": st.just("server"),
        "joined": st.booleans(),
        "rack": st.sampled_from(["", "r1", "r2", "r3", "r4", "a-rack-with-a-long-name-" * 2]),
    }
)


@given(above=st.lists(CARDS, max_size=40), below=st.lists(CARDS, max_size=40))
@settings(deadline=None, max_examples=60)
def test_boxes_of_the_picture_do_not_overlap(above: list[dict[str, Any]], below: list[dict[str, Any]]) -> None:
    drawn = topology({"name": "n", "detail": "d"}, above, below)
    for boxes in (drawn["cards"], [*drawn["racks"], drawn["network"]]):
        for number, one in enumerate(boxes):
            assert one["x"] >= 0 and one["y"] >= 0
            assert one["x"] + one["w"] <= WIDTH and one["y"] + one["h"] <= drawn["height"]
            for other in boxes[number + 1 :]:
                assert (
                    one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                    or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
                )  # fmt: skip
    assert len(drawn["cards"]) + drawn["more"] == len(above) + len(below)
    assert {rack["title"] for rack in drawn["racks"]} == {one["rack"] or "rack not known" for one in below}


@given(text=NAMES, length=st.integers(4, 30))
def test_name_is_shortened_to_its_length(text: str, length: int) -> None:
    short = shortened(text, length)
    assert len(short) <= length
    assert short == text or ("…" in short and short[0] == text[0] and short[-1] == text[-1])


def test_machines_of_the_network_that_the_inventory_does_not_have_are_drawn() -> None:
    data = asked(3)
    machine = {"id": "m-4", "name": "storage-4", "role": "machine", "rack": "fra-01-rack04"}
    machine["networks"] = [{"network": data["metal_api"]["networks"][0]["id"], "ips": ["10.131.0.14"]}]
    data["metal_api"]["machines"].append(machine)
    [row] = [one for one in page(data)["parts"]["storage_network"]["hosts"] if one["name"] == "storage-4"]
    assert (row["rack"], row["lines"], row["word"]) == ("fra-01-rack04", ["10.131.0.14"], "not in the inventory")
    # the same machine as a host is there once
    data["hosts"]["storage-4"] = {
        "groups": ["storage_servers"],
        "machine": "m-4",
        "storage_addresses": ["10.131.0.14"],
        "facts": {},
    }
    assert [one["name"] for one in page(data)["parts"]["storage_network"]["hosts"]].count("storage-4") == 1


def test_hosts_are_in_the_order_of_their_numbers() -> None:
    data = asked(11)
    data["hosts"] = dict(sorted(data["hosts"].items(), reverse=True))
    names = [one["name"] for one in page(data)["parts"]["storage_network"]["hosts"]]
    assert names == [*(f"storage-{number}" for number in range(1, 12)), "client-1"]


def test_data_of_the_page_is_json() -> None:
    assert json.loads(json.dumps(page(asked())))["partition"] == "fra-01"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (TIME, "just now"),
        ("2026-11-28T13:00:00Z", "2 hours ago"),
        ("2026-11-27T14:00:00Z", "1 day ago"),
        ("soon", ""),
        (None, ""),
    ],
)
def test_how_long_ago_something_was(time: str | None, words: str) -> None:
    now = moment(TIME)
    assert now is not None
    assert ago(time, now) == words
