# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds across the whole repository, and would break silently: names, headers, imports, metadata, documents."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent

HEADER = """\
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""


def git_files() -> list[Path]:
    """Return the checkout's own files, committed or not yet."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({ROOT / name for name in names if name and (ROOT / name).is_file()})


FILES = git_files()


def below(folder: str, suffix: str = "") -> list[Path]:
    """Return the files below a folder whose name ends so."""
    return [path for path in FILES if path.is_relative_to(ROOT / folder) and path.name.endswith(suffix)]


def name_of(path: object) -> str:
    """Return the path a person would write, as the name of a test."""
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


def load(path: Path) -> Any:
    """Return the only document of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


MODULE_UTILS = below("plugins/module_utils", ".py")
PLUGINS = below("plugins", ".py")
ROLES = sorted({path.parent.parent for path in below("roles", "meta/argument_specs.yml") + below("roles", "main.yml")})
ROLES = [path for path in ROLES if path.parent == ROOT / "roles"]
DOCUMENTS = [path for path in FILES if path.suffix == ".md"]
RUNTIME = load(ROOT / "meta/runtime.yml")
GALAXY = load(ROOT / "galaxy.yml")


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_plugin_file_names_its_license(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == "" or HEADER in text[:600]


@pytest.mark.parametrize("path", [path for path in MODULE_UTILS if path.stat().st_size], ids=name_of)
def test_module_util_is_private_and_says_so(path: Path) -> None:
    relative = path.relative_to(ROOT / "plugins/module_utils")
    assert any(part.startswith("_") for part in relative.parts), (
        "module_utils of this collection start with an underscore"
    )
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert "private" in docstring.lower(), "the docstring says that the file is private to the collection"


@pytest.mark.parametrize("path", [path for path in PLUGINS if path.name != "__init__.py"], ids=name_of)
def test_plugin_has_a_name_that_galaxy_takes(path: Path) -> None:
    """Galaxy refuses a whole collection for one ``__main__.py`` below plugins/."""
    assert re.fullmatch(r"(?!.*__)[a-z_][0-9a-z_]*", path.stem)


def imported_roots(tree: ast.Module) -> set[str]:
    """Return the top-level packages of all absolute imports, wherever in the file they are."""
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add((node.module or "").split(".")[0])
    return roots


@pytest.mark.parametrize("path", MODULE_UTILS, ids=name_of)
def test_module_util_needs_the_standard_library_only(path: Path) -> None:
    """They are zipped for hosts without Ansible: imports of each other are relative, and nothing else is there."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    # keys are used where their owner is, mostly the controller, and the standard library has no RSA
    allowed = {"cryptography"} if path.name == "signing.py" else set()
    assert imported_roots(tree) - set(sys.stdlib_module_names) == allowed
    assert not allowed & imported_roots(
        ast.Module([one for one in tree.body if isinstance(one, (ast.Import, ast.ImportFrom))], [])
    )


@pytest.mark.parametrize("path", MODULE_UTILS, ids=name_of)
def test_relative_import_stays_inside_module_utils(path: Path) -> None:
    depth = len(path.relative_to(ROOT / "plugins/module_utils").parts)
    levels = [
        node.level for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    assert max(levels, default=0) <= depth


@pytest.mark.parametrize("path", below("plugins/filter", ".py"), ids=name_of)
def test_filter_imports_its_neighbours_where_it_needs_them(path: Path) -> None:
    """Each process of Ansible that needs one filter loads the files of all; what these import is compiled anew."""
    top = ast.Module([one for one in ast.parse(path.read_text(encoding="utf-8")).body if not is_body(one)], [])
    assert "ansible_collections" not in imported_roots(top)


def is_body(node: ast.stmt) -> bool:
    """Whether it is done later than what is around it."""
    return isinstance(node, (ast.FunctionDef, ast.ClassDef))


def options_of(role: Path) -> dict[str, Any]:
    """Return the variables of all entry points of a role; what two of them have, they say in the same words."""
    options: dict[str, Any] = {}
    for entry in load(role / "meta/argument_specs.yml")["argument_specs"].values():
        for name, option in entry["options"].items():
            assert options.setdefault(name, option) == option, name
    return options


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_defaults_and_argument_specs_of_a_role_agree(role: Path) -> None:
    options = options_of(role)
    defaults = load(role / "defaults/main.yml") or {}
    mandatory = {name for name, option in options.items() if option.get("required")}
    assert set(defaults) & mandatory == set(), "a mandatory option has no default"
    assert set(defaults) == set(options) - mandatory
    for name, option in options.items():
        # A default that is a template is documented in words.
        if "default" in option and "{{" not in str(defaults.get(name)):
            assert option["default"] == defaults[name], name


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_role_variables_are_used(role: Path) -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in below(name_of(role))
        if path.name not in ("argument_specs.yml", "README.md") and path.suffix != ".pyc"
    )
    options = options_of(role)
    # Once is its own line in the defaults; a mandatory one has none.
    unused = [
        name
        for name, option in options.items()
        if len(re.findall(rf"\b{name}\b", text)) < (1 if option.get("required") else 2)
    ]
    assert unused == []


def test_modules_are_in_the_group_of_their_name() -> None:
    modules = {path.stem for path in below("plugins/modules", ".py") if not path.stem.startswith("_")}
    groups = RUNTIME.get("action_groups") or {}
    # it talks to no API, and would refuse the options of the group
    modules.remove("lightbits_jwt")
    for prefix in ("metal", "lightbits"):
        members = {one for one in groups.get(prefix, []) if isinstance(one, str)}
        assert members == {name for name in modules if name.startswith(f"{prefix}_")}, prefix


def test_modules_of_groups_run_in_the_controller() -> None:
    """Each has an action plugin of its own name and nothing but its name in it."""
    members = {name for group in (RUNTIME.get("action_groups") or {}).values() for name in group}
    actions = {path.stem: path for path in below("plugins/action", ".py")}
    assert members <= set(actions)
    texts = {actions[name].read_text(encoding="utf-8").replace(name, "NAME") for name in members}
    assert len(texts) == 1


def test_oldest_core_tested_is_the_oldest_promised() -> None:
    promised = re.fullmatch(r">=(\d+\.\d+)\.0", RUNTIME["requires_ansible"])
    assert promised is not None
    pins = (ROOT / f"tests/requirements/core-{promised[1]}.txt").read_text(encoding="utf-8")
    assert re.search(rf"^ansible-core=={re.escape(promised[1])}\.\d+$", pins, re.MULTILINE)


@pytest.mark.parametrize("path", below("tests/requirements", ".txt"), ids=name_of)
def test_requirements_are_pinned(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


def test_metadata_fits_galaxy() -> None:
    assert (GALAXY["namespace"], GALAXY["name"]) == ("metalstack", "provisioning")
    assert re.fullmatch(r"[1-9]\d*\.\d+\.\d+", GALAXY["version"])
    assert GALAXY["license"] == ["GPL-3.0-or-later"]
    assert 0 < len(GALAXY["tags"]) <= 20
    assert [tag for tag in GALAXY["tags"] if not re.fullmatch(r"[a-z0-9]+", tag)] == []
    for name, versions in GALAXY["dependencies"].items():
        assert re.match(r">=[1-9]", versions), f"{name} needs a lower bound of 1.0.0 or newer"


def test_used_collections_are_the_dependencies() -> None:
    """What roles and playbooks call by its full name is declared, and nothing else is."""
    used: set[str] = set()
    for path in below("roles", ".yml") + below("playbooks", ".yml"):
        if path.parent.name == "molecule":
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"\s*(?:- )?([a-z0-9_]+\.[a-z0-9_]+)\.[a-z0-9_]+:(\s|$)", line)
            if match:
                used.add(match[1])
    assert used - {"ansible.builtin", "metalstack.provisioning"} == set(GALAXY["dependencies"])


#: Written in pieces, so that this file is not found itself.
FORBIDDEN = [
    (r"/wo" + r"rk/(main|shared)\b", "a path of the machine it was written on"),
    (r"/tmp/" + r"notes\b", "a path of the machine it was written on"),
    (
        r"\bpypi\." + r"org\b|\bpython" + r"hosted\.|registry\.npm" + r"js|proxy\.go" + r"lang",
        "a package registry's host",
    ),
    (r"\.\./" + r"shared\b", "a folder outside of the repository"),
]


@pytest.mark.parametrize(("pattern", "what"), FORBIDDEN)
def test_nothing_of_this_machine_is_in_the_repository(pattern: str, what: str) -> None:
    found = []
    for path in FILES:
        data = path.read_bytes()
        if b"\0" not in data and re.search(pattern, data.decode("utf-8")):
            found.append(name_of(path))
    assert found == [], what


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".py" and "tests" in path.parts], ids=name_of
)
def test_no_test_is_skipped(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(mark\.(skip|skip" + r"if|xfail)|pytest\.(skip|xfail|importor" + r"skip))\b", text)


@pytest.mark.parametrize(
    "path", below("roles", ".yml") + below("playbooks", ".yml") + below("molecule", ".yml"), ids=name_of
)
def test_no_failure_is_ignored(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(- )?(ignore_errors|ignore_unreachable):\s*true", text, re.MULTILINE)
    assert not re.search(r"^\s*(- )?failed_when:\s*false", text, re.MULTILINE)


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(path: Path) -> list[str]:
    """Return where the links of a Markdown file lead; code is no text."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return LINK.findall(text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    inside = [one.partition("#")[0] for one in links(path) if not re.match(r"[a-z]+:|#", one)]
    assert [one for one in inside if not (path.parent / one).exists()] == []


def test_readme_has_what_certification_asks_for() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    for needed in (
        "Description",
        "Requirements",
        "Installation",
        "Use Cases",
        "Testing",
        "Contributing",
        "Support",
        "Release Notes and Roadmap",
        "Related Information",
        "License Information",
    ):
        assert needed in sections
    # Galaxy shows the text outside of the repository.
    assert [one for one in links(ROOT / "README.md") if not one.startswith(("https://", "#"))] == []


def test_readme_names_all_that_the_collection_has_and_nothing_else() -> None:
    """A module for reading may be told with the one for the thing itself."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Requirements")[0]
    named = {
        name
        for cell in re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    folders = ("modules", "filter", "lookup", "inventory")
    plugins = {path.stem for folder in folders for path in below(f"plugins/{folder}", ".py") if path.stem[0] != "_"}
    content = plugins | {path.stem for path in below("playbooks", ".yml")} | {role.name for role in ROLES}
    told = named | {f"{name}_info" for name in named & plugins}
    assert content - told == set()
    assert named - content == set()


def test_every_page_of_the_documentation_is_found_from_its_first_one_and_in_the_site() -> None:
    pages = {path.name for path in below("docs", ".md")} - {"README.md"}
    assert pages - {link.partition("#")[0] for link in links(ROOT / "docs/README.md")} == set()
    site = (ROOT / ".config/sphinx/index.rst").read_text(encoding="utf-8")
    assert pages - {f"{name}.md" for name in re.findall(r"^ +docs/(\w+)$", site, re.MULTILINE)} == set()


def test_links_into_the_repository_lead_somewhere() -> None:
    base = re.escape(f"{GALAXY['repository']}/") + r"(?:blob|tree)/main/"
    for path in DOCUMENTS:
        for link in links(path):
            match = re.match(base + r"([^#]+)", link)
            if match:
                assert (ROOT / match[1]).exists(), f"{name_of(path)}: {link}"


def commands(path: Path) -> list[str]:
    """Return the commands of a Markdown file, of its blocks of code and of its text."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip(" $") for line in re.findall(r"^[^`\n]+$|`[^`\n]+`", text, re.MULTILINE)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_of_a_document_say_all_that_they_need(path: Path) -> None:
    for command in commands(path):
        if re.search(r"ansible-playbook .*metalstack\.provisioning\.", command):
            # the variables of the collection are in an inventory, also those of localhost
            assert " -i inventory.yml " in command, command
            # servers that are in a file of their own are seen by no guard without it; the image cache needs none
            guide = path.parent.name == "docs" and path.stem != "image_cache"
            assert not guide or " -i servers.metal.yml " in command, command
        if re.search(r"image-cache-sync plan\b", command):
            assert "CREDENTIALS_DIRECTORY=/etc/image-cache-sync image-cache-sync" in command, command


def test_every_target_of_the_makefile_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    assert set(re.findall(r"^([a-z]+):.* ## \S", text, re.MULTILINE)) == set(phony[1].split())
    for tool in re.findall(r"@(tools/\S+)", text):
        assert (ROOT / tool).stat().st_mode & 0o111, tool
