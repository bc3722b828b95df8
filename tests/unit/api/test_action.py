# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a task runs, and what it is given there, whichever way a user writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.emulators.metal_api.process import KEYS, MetalApi
from tests.support.playbook import Play, play

NAME = "metalstack.provisioning.metal_image"
IMAGE = {
    "id": "ubuntu-24.04.20251010",
    "url": "http://images.example.com/u.tar.lz4",
    "features": ["machine"],
    "expiration_date": "2030-01-01T00:00:00Z",
}
ADMIN = {"METALCTL_HMAC": KEYS["Metal-Admin"], "METALCTL_HMAC_AUTH_TYPE": "Metal-Admin"}
# What only a process of its own prints when Ansible is asked for much.
OF_A_MODULE = "AnsiballZ_metal_image.py"


def run(
    api: MetalApi, directory: Path, *tasks: dict[str, Any], arguments: tuple[str, ...] = (), **settings: Any
) -> Play:
    environment = {"METALCTL_API_URL": api.v1, **settings.pop("environment", ADMIN)}
    return play(directory, [{"name": "Try", **task} for task in tasks], *arguments, environment=environment, **settings)


def test_a_local_task_runs_in_the_controller_and_async_as_a_module(api: MetalApi, tmp_path: Path) -> None:
    controller = run(api, tmp_path, {NAME: IMAGE}, arguments=("-vvvv",))
    assert controller.results[0].values["changed"]
    assert OF_A_MODULE not in controller.output
    module = run(api, tmp_path, {NAME: IMAGE, "async": 60, "poll": 1}, arguments=("-vvvv",))
    assert OF_A_MODULE in module.output
    result = module.results[-1].values
    assert not result["changed"]
    assert result["image"] == controller.results[0].values["image"]


def test_module_defaults_of_the_group_and_of_one_module_do_not_mix(api: MetalApi, tmp_path: Path) -> None:
    defaults = {
        "group/metalstack.provisioning.metal": {"api_hmac": KEYS["Metal-Admin"], "api_hmac_user": "Metal-Admin"},
        NAME: {"url": IMAGE["url"]},
    }
    wish = {name: value for name, value in IMAGE.items() if name != "url"}
    done = run(
        api,
        tmp_path,
        {NAME: wish},
        {"metalstack.provisioning.metal_image_info": {"id": IMAGE["id"]}},
        environment={},
        keywords={"module_defaults": defaults},
    )
    assert [result.failed for result in done.results] == [False, False], done.output
    assert [image["url"] for image in done.results[1].values["images"]] == [IMAGE["url"]]


def test_environment_of_a_task_reaches_it_in_the_controller(api: MetalApi, tmp_path: Path) -> None:
    tasks = {NAME: IMAGE, "environment": {"METALCTL_HMAC": "{{ key }}", "METALCTL_HMAC_AUTH_TYPE": "Metal-Admin"}}
    done = run(api, tmp_path, tasks, environment={}, variables={"key": KEYS["Metal-Admin"]})
    assert done.results[0].values["changed"], done.output


def test_wrong_options_are_told_in_the_same_words(api: MetalApi, tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [{**IMAGE, "nonsense": 1}, {**IMAGE, "features": ["wings"]}, {}]
    told = []
    for switch in (True, False):
        variables = {"metalstack_provisioning_in_controller": switch}
        done = run(api, tmp_path, *({NAME: options} for options in wrong), variables=variables)
        assert all(result.failed for result in done.results)
        told.append([result.values["msg"] for result in done.results])
    assert told[0] == told[1]
    assert f"Unsupported parameters for ({NAME}) module: nonsense." in told[0][0]


def test_a_key_in_an_option_is_shown_nowhere(api: MetalApi, tmp_path: Path) -> None:
    secret = "a-key-that-is-wrong-and-secret"
    for switch in (True, False):
        done = run(
            api,
            tmp_path,
            {NAME: {**IMAGE, "api_hmac": secret, "api_hmac_user": "Metal-Admin"}},
            arguments=("-vvvv", "--diff"),
            environment={},
            variables={"metalstack_provisioning_in_controller": switch},
        )
        assert done.results[0].failed
        assert "is not accepted" in done.results[0].values["msg"]
        # the playbook itself has it; Ansible does not print that
        assert secret not in done.output
