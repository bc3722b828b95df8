# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookups metal and release, in Ansible's templates."""

from __future__ import annotations

import hashlib
import http.server
import importlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils import _release_vector
from tests.emulators.metal_api.process import MetalApi

from .ansible_process import AnsibleProcess, PluginError, ansible_process
from .machine_list import machine_list

IMAGE = "ubuntu-24.04.20251010"
VPN_KEY = "vpn-key-of-nobody"
STATE: dict[str, Any] = {
    "projects": [{"id": "p1", "name": "storage", "tenant_id": "metal-stack"}],
    "partitions": [
        {"id": name, "name": name, "bootconfig": {"imageurl": "http://i", "kernelurl": "http://k", "commandline": ""}}
        for name in ("fra-equ01", "fra-equ02")
    ],
    "sizes": [{"id": "s1", "name": "small"}, {"id": "s2", "name": "large"}],
    "images": [{"id": IMAGE, "url": "http://images.example.com/u"}, {"id": "debian-12.0.1", "url": "http://d"}],
    "networks": [
        {"id": "super", "name": "super", "partitionid": "fra-equ01", "prefixes": ["10.0.0.0/16"], "privatesuper": True},
        {"id": "n1", "name": "one", "partitionid": "fra-equ01", "projectid": "p1", "prefixes": ["10.0.4.0/22"]},
        {
            "id": "n2",
            "name": "two",
            "partitionid": "fra-equ01",
            "projectid": "p1",
            "prefixes": ["10.0.8.0/22"],
            "shared": True,
        },
    ],
    "ips": [{"ipaddress": "10.0.4.9", "networkid": "n1", "projectid": "p1", "name": "vip", "tags": ["a=b"]}],
    "machines": [
        {"id": "m-free", "partition": "fra-equ01", "size": "s1", "state": {"value": "RESERVED", "description": "x"}},
        {
            "id": "m-fw",
            "partition": "fra-equ01",
            "size": "s1",
            "tags": ["edge"],
            "allocation": {
                "project": "p1",
                "image": IMAGE,
                "name": "{{ 7*7 }}",
                "role": "firewall",
                "vpn": {"address": "100.64.0.1", "auth_key": VPN_KEY, "connected": True},
            },
        },
    ],
    "switches": [{"id": "leaf01", "rack_id": "r1", "partition_id": "fra-equ01"}],
    "filesystem_layouts": [{"id": "default", "name": "default"}],
}


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsibleProcess]:
    with ansible_process(tmp_path_factory.mktemp("home")) as process:
        yield process


class Lookups:
    """Evaluates templates with the lookup metal."""

    def __init__(self, ansible: AnsibleProcess, url: str) -> None:
        self._ansible = ansible
        self.environ = {"METALCTL_API_URL": url, "METALCTL_HMAC": "metal-view"}

    def query(self, arguments: str, **variables: object) -> Any:
        return self.evaluate(f"{{{{ query('metalstack.provisioning.metal', {arguments}) }}}}", **variables)

    def evaluate(self, text: str, **variables: object) -> Any:
        return self._ansible.template(text, environ=self.environ, **variables).result

    def ids(self, arguments: str) -> list[str]:
        return sorted(item.get("id") or item.get("ipaddress") or item["meta"]["id"] for item in self.query(arguments))

    def fails(self, arguments: str, **variables: object) -> str:
        with pytest.raises(PluginError) as caught:
            self.query(arguments, **variables)
        assert "Traceback" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def metal(ansible: AnsibleProcess, api: MetalApi) -> Lookups:
    api.control.replace_state(**STATE)
    return Lookups(ansible, api.v1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'search', 'partition'", ["fra-equ01", "fra-equ02"]),
        ("'search', 'partition', id='fra-equ02'", ["fra-equ02"]),
        ("'search', 'size', name='large'", ["s2"]),
        ("'search', 'image'", ["debian-12.0.1", IMAGE]),
        ("'search', 'image', os='debian'", ["debian-12.0.1"]),
        ("'search', 'network', projectid='p1'", ["n1", "n2"]),
        ("'search', 'network', projectid='p1', shared=true", ["n2"]),
        ("'search', 'network', projectid='p1', shared=false", ["n1"]),
        ("'search', 'network', shared=true", ["n2"]),
        ("'search', 'network', networktype='super'", ["super"]),
        ("'search', 'network', name='nobody'", []),
        ("'search', 'ip', networkid='n1', tags=['a=b']", ["10.0.4.9"]),
        ("'search', 'ip', _networkid='n1'", ["10.0.4.9"]),
        ("'search', 'machine'", ["m-free", "m-fw"]),
        ("'search', 'machine', tags='edge'", ["m-fw"]),
        ("'search', 'machine', state_value='RESERVED'", ["m-free"]),
        ("'search', 'machine', state_value=''", ["m-fw"]),
        ("'search', 'firewall'", ["m-fw"]),
        ("'search', 'project', name='storage'", ["p1"]),
        ("'search', 'switch', rackid='r1'", ["leaf01"]),
        ("'search', 'filesystemlayout', id='default'", ["default"]),
        ("'get', 'machine', 'm-free'", ["m-free"]),
        ("'get', 'firewall', 'm-fw'", ["m-fw"]),
        ("'get', 'partition', id='fra-equ01'", ["fra-equ01"]),
        ("'get', 'size', 's1', 's2'", ["s1", "s2"]),
        ("'get', 'ip', '10.0.4.9'", ["10.0.4.9"]),
        ("'get', 'network', 'n2'", ["n2"]),
        ("'get', 'project', 'p1'", ["p1"]),
        ("'get', 'switch', 'leaf01'", ["leaf01"]),
        ("'get', 'filesystemlayout', 'default'", ["default"]),
        (f"'get', 'image', '{IMAGE}'", [IMAGE]),
    ],
)
def test_get_and_search(metal: Lookups, arguments: str, expected: list[str]) -> None:
    assert metal.ids(arguments) == expected


def test_each_costs_one_request(metal: Lookups, api: MetalApi) -> None:
    api.control.forget_requests()
    metal.query("'search', 'network', projectid='p1', shared=true")
    assert api.control.counts() == {"POST /metal/v1/network/find 200": 1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("'get', 'machine', 'nobody'", "The metal-api has no machine 'nobody'."),
        ("'get', 'partition', 'nobody'", "The metal-api has no partition 'nobody'."),
        ("'get', 'machine'", "get takes the id of the machine and nothing else"),
        ("'get', 'machine', 'm-free', name='x'", "get takes the id of the machine and nothing else"),
        ("'search', 'server'", "'server' is nothing that the metal-api has; it has filesystemlayout, firewall,"),
        (
            "'search', 'size', partition='x'",
            "A size cannot be searched by 'partition', but by description, id, labels, name.",
        ),
        ("'search', 'machine', partition='x'", "A machine cannot be searched by 'partition', but by"),
        ("'search', 'network', vrf='x'", "search has vrf: 'x', but it must be a whole number."),
        ("'search', 'machine', 'x'", "The lookup metal takes 'get' or 'search'"),
        ("'find', 'machine'", "The lookup metal takes 'get' or 'search'"),
        ("'search'", "The lookup metal takes 'get' or 'search'"),
        ("'search', 'size', api_hmac='wrong-key'", "the HMAC key of Metal-View is not accepted (Wrong HMAC found)"),
        ("'search', 'size', api_url='nowhere'", "api_url is 'nowhere', which is not an address"),
    ],
)
def test_errors_are_sentences(metal: Lookups, arguments: str, sentence: str) -> None:
    message = metal.fails(arguments)
    assert sentence in message
    assert "wrong-key" not in message


def test_errors_of_the_api_are_ansible_errors(metal: Lookups, api: MetalApi) -> None:
    api.control.add_fault("status", status=500)
    assert "was answered with status 500" in metal.fails("'search', 'size', retries=0")


def test_null_list_is_empty(ansible: AnsibleProcess) -> None:
    with machine_list() as server:
        server.serve(None)
        assert Lookups(ansible, server.url).query("'search', 'project', name='x'") == []


def test_credentials_of_options_variables_and_environment(metal: Lookups, api: MetalApi) -> None:
    token = api.control.bearer()
    metal.environ = {"METALCTL_API_URL": api.v1, "METALCTL_HMAC": "wrong"}
    assert metal.query(f"'search', 'size', api_token='{token}'")
    assert metal.query("'search', 'size'", metal_api_token=token)
    assert metal.query("'search', 'size', api_hmac='metal-view'", metal_api_token="wrong")
    assert metal.query("'search', 'size', api_hmac=key, api_hmac_user='Metal-Edit'", key="metal-edit")
    metal.environ = {}
    assert "api_url is missing" in metal.fails("'search', 'size'")
    variables = {"metal_api_url": api.v1, "metal_api_hmac": "{{ key }}", "key": "metal-view"}
    assert metal.query("'search', 'size'", **variables)


def test_texts_of_the_api_are_never_templates_and_the_vpn_key_stays_away(metal: Lookups) -> None:
    found = metal.query("'get', 'machine', 'm-fw'")
    assert found[0]["allocation"]["name"] == "{{ 7*7 }}"
    assert found[0]["allocation"]["vpn"] == {"address": "100.64.0.1", "connected": True}
    assert VPN_KEY not in json.dumps([found, metal.query("'search', 'firewall'")])
    again = metal.evaluate("{{ other.allocation.name }}", other="{{ found[0] }}", found="{{ query" + _GET + " }}")
    assert again == "{{ 7*7 }}"


_GET = "('metalstack.provisioning.metal', 'get', 'machine', 'm-fw')"


def test_examples_work(metal: Lookups) -> None:
    module = importlib.import_module("ansible_collections.metalstack.provisioning.plugins.lookup.metal")
    seen = []
    for task in yaml.safe_load(module.EXAMPLES):
        text = task["until"] if "until" in task else task["ansible.builtin.debug"]["msg"]
        text = text if "{{" in text else f"{{{{ {text} }}}}"
        text = text.replace("'https://api.example.com/metal'", "url")
        variables = {**task.get("vars", {}), "metal_view_key": "metal-view", "url": metal.environ["METALCTL_API_URL"]}
        if "metal_api_url" in variables:
            variables["metal_api_url"] = metal.environ["METALCTL_API_URL"]
        result = metal.evaluate(text, **variables)
        seen.append([one["id"] for one in result] if result and isinstance(result[0], dict) else result)  # type: ignore[index]
    assert seen == [["m-free"], ["n2"], "http://i", False]


# --- release vectors ---

TAG = '"docker-images"."metal-stack"."control-plane"."metal-api".tag'


def vector(tag: str, **more: object) -> dict[str, Any]:
    images = {"metal-api": {"name": "ghcr.io/metal-stack/metal-api", "tag": tag}, **more}
    return {"docker-images": {"metal-stack": {"control-plane": images}}}


class Releases:
    """Evaluates templates with the lookup release."""

    def __init__(self, ansible: AnsibleProcess, folder: Path) -> None:
        self._ansible = ansible
        self.folder = folder

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)

    def ask(self, *sources: str, **options: object) -> Any:
        given = ", ".join([*map(repr, sources), *(f"{key}={value!r}" for key, value in options.items())])
        text = f"{{{{ lookup('metalstack.provisioning.release', {given}) }}}}"
        return self._ansible.template(text, environ={}).result

    def fails(self, *sources: str, **options: object) -> str:
        with pytest.raises(PluginError) as caught:
            self.ask(*sources, **options)
        assert "Traceback" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def releases(ansible: AnsibleProcess, tmp_path: Path) -> Releases:
    return Releases(ansible, tmp_path)


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    def handler(*arguments: Any) -> _Files:
        return _Files(*arguments, directory=str(tmp_path))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_release_with_query(releases: Releases) -> None:
    path = releases.file("release.yaml", vector("v0.44.1"))
    assert releases.ask(path, query=TAG) == "v0.44.1"
    assert releases.ask(path) == vector("v0.44.1")
    assert releases.ask(path, query='"docker-images".*.*.*.tag | []') == [["v0.44.1"]]


def test_later_release_vectors_win(releases: Releases) -> None:
    first = releases.file("a.yaml", vector("v1", other={"name": "o", "tag": "v5"}))
    second = releases.file(
        "b.yaml", {"docker-images": {"metal-stack": {"control-plane": {"metal-api": {"tag": "v2"}}}}}
    )
    merged = releases.ask(first, second)
    assert merged == vector("v2", other={"name": "o", "tag": "v5"})
    assert releases.ask(second, first, query=TAG) == "v1"


def test_release_from_an_address(releases: Releases, served: str) -> None:
    path = Path(releases.file("release.yaml", vector("v0.44.1")))
    url = f"{served}/release.yaml"
    checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert releases.ask(url, query=TAG, checksums={url: checksum}) == "v0.44.1"
    wrong = f"sha256:{'0' * 64}"
    assert f"has the checksum {checksum}, but {wrong} was expected" in releases.fails(url, checksums={url: wrong})
    assert "is not protected on its way" in releases.fails(url)
    missing = f"{served}/missing.yaml"
    assert "was answered with status 404" in releases.fails(missing, checksums={missing: wrong})
    assert "is not one like sha256:" in releases.fails(url, checksums={url: "md5:0"})


def test_checksum_of_a_file(releases: Releases) -> None:
    path = releases.file("release.yaml", vector("v1"))
    checksum = f"sha512:{hashlib.sha512(Path(path).read_bytes()).hexdigest()}"
    assert releases.ask(path, query=TAG, checksums={path: checksum}) == "v1"
    Path(path).write_text("{}")
    assert "but sha512:" in releases.fails(path, checksums={path: checksum})


def test_nothing_found(releases: Releases) -> None:
    path = releases.file("release.yaml", vector("v1"))
    assert "query is 'nothing', which finds nothing in the release vector." in releases.fails(path, query="nothing")
    assert releases.ask(path, query="nothing", default="v0") == "v0"


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("a: [", {}, "is not YAML (line "),
        ("- a", {}, "is YAML, but not a dictionary"),
        ("", {}, "is YAML, but not a dictionary"),
        ("a: !!python/object/apply:os.system [true]", {}, "is not YAML"),
        ("a: 1", {"query": "a["}, "query is 'a[', which fails as JMESPath"),
        ("a: 1", {"query": "nofunction(a)"}, "which fails as JMESPath"),
        ("a: 1", {"checksums": {"other": "sha256:0"}}, "checksums has 'other', which is not read."),
    ],
)
def test_release_errors_are_sentences(releases: Releases, content: str, options: dict[str, Any], sentence: str) -> None:
    assert sentence in releases.fails(releases.file("release.yaml", content), **options)


def test_sources_that_cannot_be_read(releases: Releases) -> None:
    assert "nowhere.yaml is neither a file that can be found nor an address." in releases.fails("nowhere.yaml")
    assert "oci://ghcr.io/x cannot be read" in releases.fails("oci://ghcr.io/x")
    assert "takes at least one file or address" in releases.fails()


def test_missing_jmespath_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(_release_vector.importlib, "import_module", missing)
    with pytest.raises(UsageError, match="needs the Python package jmespath"):
        _release_vector.ask({}, "a")
