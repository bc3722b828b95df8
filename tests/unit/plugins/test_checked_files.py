# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module checked_files: nothing is replaced unless everything passes, and check mode says what would be."""

from __future__ import annotations

import getpass
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.metalstack.provisioning.plugins.modules import checked_files

OWNER = getpass.getuser()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Call the module, return (exit code, result)."""
    temporary = tmp_path / "ansible-tmp"
    temporary.mkdir()

    def call(check: bool = False, diff: bool = False, **arguments: Any) -> tuple[int, dict[str, Any]]:
        for kind in ("files", "directories"):
            arguments[kind] = [{"owner": OWNER, **entry} for entry in arguments.get(kind, [])]
        arguments.update(_ansible_check_mode=check, _ansible_diff=diff, _ansible_tmpdir=str(temporary))
        with patch_module_args(arguments), pytest.raises(SystemExit) as stopped:
            checked_files.main()
        return int(stopped.value.code or 0), json.loads(capsys.readouterr().out)

    return call


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_directories_are_created_and_then_left_alone(run: Any, tmp_path: Path) -> None:
    directory, file = tmp_path / "d" / "e", tmp_path / "d" / "e" / "f.conf"
    wanted = {
        "directories": [{"path": str(directory), "mode": "0750"}],
        "files": [{"path": str(file), "content": "one\n", "mode": "0640"}],
    }
    code, result = run(**wanted)
    assert (code, result["changed"]) == (0, True)
    assert (result["replaced"], result["adjusted"]) == ([str(file)], [str(directory)])
    assert (file.read_text(), mode(file), mode(directory)) == ("one\n", 0o640, 0o750)
    written = file.stat().st_mtime_ns

    code, result = run(**wanted)
    assert (code, result["changed"], result["replaced"], result["adjusted"]) == (0, False, [], [])
    assert file.stat().st_mtime_ns == written


def test_check_mode_predicts_and_changes_nothing(run: Any, tmp_path: Path) -> None:
    directory, old, new = tmp_path / "d", tmp_path / "old", tmp_path / "d" / "new"
    old.write_text("before\n")
    old.chmod(0o644)
    wanted = {
        "directories": [{"path": str(directory)}],
        "files": [{"path": str(old), "content": "after\n"}, {"path": str(new), "content": "new\n"}],
    }
    code, predicted = run(check=True, diff=True, **wanted)
    assert code == 0
    assert old.read_text() == "before\n"
    assert not directory.exists()
    assert [(part["before"], part["after"]) for part in predicted["diff"][1:]] == [
        ("before\n", "after\n"),
        ("", "new\n"),
    ]

    _code, done = run(**wanted)
    assert {key: predicted[key] for key in ("changed", "replaced", "adjusted")} == {
        key: done[key] for key in ("changed", "replaced", "adjusted")
    }
    assert (old.read_text(), new.read_text()) == ("after\n", "new\n")


def test_owner_and_mode_are_corrected_without_touching_the_content(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    file.chmod(0o666)
    inode = file.stat().st_ino
    wanted = {"files": [{"path": str(file), "content": "x", "mode": "0600"}]}
    _code, predicted = run(check=True, **wanted)
    assert (predicted["changed"], mode(file)) == (True, 0o666)
    _code, result = run(**wanted)
    assert (result["replaced"], result["adjusted"], mode(file), file.stat().st_ino) == ([], [str(file)], 0o600, inode)


def test_without_an_owner_it_is_who_runs_the_task(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    for kind in ("owner", "group"):
        monkeypatch.setattr(
            checked_files.AnsibleModule,
            f"set_{kind}_if_different",
            lambda _self, _path, wanted, _changed, kind=kind: asked.append((kind, wanted)),
        )
    file = tmp_path / "f"
    code, result = run(diff=True, files=[{"path": str(file), "content": "x", "mode": "0600", "owner": None}])
    assert (code, result["replaced"]) == (0, [str(file)])
    assert set(asked) == {("owner", str(os.geteuid())), ("group", str(os.getegid()))}

    asked.clear()
    code, result = run(files=[{"path": str(file), "content": "x", "mode": "0600", "owner": None}])
    assert (code, result["changed"], asked) == (0, False, [])
    file.chmod(0o640)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    code, result = run(
        check=True, diff=True, files=[{"path": str(file), "content": "x", "mode": "0600", "owner": None}]
    )
    assert [part["after"] for part in result["diff"]] == [f"owner {os.geteuid()}, mode 0600\n"]


@pytest.mark.parametrize("check", [False, True])
def test_one_refused_file_leaves_all_as_they_were(run: Any, tmp_path: Path, check: bool) -> None:
    good, bad = tmp_path / "good.conf", tmp_path / "bad.conf"
    good.write_text("old good\n")
    bad.write_text("old bad\n")
    code, result = run(
        check=check,
        directories=[{"path": str(tmp_path / "new")}],
        files=[{"path": str(good), "content": "fine\n"}, {"path": str(bad), "content": "wrong\n"}],
        checks=[{"command": ["/bin/sh", "-c", f"! grep -Hn wrong {{stage}}{bad}"], "files": [str(bad)]}],
    )
    assert code == 1
    assert result["msg"].startswith("Nothing was replaced, because sh refuses")
    # the operator sees the path of the file, not of the copy that was checked
    assert f"It says: {bad}:1:wrong" in result["msg"]
    assert (good.read_text(), bad.read_text(), (tmp_path / "new").exists()) == ("old good\n", "old bad\n", False)


def test_checks_see_all_files_under_their_own_names_and_the_environment(run: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "one.service", tmp_path / "a" / "two.service"
    code, result = run(
        directories=[{"path": str(tmp_path / "a")}],
        files=[{"path": str(one), "content": "1"}, {"path": str(two), "content": "2"}],
        checks=[
            {
                "command": ["/bin/sh", "-c", 'test "$(cat "$WHERE/one.service" "$WHERE/two.service")" = 12'],
                "environment": {"WHERE": f"{{stage}}{tmp_path}/a"},
            }
        ],
    )
    assert code == 0, result


def test_a_check_runs_only_for_its_own_files(run: Any, tmp_path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    same.write_text("same")
    same.chmod(0o644)
    files = [{"path": str(same), "content": "same"}, {"path": str(other), "content": "new"}]
    check = {"command": ["/bin/false"], "files": [str(same)]}
    code, result = run(files=files, checks=[check])
    assert (code, result["replaced"]) == (0, [str(other)])
    other.unlink()
    code, result = run(files=files, checks=[{**check, "files": [str(other)]}])
    assert (code, other.exists()) == (1, False)
    assert "false refuses" in result["msg"]


def test_check_mode_skips_what_a_run_would_install_first(run: Any, tmp_path: Path) -> None:
    file, program = tmp_path / "f", tmp_path / "program"
    wanted = {
        "files": [{"path": str(file), "content": "x"}],
        "checks": [{"command": [str(program), "{stage}"], "requires": [str(program)]}],
    }
    code, result = run(check=True, **wanted)
    assert (code, result["changed"]) == (0, True)
    # a real run insists on the check
    code, result = run(**wanted)
    assert (code, file.exists()) == (1, False)


def test_a_foreign_file_is_kept_once_and_ours_is_not(run: Any, tmp_path: Path) -> None:
    file, backup = tmp_path / "f", tmp_path / "f.before"
    file.write_text("theirs\n")
    entry = {"path": str(file), "backup": str(backup)}
    run(mark="of ours", files=[{**entry, "content": "# of ours\n1\n"}])
    assert backup.read_text() == "theirs\n"
    run(mark="of ours", files=[{**entry, "content": "# of ours\n2\n"}])
    assert (file.read_text(), backup.read_text()) == ("# of ours\n2\n", "theirs\n")


def test_a_secret_is_nowhere_but_in_its_file(run: Any, tmp_path: Path) -> None:
    """Also not in the diff of another file, nor readable in the staging directory."""
    file, other = tmp_path / "password", tmp_path / "f"
    seen = tmp_path / "seen"
    for secret, before in (("correct horse", ""), ("battery staple", "another secret\n")):
        wanted = {
            "files": [
                {"path": str(file), "secret": secret, "mode": "0600"},
                {"path": str(other), "content": f"password {secret}\n"},
            ],
            "checks": [{"command": ["/bin/sh", "-c", f"stat -c %a {{stage}}{file} > {seen}"]}],
        }
        code, result = run(diff=True, **wanted)
        assert (code, result["replaced"]) == (0, [str(file), str(other)])
        assert (file.read_text(), mode(file), seen.read_text()) == (secret, 0o600, "600\n")
        assert secret not in json.dumps(result)
        assert (result["diff"][0]["before"], result["diff"][0]["after"]) == (before, "the secret that was given\n")
        code, result = run(diff=True, **wanted)
        assert (code, result["changed"], result["diff"]) == (0, False, [])


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"path": "relative/f"}, "is not plain and absolute"),
        ({"path": "/etc/../f"}, "is not plain and absolute"),
        (
            {"path": "/nonexistent/f", "mode": "rw-r--r--"},
            'is "rw-r--r--": give four octal digits in quotes such as "0644".',
        ),
        # 0640 without quotes
        ({"path": "/nonexistent/f", "mode": 416}, 'is "416": give four octal digits in quotes such as "0644".'),
        ({"path": "/nonexistent/f", "secret": "of a file"}, "parameters are mutually exclusive: content|secret"),
    ],
)
def test_wrong_arguments_get_one_sentence(run: Any, entry: dict[str, Any], sentence: str) -> None:
    code, result = run(files=[{"content": "", **entry}])
    assert code == 1
    assert sentence in result["msg"]


def test_a_path_given_twice_is_refused(run: Any, tmp_path: Path) -> None:
    entry = {"path": str(tmp_path / "f"), "content": ""}
    code, result = run(files=[entry, entry])
    assert (code, "is given twice" in result["msg"]) == (1, True)


def test_a_file_without_a_directory_is_found_before_another_is_replaced(run: Any, tmp_path: Path) -> None:
    good, lost = tmp_path / "good", tmp_path / "a" / "f"
    wanted = {"files": [{"path": str(path), "content": "x"} for path in (good, lost)]}
    code, result = run(**wanted)
    assert (code, good.exists()) == (1, False)
    assert f"Nothing was replaced, because the directory of {lost} does not exist" in result["msg"]
    code, result = run(check=True, **wanted)
    assert (code, result["replaced"]) == (0, [str(good), str(lost)])
    code, result = run(directories=[{"path": str(tmp_path / "a" / "b")}], **wanted)
    assert (code, lost.read_text()) == (0, "x")


def test_an_error_of_the_file_system_is_one_sentence_and_leaves_no_staging(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "file").write_text("")
    code, result = run(
        files=[{"path": str(tmp_path / "d"), "content": "x"}], directories=[{"path": str(tmp_path / "file" / "sub")}]
    )
    assert code == 1
    assert "cannot be read or written: Not a directory." in result["msg"]
    assert [name for name in os.listdir(tmp_path) if name.startswith("checked-files-")] == []
