# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program for cache hosts: how it is built, where it runs, and how the task installs it."""

from __future__ import annotations

import io
import json
import os
import pwd
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.action.image_cache_sync_program import (
    ARGUMENT_SPEC,
    glance,
    is_as_wanted,
)
from ansible_collections.metalstack.provisioning.plugins.modules import image_cache_sync_program as documentation
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._sync_program import (
    COLLECTION_ROOT,
    FILES,
    BuildError,
    Program,
    build,
    version_of,
)
from tests.support.playbook import settings

COLLECTIONS = Path(__file__).resolve().parents[3] / "build" / "collections"


def interpreters() -> list[str]:
    """Every Python from 3.9 on that is found: the running one, the system's, and pyenv's, one of each minor version."""
    homes = (Path.home(), Path(pwd.getpwuid(os.getuid()).pw_dir))
    roots = [Path(os.environ["PYENV_ROOT"])] if "PYENV_ROOT" in os.environ else [home / ".pyenv" for home in homes]
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    paths = [path for root in roots for path in sorted(root.glob("versions/3.*/bin/python3.[0-9]*"))]
    for path in [*paths, *sorted(Path("/usr/bin").glob("python3.[0-9]*"))]:
        match = re.fullmatch(r"python(3\.([0-9]+))", path.name)
        if match and int(match.group(2)) >= 9:
            found.setdefault(match.group(1), str(path))
    return [found[version] for version in sorted(found)]


INTERPRETERS = interpreters()


@pytest.fixture(scope="module")
def program() -> Program:
    return build()


@pytest.fixture
def installed(program: Program, tmp_path: Path) -> Path:
    path = tmp_path / "image-cache-sync"
    path.write_bytes(program.content)
    path.chmod(0o755)
    return path


def small_collection(root: Path) -> Path:
    """A collection with the least that a program needs; its command prints what it was given."""
    utils = root / "plugins" / "module_utils"
    for pattern in (*FILES, "_image_cache/__init__.py"):
        path = utils / pattern.replace("*", "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    (utils / "_image_cache" / "cli.py").write_text(
        "import sys\n\n\ndef main():\n    print(sys.argv[1:])\n    return 3\n", encoding="utf-8"
    )
    (root / "galaxy.yml").write_text("version: 1.2.3\n", encoding="utf-8")
    return root


def names(program: Program) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(program.content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_two_builds_are_the_same_bytes(program: Program) -> None:
    assert build() == program


def test_times_permissions_and_order_of_the_sources_do_not_matter(tmp_path: Path) -> None:
    first = build(small_collection(tmp_path / "a"))
    root = small_collection(tmp_path / "b")
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, (number, number))
        if path.is_file():
            path.chmod(0o600)
    (root / "plugins" / "module_utils" / "_metal" / "__pycache__").mkdir()
    (root / "plugins" / "module_utils" / "_metal" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (root / "plugins" / "module_utils" / "_metal" / "notes.txt").write_bytes(b"x")
    assert build(root) == first


def test_a_changed_source_changes_the_program(tmp_path: Path) -> None:
    root = small_collection(tmp_path)
    before = build(root)
    (root / "plugins" / "module_utils" / "_http.py").write_text("X = 1\n", encoding="utf-8")
    assert build(root).sha256 != before.sha256


def test_what_is_in_it(program: Program) -> None:
    inside = names(program)
    assert inside == sorted(inside)
    assert {"__main__.py", "metalstack_provisioning/__init__.py", "metalstack_provisioning/_http.py"} <= set(inside)
    assert "metalstack_provisioning/_image_cache/cli.py" in inside
    assert "metalstack_provisioning/_metal/auth.py" in inside
    assert not [name for name in inside if "preflight" in name or "resource" in name]
    assert all(name.endswith(".py") for name in inside)
    assert not [name for name in inside if "__pycache__" in name or name.startswith(("/", ".."))]
    assert program.content.startswith(b"#!/usr/bin/python3 -I\n")


def test_nothing_in_it_depends_on_time_user_or_zlib(program: Program) -> None:
    with zipfile.ZipFile(io.BytesIO(program.content)) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == stat.S_IFREG | 0o644
            assert (info.create_system, info.compress_type, info.extra) == (3, zipfile.ZIP_STORED, b"")


def test_it_holds_exactly_the_sources_of_this_collection(program: Program) -> None:
    with zipfile.ZipFile(io.BytesIO(program.content)) as archive:
        for name in archive.namelist():
            if name not in ("__main__.py", "metalstack_provisioning/__init__.py"):
                source = COLLECTION_ROOT / "plugins" / "module_utils" / name.partition("/")[2]
                assert archive.read(name) == source.read_bytes()


def test_every_directory_of_it_is_a_package(program: Program) -> None:
    inside = set(names(program))
    for name in inside - {"__main__.py"}:
        assert f"{name.rpartition('/')[0]}/__init__.py" in inside


@pytest.mark.parametrize("python", INTERPRETERS)
def test_it_runs_on_every_python(installed: Path, python: str) -> None:
    result = subprocess.run(
        [python, "-I", str(installed), "--help"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (result.returncode, result.stderr) == (0, "")
    for command in ("plan", "sync", "verify", "status"):
        assert command in result.stdout


@pytest.mark.parametrize("python", INTERPRETERS)
def test_every_module_of_it_can_be_imported_on_every_python(installed: Path, python: str) -> None:
    script = (
        "import importlib, pkgutil, sys; sys.path.insert(0, sys.argv[1]); import metalstack_provisioning as top\n"
        "for found in pkgutil.walk_packages(top.__path__, top.__name__ + '.'):\n"
        "    if not found.name.endswith('__main__'):\n"
        "        print(importlib.import_module(found.name).__name__)\n"
    )
    result = subprocess.run(
        [python, "-I", "-W", "error", "-c", script, str(installed)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "metalstack_provisioning._image_cache.planner" in result.stdout
    assert "metalstack_provisioning._metal.v2" in result.stdout


def test_the_exit_code_is_that_of_the_command(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(build(small_collection(tmp_path / "collection")).content)
    result = subprocess.run([sys.executable, str(path), "a", "b"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (3, "['a', 'b']\n")


def test_the_version_of_a_checkout_and_of_an_installed_collection(tmp_path: Path) -> None:
    root = small_collection(tmp_path)
    assert build(root).version == "1.2.3"
    manifest = {"collection_info": {"version": "4.5.6-rc.1"}}
    (root / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    built = build(root)
    assert built.version == "4.5.6-rc.1"
    assert version_of(built.content) == "4.5.6-rc.1"


def test_the_version_is_that_of_this_collection(program: Program) -> None:
    galaxy = yaml.safe_load((COLLECTION_ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert program.version == version_of(program.content) == galaxy["version"]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\nexit 0\n", b"PK\x05\x06" + bytes(18), b"\x00" * 100])
def test_other_files_have_no_version(content: bytes) -> None:
    assert version_of(content) is None


def test_another_zip_file_has_no_version(program: Program) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("metalstack_provisioning/__init__.py", b"\xff nothing")
    assert version_of(other.getvalue()) is None
    assert version_of(program.content[:-100]) is None


@pytest.mark.parametrize("name", ["_errors.py", "_image_cache/cli.py"])
def test_an_incomplete_collection_is_told(tmp_path: Path, name: str) -> None:
    root = small_collection(tmp_path)
    (root / "plugins" / "module_utils" / name).unlink()
    with pytest.raises(BuildError, match=f"The collection lacks plugins/module_utils/{name}"):
        build(root)


@pytest.mark.parametrize("content", ["", "[]", "version: 1", 'version: "1\\n2"', "version: [", "name: x"])
def test_a_collection_without_version_is_told(tmp_path: Path, content: str) -> None:
    root = small_collection(tmp_path)
    (root / "galaxy.yml").write_text(content, encoding="utf-8")
    with pytest.raises(BuildError, match="The version of the collection"):
        build(root)


def test_the_documentation_is_that_of_the_options() -> None:
    options = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    documented = {
        name: {key: value for key, value in option.items() if key in ("type", "default")}
        for name, option in options.items()
    }
    assert documented == ARGUMENT_SPEC


def play(tmp_path: Path, *options: str, **arguments: Any) -> dict[str, Any]:
    """Run the task once. Returns its result, with ``output`` of Ansible and ``left`` files in the controller's tmp."""
    local_tmp = tmp_path / "local-tmp"
    playbook = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "name": "Install",
                    "metalstack.provisioning.image_cache_sync_program": arguments,
                    "register": "done",
                },
                {
                    "name": "Look for what is left",
                    "ansible.builtin.find": {
                        "paths": str(local_tmp),
                        "recurse": True,
                        "hidden": True,
                        "patterns": "image-cache-sync*",
                        "file_type": "any",
                    },
                    "register": "left",
                },
                {
                    "name": "Keep the results",
                    "ansible.builtin.copy": {
                        "content": "{{ {'done': done, 'left': left.files | length, 'seen': left.examined} | to_json }}",
                        "dest": str(tmp_path / "result.json"),
                        "mode": "0600",
                    },
                    "check_mode": False,
                    "diff": False,
                },
            ],
        }
    ]
    (tmp_path / "play.yml").write_text(json.dumps(playbook), encoding="utf-8")
    environment = {
        **settings(tmp_path),
        "ANSIBLE_LOCAL_TEMP": str(local_tmp),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    result = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", *options, "play.yml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    output = result.stdout + result.stderr
    if result.returncode:
        return {"failed": True, "output": output}
    saved = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert saved["seen"] > 0
    return {**saved["done"], "left": saved["left"], "output": output}


def test_installing_with_ansible(tmp_path: Path, program: Program) -> None:
    dest = tmp_path / "bin" / "image-cache-sync"
    dest.parent.mkdir()

    predicted = play(tmp_path, "--check", "--diff", dest=str(dest))
    assert predicted["changed"] is True
    assert (predicted["version"], predicted["sha256"]) == (program.version, program.sha256)
    assert f"+sha256: {program.sha256}" in predicted["output"]
    assert not dest.exists()

    first = play(tmp_path, dest=str(dest))
    assert first["changed"] is True
    assert first["left"] == 0
    assert (first["dest"], first["sha256"]) == (str(dest), program.sha256)
    assert dest.read_bytes() == program.content
    assert stat.S_IMODE(dest.stat().st_mode) == 0o755

    second = play(tmp_path, "--diff", dest=str(dest))
    assert second["changed"] is False
    assert second["left"] == 0
    assert "sha256:" not in second["output"]
    assert play(tmp_path, "--check", dest=str(dest))["changed"] is False


def test_a_changed_mode_is_seen_and_shown(tmp_path: Path, program: Program) -> None:
    dest = tmp_path / "image-cache-sync"
    dest.write_bytes(program.content)
    dest.chmod(0o644)
    result = play(tmp_path, "--check", "--diff", dest=str(dest))
    assert result["changed"] is True
    assert re.search(r'-\s+"mode": "0644"', result["output"])
    assert stat.S_IMODE(dest.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ({}, {}, True),
        ({}, {"owner": None, "group": None}, True),
        ({"mode": "0644"}, {}, False),
        ({"pw_name": "daemon"}, {}, False),
        ({"gr_name": "daemon"}, {}, False),
        ({"pw_name": "daemon"}, {"owner": None}, True),
        # a symbolic link, and what only the copy action can compare
        ({"isreg": False}, {}, False),
        ({}, {"mode": "u=rwx,go=rx"}, False),
        ({}, {"mode": 0o755}, False),
        ({}, {"owner": "0"}, False),
    ],
)
def test_only_what_is_plainly_as_wanted_is_left_alone(
    found: dict[str, Any], wanted: dict[str, Any], expected: bool
) -> None:
    stats = {"isreg": True, "mode": "0755", "pw_name": "root", "gr_name": "root"}
    arguments = {"owner": "root", "group": "root", "mode": "0755"}
    assert is_as_wanted({**stats, **found}, {**arguments, **wanted}) is expected


def test_a_glance_says_what_a_module_would(tmp_path: Path, program: Program) -> None:
    """Of a program that is there, as it is and with another mode; anything that is not as expected says nothing."""
    said = f"81ed root bin\r\n{program.sha256}  /usr/local/bin/image-cache-sync\r\n"
    wanted = {"isreg": True, "mode": "0755", "pw_name": "root", "gr_name": "bin", "checksum": program.sha256}
    assert glance(said) == wanted
    assert glance(said.replace("81ed", "89e4")) == {**wanted, "mode": "4744"}
    assert glance(said.replace("81ed", "a1ff"))["isreg"] is False
    for wrong in ("", said.replace("root bin", "root"), said.replace(program.sha256, "\\" + program.sha256), said * 2):
        assert glance(wrong) == {}
    # and no module is needed where all is well, until the results are kept
    dest = tmp_path / "image-cache-sync"
    dest.write_bytes(program.content)
    dest.chmod(0o755)
    output = play(tmp_path, "-vvv", dest=str(dest))["output"].partition("TASK [Look for what is left]")[0]
    assert ("sha256sum" in output, "/stat.py" in output) == (True, False)
    dest.chmod(0o750)
    assert "/stat.py" in play(tmp_path, "-vvv", "--check", dest=str(dest))["output"]


@pytest.mark.parametrize(
    ("content", "version"),
    [(None, "0.9.0"), (b"#!/bin/sh\n", "unknown"), (b"\0" * (4 * 1024 * 1024 + 1), "unknown")],
)
def test_replacing_shows_version_and_digest_but_no_content(
    tmp_path: Path, program: Program, content: bytes | None, version: str
) -> None:
    if content is None:
        root = small_collection(tmp_path / "old")
        (root / "galaxy.yml").write_text("version: 0.9.0\n", encoding="utf-8")
        content = build(root).content
    dest = tmp_path / "image-cache-sync"
    dest.write_bytes(content)
    result = play(tmp_path, "--diff", dest=str(dest))
    assert result["changed"] is True
    assert f"-version: {version}\n" in result["output"]
    assert f"+version: {program.version}\n" in result["output"]
    assert dest.read_bytes() == program.content


def test_a_directory_is_refused(tmp_path: Path) -> None:
    result = play(tmp_path, dest=str(tmp_path))
    assert result["failed"] is True
    assert "which is a directory: give the path of the program itself." in result["output"]
    assert "Traceback" not in result["output"]


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    result = play(tmp_path, destination=str(tmp_path))
    assert "Unsupported parameters" in result["output"]
