# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module image_cache_preflight as Ansible runs it, against this machine and the emulated metal-api."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.modules import image_cache_preflight as module
from tests.emulators.metal_api.process import MetalApi, running_metal_api
from tests.support.playbook import settings

COLLECTIONS = Path(__file__).resolve().parents[3] / "build" / "collections"
KEY = "a-key-nobody-may-see"


@pytest.fixture(scope="module")
def emulator() -> Iterator[MetalApi]:
    with running_metal_api(environment={"METAL_API_HMAC_VIEW": KEY}) as api:
        api.control.change_state(images=[{"id": "ubuntu-24.04.1", "url": "http://localhost.test/u"}], partitions=[])
        yield api


def options(emulator: MetalApi, directory: Path, **values: Any) -> dict[str, Any]:
    return {
        "config": {
            "partition": "fra-01",
            "host": "cache-1",
            "source": {"api": "v1", "url": emulator.v1},
            "intercept_domains": ["localhost.test"],
            "directory": str(directory),
            "kernels": False,
            "boot_images": False,
            "policy": {"max_cache_size": "1M"},
        },
        "hmac": KEY,
        "allowed_networks": ["127.0.0.0/8"],
        "addresses": ["127.0.0.1"],
        "timeout": 0.5,
        **values,
    }


def run(tmp_path: Path, *arguments: str, **values: Any) -> subprocess.CompletedProcess[str]:
    """Run the module with ansible, its result as JSON on standard output."""
    environment = {
        **settings(tmp_path),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
    }
    name = "metalstack.provisioning.image_cache_preflight"
    command = [sys.executable, "-m", "ansible", "adhoc", "-i", "localhost,", "-c", "local", "localhost", "-m", name]
    return subprocess.run(
        [*command, *arguments, "-a", json.dumps(values)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.rpartition("=> ")[2])
    return found


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_problems_are_returned_and_do_not_fail(emulator: MetalApi, tmp_path: Path, arguments: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        services = [{"program": "nginx", "address": "127.0.0.1", "port": port}]
        done = run(tmp_path, *arguments, **options(emulator, tmp_path / "cache", services=services))
    found = result(done)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["changed"] is False
    assert found["facts"]["images"] == 1
    problems = "\n".join(found["problems"])
    assert f"Port {port}/tcp of 127.0.0.1 is taken by " in problems
    assert "external_dns_servers is empty" in problems
    assert any("cannot resolve localhost.test" in text for text in found["warnings_found"])
    assert not (tmp_path / "cache").exists()


def test_failing_is_optional_and_names_all_problems(emulator: MetalApi, tmp_path: Path) -> None:
    wrong = options(emulator, tmp_path, fail_on_problems=True, allowed_networks=[])
    done = run(tmp_path, **wrong)
    assert done.returncode == 2
    found = result(done)
    assert found["msg"].startswith("This host cannot be a cache host: ")
    assert "allowed_networks is empty" in found["msg"]
    assert "external_dns_servers is empty" in found["msg"]
    assert len(found["problems"]) >= 2


@pytest.mark.parametrize("credential", ["hmac", "token"])
def test_credentials_are_nowhere_in_the_output(emulator: MetalApi, tmp_path: Path, credential: str) -> None:
    wrong = options(emulator, tmp_path, hmac="")
    wrong[credential] = "wrong-but-still-secret"
    done = run(tmp_path, "-vvvv", **wrong)
    assert "refuses the credential" in done.stdout
    assert "wrong-but-still-secret" not in done.stdout + done.stderr


def test_a_timeout_that_is_none(emulator: MetalApi, tmp_path: Path) -> None:
    done = run(tmp_path, **options(emulator, tmp_path, timeout=0))
    assert done.returncode == 2
    assert result(done)["msg"] == "timeout is 0: give a number of seconds above 0 and at most 600."


def described(option: dict[str, Any]) -> dict[str, Any]:
    """Reduce a documented option to what a specification says."""
    kept = {
        key: value for key, value in option.items() if key in ("type", "elements", "default", "choices", "required")
    }
    if "suboptions" in option:
        kept["options"] = {name: described(inner) for name, inner in option["suboptions"].items()}
    return kept


def test_the_documentation_is_that_of_the_options() -> None:
    documented = {name: described(option) for name, option in yaml.safe_load(module.DOCUMENTATION)["options"].items()}
    specified = {
        name: {key: value for key, value in option.items() if key != "no_log"}
        for name, option in module.ARGUMENT_SPEC.items()
    }
    assert documented == specified


def test_the_credentials_are_marked() -> None:
    assert {name for name, option in module.ARGUMENT_SPEC.items() if option.get("no_log")} == {"hmac", "token"}


def test_the_examples_use_the_options() -> None:
    [first, _second] = yaml.safe_load(module.EXAMPLES)
    assert set(first["metalstack.provisioning.image_cache_preflight"]) <= set(module.ARGUMENT_SPEC)
