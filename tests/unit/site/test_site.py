# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of a whole partition: the order of its parts, each of them alone, and the example of an inventory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbook import ROOT, settings

EXAMPLE = ROOT / "docs/examples/site"
SITE = ROOT / "playbooks/site.yml"
PARTS = ["image_cache", "storage_network", "lightos", "duros_controller"]
# What a part says first when its variables are missing.
MISSING = {
    "image_cache": "missing required arguments: image_cache_allowed_networks",
    "storage_network": "metal_partition_id is not set: give the id of this partition in the metal-api.",
    "lightos": "missing required arguments: lightos_cluster_id",
    "duros_controller": "project is empty: give the id of the project in the metal-api.",
}


def ansible(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run ansible-playbook on the playbook; return its code and output, on one line for each line of it."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", *arguments, str(SITE)],
        cwd=directory,
        env=settings(directory),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, list[tuple[str, set[str]]]]]:
    """Each play with its tasks and their tags."""
    directory = tmp_path_factory.mktemp("site")
    code, output = ansible(directory, "-i", str(EXAMPLE / "inventory.yml"), "--list-tasks")
    assert code == 0, output
    plays: list[tuple[str, list[tuple[str, set[str]]]]] = []
    for line in output.splitlines():
        play = re.match(r"  play #\d+ \(.*?\): (.*?)\tTAGS", line)
        task = re.match(r"      (.*?)\tTAGS: \[(.*)\]", line)
        if play:
            plays.append((play[1], []))
        elif task:
            plays[-1][1].append((task[1], set(task[2].split(", "))))
    return plays


def test_parts_come_in_the_order_in_which_they_need_each_other(listed: list[tuple[str, list[Any]]]) -> None:
    assert [name for name, _tasks in listed] == [
        "Image cache",
        "Storage network in the metal-api",
        "Storage network on the hosts",
        "LightOS",
        "The controller of the storage in Kubernetes",
    ]


def test_every_task_has_the_tag_of_its_part_alone(listed: list[tuple[str, list[tuple[str, set[str]]]]]) -> None:
    parts = ["image_cache", "storage_network", "storage_network", "lightos", "duros_controller"]
    for part, (_play, tasks) in zip(parts, listed):
        assert len(tasks) > 5
        for name, tags in tasks:
            others = {tag for tag in tags for other in PARTS if other != part and tag.startswith(other)}
            assert others == set(), name
            assert part in tags or "always" in tags, name
        for phase in ("preflight", "verify"):
            assert [name for name, tags in tasks if phase in tags] or _play == "Storage network in the metal-api", phase


@pytest.mark.parametrize("part", PARTS)
def test_part_alone_names_what_it_misses_and_touches_no_other(tmp_path: Path, part: str) -> None:
    inventory = tmp_path / "inventory.yml"
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    groups = {"image_cache": {"hosts": {"cache-1": {}}}, "storage_servers": {"hosts": {"storage-1": {}}}}
    inventory.write_text(yaml.safe_dump({"all": {"vars": local, "children": groups}}), encoding="utf-8")
    code, output = ansible(tmp_path, "-i", str(inventory), "--tags", f"{part}_preflight")
    shown = " ".join(output.replace("\\n", " ").split())
    assert code == 2, output
    assert MISSING[part] in shown
    done = {
        name
        for name, result in re.findall(r"TASK \[metalstack\.provisioning\.(\w+) : [^]]*\] \*+\s+(\w+)", output)
        if result != "skipping"
    }
    assert done <= {part}
    assert "Traceback" not in output


def test_part_that_is_left_out_says_nothing_of_its_variables(tmp_path: Path) -> None:
    code, output = ansible(tmp_path, "-i", "localhost,", "-c", "local", "--skip-tags", ",".join(PARTS))
    assert code == 0, output
    assert not re.search(r"^(ok|changed|fatal):", output, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--tags", "preflight"], 0, "There is no cluster yet"),
        (["--check"], 0, "There is no cluster yet"),
        # where LightOS is not in the run there will be no token after it
        (["--tags", "duros_controller_preflight"], 2, "There is no admin token"),
        ([], 2, "There is no admin token"),
    ],
)
def test_a_look_beforehand_does_not_miss_what_lightos_will_leave(
    tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    inventory = tmp_path / "inventory.yml"
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "lightos_directory": str(tmp_path / "lightos"),
        "lightos_api_endpoints": ["127.0.0.1:9"],
        "duros_controller_kubeconfig": str(tmp_path / "kubeconfig"),
        "duros_controller_project": "11111111-0000-4000-8000-000000000001",
        "duros_controller_storage_classes": [{"name": "gold", "replicas": 3}],
    }
    inventory.write_text(yaml.safe_dump({"all": {"vars": variables, "hosts": {"localhost": {}}}}), encoding="utf-8")
    found, output = ansible(tmp_path, "-i", str(inventory), "--skip-tags", "image_cache,storage_network", *options)
    assert (found, said in output) == (code, True), output


def example() -> dict[str, Any]:
    """The variables of the example, of all its groups."""
    inventory = yaml.safe_load((EXAMPLE / "inventory.yml").read_text(encoding="utf-8"))["all"]
    return {**inventory["vars"], **inventory["children"]["image_cache"]["vars"]}


def options() -> set[str]:
    """The variables of all roles."""
    found: set[str] = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= set(entry["options"])
    return found


def test_variables_of_the_example_exist_and_are_in_the_guide() -> None:
    guide = (ROOT / "docs/site.md").read_text(encoding="utf-8")
    table = guide.partition("| variable | where |")[2].partition("\n\n")[0]
    named = {one for row in table.splitlines() for one in re.findall(r"`([a-z_]+)`", "".join(row.split("|")[:2]))}
    used = set(example())
    assert used == named
    assert {one for one in used if not one.startswith("metal_partition_")} <= options()
    # every secret is in a vault
    for name, value in example().items():
        if re.search("key$|password|repository_url", name):
            assert str(value).startswith("{{ vault_"), name


def test_inventory_plugin_of_the_example_has_these_options() -> None:
    source = (ROOT / "plugins/inventory/metal.py").read_text(encoding="utf-8")
    document = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert document is not None
    known = set(yaml.safe_load(document[1])["options"]) | {"groups", "compose", "keyed_groups"}
    text = (EXAMPLE / "servers.metal.yml").read_text(encoding="utf-8")
    assert set(yaml.safe_load(text)) <= known
    # The example has neither address nor key: it says where they come from, and so does each guide that leads to it.
    assert not set(yaml.safe_load(text)) & {"api_url", "api_hmac", "api_token"}
    fragment = (ROOT / "plugins/doc_fragments/metal_plugin.py").read_text(encoding="utf-8")
    guides = ("docs/site.md", "README.md", "roles/storage_network/README.md")
    for told in (text, *((ROOT / guide).read_text(encoding="utf-8") for guide in guides)):
        export = re.search(
            r"export (METALCTL_\w+)=https\S+ (METALCTL_\w+)=<view key> (METALCTL_\w+)=Metal-View$", told, re.MULTILINE
        )
        assert export is not None
        assert {name for name in export.groups() if f"- name: {name}\n" in fragment} == set(export.groups())
        assert "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true" in told
