# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the real parts are found and named; nothing is built here."""

from __future__ import annotations

import dataclasses
import fcntl
from pathlib import Path

import pytest

from tests.kubernetes import binaries, golang
from tests.kubernetes.base import KubernetesError


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> binaries.Tool:
    monkeypatch.setattr(binaries, "HERE", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "go.mod").write_text("require (\n\texample.org/tool v1.2.3 // indirect\n)\n")
    (tmp_path / "part" / "go.sum").write_text("example.org/tool v1.2.3 h1:x\n")
    return binaries.Tool("tool", "example.org/tool/cmd", "part", "example.org/tool", "example.org/version.Version")


def test_a_binary_is_named_by_all_that_it_is_made_from(tool: binaries.Tool, tmp_path: Path) -> None:
    names = {tool.path.name}
    for name in ("go.mod", "go.sum"):
        with (tmp_path / "part" / name).open("a") as stream:
            stream.write("// another one\n")
        names.add(tool.path.name)
    names.add(dataclasses.replace(tool, package="example.org/tool/other").path.name)
    assert len(names) == 4


def test_a_binary_knows_its_version(tool: binaries.Tool) -> None:
    assert tool.flags[-1] == "-ldflags=-s -w -X example.org/version.Version=v1.2.3"


def test_a_module_that_go_mod_does_not_name(tool: binaries.Tool) -> None:
    with pytest.raises(KubernetesError, match=r"part/go.mod does not name example.org/another"):
        assert dataclasses.replace(tool, module="example.org/another").flags


def test_the_modules_here_name_what_is_built() -> None:
    assert len({tool.path for tool in binaries.TOOLS}) == 3
    for tool in binaries.TOOLS:
        assert f"tool {tool.package}" in _tools(tool) or f"\t{tool.package}" in _tools(tool)


def _tools(tool: binaries.Tool) -> str:
    return (binaries.HERE / tool.folder / "go.mod").read_text()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(golang, "PLACES", ())
    golang.find.cache_clear()
    return tmp_path


def install(directory: Path, version: str) -> Path:
    go = directory / "go"
    go.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n")
    go.chmod(0o755)
    return go


def test_the_go_of_the_machine_is_taken_when_it_is_new_enough(path: Path) -> None:
    go = install(path, "go1.26.2")
    assert golang.find() == go


@pytest.mark.parametrize("version", [None, "go1.21.13"])
def test_otherwise_one_is_fetched(path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    if version is not None:
        install(path, version)
    reasons = []
    monkeypatch.setattr(golang, "_install", lambda why: reasons.append(why) or Path("/fetched/go"))
    assert golang.find() == Path("/fetched/go")
    assert reasons == ["no Go found" if version is None else f"{path / 'go'} is 1.21"]


def test_a_second_build_says_that_it_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "BUILD", tmp_path)
    monkeypatch.setattr(binaries, "BINARIES", tmp_path / "bin")
    monkeypatch.setattr(binaries, "TOOLS", ())
    monkeypatch.setattr(binaries, "DEFINITIONS", ())
    fetched = []
    monkeypatch.setattr(binaries, "etcd", lambda: fetched.append("etcd"))
    with (tmp_path / ".lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        said = []

        def say(what: str) -> None:
            said.append((what, list(fetched)))
            fcntl.flock(first, fcntl.LOCK_UN)

        monkeypatch.setattr(binaries, "say", say)
        binaries.ensure()
    assert said == [("somebody else is building, waiting for that ...", [])]
    assert fetched == ["etcd"]
