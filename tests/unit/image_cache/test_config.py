# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file: what it means, and one sentence for everything that is wrong with it."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._http import TlsOptions
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import (
    Config,
    ConfigError,
    Peer,
    Policy,
    SourceConfig,
    StoreConfig,
    domain_problem,
    load_config,
    parse_config,
)

FULL: dict[str, Any] = {
    "partition": "fra-01",
    "host": "cache-1",
    "source": {
        "api": "v1",
        "url": "https://api.example/metal/",
        "hmac_user": "Metal-View",
        "ca_path": "/etc/ssl/api.pem",
        "validate_certs": False,
        "timeout": 12.5,
    },
    "intercept_domains": ["Images.metal-stack.io", "github.com"],
    "store": {"ca_path": "/etc/ssl/store.pem", "timeout": 30, "allow_http": True, "bandwidth_limit": "10M"},
    "peers": [{"name": "cache-2", "url": "http://10.0.0.2:8089"}, {"name": "cache-3", "url": "http://[fd00::3]:8089/"}],
    "directory": "/srv/image-cache",
    "runtime_directory": "/run/image-cache-sync",
    "state_directory": "/var/lib/image-cache-sync",
    "policy": {
        "excludes": ["/pull_requests/"],
        "expiration_grace_days": 7,
        "min_images_per_name": 4,
        "max_images_per_name": 8,
        "max_cache_size": "100G",
    },
    "kernels": False,
    "boot_images": False,
    "boot_partitions": "all",
    "parallel": 8,
    "allow_empty": True,
    "generations": 5,
}
SHORT: dict[str, Any] = {
    "partition": "fra-01",
    "host": "cache-1",
    "source": {"api": "v2", "url": "http://v2.example:8080"},
    "intercept_domains": ["images.metal-stack.io"],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """FULL with one value replaced; the path is dotted, numbers are list positions."""
    result: Any = copy.deepcopy(FULL)
    *parents, last = path.split(".")
    place = result
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    assert isinstance(result, dict)
    return result


def refusal(data: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(data)
    return str(caught.value)


def test_everything_given() -> None:
    assert parse_config(FULL) == Config(
        partition="fra-01",
        host="cache-1",
        source=SourceConfig(
            api="v1",
            url="https://api.example/metal",
            hmac_user="Metal-View",
            tls=TlsOptions(ca_path="/etc/ssl/api.pem", validate_certs=False),
            timeout=12.5,
        ),
        intercept_domains=("images.metal-stack.io", "github.com"),
        store=StoreConfig(
            tls=TlsOptions(ca_path="/etc/ssl/store.pem"), timeout=30.0, allow_http=True, bandwidth_limit=10 * 1000**2
        ),
        peers=(Peer("cache-2", "http://10.0.0.2:8089"), Peer("cache-3", "http://[fd00::3]:8089")),
        directory=Path("/srv/image-cache"),
        runtime_directory=Path("/run/image-cache-sync"),
        state_directory=Path("/var/lib/image-cache-sync"),
        policy=Policy(("/pull_requests/",), timedelta(days=7), 4, 8, 100 * 1000**3),
        kernels=False,
        boot_images=False,
        boot_partitions="all",
        parallel=8,
        allow_empty=True,
        generations=5,
    )


def test_defaults() -> None:
    config = parse_config(SHORT)
    assert config.source == SourceConfig("v2", "http://v2.example:8080", "Metal-View", TlsOptions(), 10.0)
    assert config.store == StoreConfig(TlsOptions(), 30.0, False, None)
    assert config.peers == ()
    assert config.policy == Policy((), timedelta(0), 3, None, None)
    assert (config.kernels, config.boot_images, config.boot_partitions) == (True, True, "this")
    assert (config.parallel, config.allow_empty, config.generations) == (4, False, 3)
    assert config.directory == Path("/var/lib/image-cache")
    assert config.runtime_directory == Path("/run/image-cache-sync")
    assert config.state_directory == Path("/var/lib/image-cache-sync")


def test_certificates_of_the_store_are_always_checked() -> None:
    assert "validate_certs" in refusal(changed("store.validate_certs", False))


@pytest.mark.parametrize("value", [-1, "-1"])
def test_minus_one_is_no_maximum_size(value: object) -> None:
    assert parse_config(changed("policy.max_cache_size", value)).policy.max_cache_size is None


@pytest.mark.parametrize("key", ["partition", "host", "source", "intercept_domains"])
def test_mandatory_keys(key: str) -> None:
    data = {name: value for name, value in FULL.items() if name != key}
    assert refusal(data) == f"{key} is missing: give it a value."


@pytest.mark.parametrize("key", ["api", "url"])
def test_mandatory_keys_of_the_source(key: str) -> None:
    data = copy.deepcopy(FULL)
    del data["source"][key]
    assert refusal(data) == f"source.{key} is missing: give it a value."


@pytest.mark.parametrize("path", ["colour", "source.colour", "store.colour", "policy.colour", "peers.1.colour"])
def test_unknown_keys_are_refused_with_the_known_ones(path: str) -> None:
    text = refusal(changed(path, 1))
    known = {"colour": "partition", "source": "hmac_user", "store": "bandwidth_limit", "policy": "excludes"}
    assert "colour" in text
    assert "is not a known key" in text
    assert known.get(path.split(".", maxsplit=1)[0], "name") in text


@pytest.mark.parametrize(
    ("path", "value", "key", "right"),
    [
        ("partition", "", "partition", '"fra-01"'),
        ("partition", "fra 01", "partition", '"fra-01"'),
        ("partition", "../x", "partition", '"fra-01"'),
        ("host", 5, "host", '"fra-01"'),
        ("host", "cache-2", "peers", "the other cache hosts only"),
        ("source", [], "source", "a JSON object"),
        ("source.api", "v3", "source.api", "v1, v2"),
        ("source.api", [], "source.api", "v1, v2"),
        ("source.url", None, "source.url", "https://host"),
        ("source.url", "api.example", "source.url", "https://host"),
        ("source.url", "ftp://api.example", "source.url", "https://host"),
        ("source.url", "https://", "source.url", "https://host"),
        ("source.url", "https://api.example:99999", "source.url", "https://host"),
        ("source.url", "https://api.example:0", "source.url", "https://host"),
        ("source.url", "https://[::1", "source.url", "https://host"),
        ("source.url", "https://api.example?x=1", "source.url", "without user, query"),
        ("source.url", "https://api.example/#x", "source.url", "without user, query"),
        ("source.url", "https://api.exam ple", "source.url", "https://host"),
        ("source.url", "https://äpi.example", "source.url", "https://host"),
        ("source.hmac_user", "Metal View", "source.hmac_user", "Metal-View, Metal-Edit, Metal-Admin"),
        ("source.ca_path", "ca.pem", "source.ca_path", "absolute path of a file"),
        ("source.ca_path", 3, "source.ca_path", "absolute path of a file"),
        ("source.validate_certs", "yes", "source.validate_certs", "true or false"),
        ("source.timeout", 0, "source.timeout", "at most 3600"),
        ("source.timeout", True, "source.timeout", "at most 3600"),
        ("source.timeout", "10", "source.timeout", "at most 3600"),
        ("store.timeout", 1e400, "store.timeout", "at most 3600"),
        ("store.allow_http", 1, "store.allow_http", "true or false"),
        ("store.bandwidth_limit", "fast", "store.bandwidth_limit", '"100G"'),
        ("store.bandwidth_limit", 0, "store.bandwidth_limit", "null for no limit"),
        ("intercept_domains", "github.com", "intercept_domains", "a list"),
        ("intercept_domains", [], "intercept_domains", "at least one"),
        ("intercept_domains", ["github.com", "GitHub.com"], "intercept_domains", "once"),
        ("intercept_domains.1", 7, "intercept_domains[1]", "images.metal-stack.io"),
        ("intercept_domains.1", "github.com.", "intercept_domains[1]", "images.metal-stack.io"),
        ("intercept_domains.1", "http://github.com", "intercept_domains[1]", "images.metal-stack.io"),
        ("peers", {}, "peers", "a list"),
        ("peers.0", "cache-2", "peers[0]", "a JSON object"),
        ("peers.1.name", "cache-2", "peers[1]", "once"),
        ("peers.1.url", "http://10.0.0.2:8089/", "peers[1]", "once"),
        ("peers.1.url", "10.0.0.3:8089", "peers[1].url", "https://host"),
        ("directory", "var/cache", "directory", "absolute path"),
        ("directory", "/", "directory", "absolute path"),
        ("directory", "/srv", "directory", "absolute path"),
        ("directory", "/srv/../etc", "directory", "absolute path"),
        ("directory", "//srv/cache", "directory", "absolute path"),
        ("directory", "/srv/ca\nche", "directory", "absolute path"),
        ("directory", None, "directory", "absolute path"),
        ("state_directory", "/srv/image-cache/state", "state_directory", "do not contain each other"),
        ("state_directory", "/srv/image-cache/", "state_directory", "do not contain each other"),
        ("runtime_directory", "/srv/image-cache/run", "runtime_directory", "do not contain each other"),
        ("directory", "/var/lib/image-cache-sync/www", "state_directory", "do not contain each other"),
        ("policy", None, "policy", "a JSON object"),
        ("policy.excludes", "/x/", "policy.excludes", "a list"),
        ("policy.excludes", [""], "policy.excludes[0]", "not empty"),
        ("policy.excludes", ["a\nb"], "policy.excludes[0]", "on one line"),
        ("policy.expiration_grace_days", -1, "policy.expiration_grace_days", "from 0 to 36500"),
        ("policy.min_images_per_name", 0, "policy.min_images_per_name", "from 1 to"),
        ("policy.max_images_per_name", 0, "policy.max_images_per_name", "-1 for no maximum"),
        ("policy.max_images_per_name", -2, "policy.max_images_per_name", "-1 for no maximum"),
        ("policy.max_images_per_name", True, "policy.max_images_per_name", "-1 for no maximum"),
        ("policy.max_images_per_name", 3, "policy.max_images_per_name", "policy.min_images_per_name"),
        ("policy.max_cache_size", "100X", "policy.max_cache_size", '"100G"'),
        ("policy.max_cache_size", 0, "policy.max_cache_size", "-1 for no maximum"),
        ("policy.max_cache_size", True, "policy.max_cache_size", '"100G"'),
        ("kernels", "true", "kernels", "true or false"),
        ("boot_images", 0, "boot_images", "true or false"),
        ("boot_partitions", "mine", "boot_partitions", "this, all"),
        ("parallel", 0, "parallel", "from 1 to 64"),
        ("parallel", 4.0, "parallel", "from 1 to 64"),
        ("parallel", True, "parallel", "from 1 to 64"),
        ("allow_empty", None, "allow_empty", "true or false"),
        ("generations", 101, "generations", "from 1 to 100"),
    ],
)
def test_one_sentence_with_key_and_remedy(path: str, value: object, key: str, right: str) -> None:
    text = refusal(changed(path, value))
    assert text.startswith(key + " ")
    assert right in text
    assert "\n" not in text
    assert text.endswith(".")


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    text = refusal(changed("source.url", "https://user:hunter2@api.example"))
    assert "source.url" in text
    assert "without user" in text
    assert "hunter2" not in text


def test_all_mistakes_are_told_at_once() -> None:
    data = changed("source.api", "v3")
    data["source"]["url"] = "x"
    data["policy"]["max_images_per_name"] = 0
    data["colour"] = "red"
    del data["host"]
    with pytest.raises(ConfigError) as caught:
        parse_config(data)
    assert [problem.split(" ", maxsplit=1)[0] for problem in caught.value.problems] == [
        "host",
        "source.api",
        "source.url",
        "policy.max_images_per_name",
        '"colour"',
    ]
    assert str(caught.value) == caught.value.problems[0]


@pytest.mark.parametrize("data", [None, [], "x", 1, True])
def test_not_an_object(data: object) -> None:
    assert refusal(data).startswith("The configuration is ")


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(FULL), encoding="utf-8")
    assert load_config(path) == load_config(str(path)) == parse_config(FULL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"partition": "a", "partition": "b"}', 'the key "partition" is given twice'),
        (b'{"parallel": ' + b"9" * 5000 + b"}", "not "),
        (b"[" * 200_000, "nested too deeply"),
        (b" " * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_file_that_is_no_configuration(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert reason in str(caught.value)


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json cannot be read: No such file or directory\.$"):
        load_config(tmp_path / "gone.json")


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
_PATHS = [
    *FULL,
    *(f"{part}.{key}" for part in ("source", "store", "policy") for key in FULL[part]),
    "intercept_domains.0",
    "peers.0",
    "peers.0.name",
    "peers.0.url",
]


@given(json_values)
def test_any_json_is_refused_with_a_sentence(value: object) -> None:
    assert refusal(value).isprintable()


@given(st.sampled_from(_PATHS), json_values)
def test_any_value_anywhere_is_accepted_or_refused_with_a_sentence(path: str, value: object) -> None:
    try:
        assert isinstance(parse_config(changed(path, value)), Config)
    except ConfigError as error:
        for text in error.problems:
            assert text.isprintable()
            assert text.endswith(".")
            assert len(text) < 500


@pytest.mark.parametrize("name", ["github.com", "images.metal-stack.io", "a.b", "x_y.example", "1.a"])
def test_host_names(name: str) -> None:
    assert domain_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "no dot"),
        ("localhost", "no dot"),
        ("a..b", "empty"),
        (".a.b", "empty"),
        ("-a.b", "other characters"),
        ("A.b", "other characters"),
        ("*.b", "other characters"),
        ("a" * 64 + ".b", "longer than 63"),
        (".".join(["a" * 60] * 5), "longer than 253"),
        ("10.0.0.1", "an address"),
        ("ü.example", "other characters"),
    ],
)
def test_names_that_are_no_host_names(name: str, problem: str) -> None:
    assert problem in (domain_problem(name) or "")
