# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo as far as it needs no hosts: telling, checking, and reading what a playbook did."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.demo import __main__ as program
from tests.demo import chapters, kubernetes, storage
from tests.demo.partition import Partition
from tests.demo.story import Story, StoryError, size, table, wait_until
from tests.testbed.playbook import changed_tasks, read_recap

OUTPUT = """
TASK [Say PLAY RECAP] ***
ok: [cache-1]

PLAY RECAP *********************************************************************
cache-1                    : ok=21   changed=9    unreachable=0    failed=0    skipped=7    rescued=0    ignored=0
cache-2                    : ok=20   changed=0    unreachable=1    failed=2    skipped=7    rescued=0    ignored=0

"""


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def story(lines: list[str]) -> Story:
    return Story(lines.append)


def test_a_chapter_is_numbered_and_its_text_indented(story: Story, lines: list[str]) -> None:
    story.chapter("First")
    story.tell("Something " * 20)
    story.chapter("Second")
    story.show("a\n  b\n")
    text = "\n".join(lines)
    assert text.startswith("\n1. First\n   Something")
    assert text.endswith("\n2. Second\n     a\n       b")
    assert max(map(len, text.splitlines())) <= 100


def test_a_claim_that_does_not_hold_ends_the_story_with_its_sentence(story: Story) -> None:
    story.check(True, "never seen")
    with pytest.raises(StoryError, match=r"^99 of 100$"):
        story.check(False, "99 of 100")
    assert story.checks == 1


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (16 << 20, "16.0 MiB"), (3 << 40, "3072.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_table_has_columns() -> None:
    assert table(("WHAT", "SIZE"), [("image", "16.0 MiB"), ("x", "1 B")]) == "WHAT   SIZE\nimage  16.0 MiB\nx      1 B"


def test_waiting_ends_when_it_holds_or_with_the_sentence() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), "not needed", pause=0)
    with pytest.raises(StoryError, match=r"^it does not come back \(waited 0 s\)$"):
        wait_until(lambda: False, "it does not come back", timeout=0, pause=0)


def test_recap_of_a_playbook() -> None:
    found = read_recap(OUTPUT)
    assert found["cache-1"]["changed"] == 9
    assert found["cache-2"] == {
        "ok": 20, "changed": 0, "unreachable": 1, "failed": 2, "skipped": 7, "rescued": 0, "ignored": 0,
    }  # fmt: skip
    assert read_recap("ERROR! no inventory was parsed") == {}


def test_tasks_that_changed_something_are_named_once() -> None:
    output = (
        "TASK [role : Install] ***\nok: [cache-1]\nchanged: [cache-2]\nchanged: [cache-1]\n\n"
        "RUNNING HANDLER [role : Restart nginx] ***\nchanged: [cache-1 -> store]\n\nTASK [Look] ***\nok: [cache-1]\n"
    )
    assert changed_tasks(output) == ["role : Install", "role : Restart nginx"]
    assert changed_tasks("PLAY RECAP ***\ncache-1 : ok=1 changed=0") == []


def test_the_end_says_how_to_look_and_how_to_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTBED_WORLD", raising=False)
    monkeypatch.setenv("TESTBED_NETWORK", "172.30.99")
    text = chapters.ending(Partition())
    assert "docker exec -it metalstack-provisioning-demo-cache-1 bash" in text
    assert "TESTBED_WORLD=demo TESTBED_NETWORK=172.30.99" in text
    assert "make clean" in text


def test_the_end_of_the_storage_says_how_to_go_on_without_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TESTBED_NETWORK", "172.30.99")
    monkeypatch.setenv("TESTBED_WORLD", "mine")
    rack = storage.Rack()
    # one network after that of the image cache
    assert rack.world.network == "172.30.100"
    monkeypatch.setattr(rack.world, "access", lambda: {"METALCTL_HMAC": "a-secret", "METALCTL_API_URL": "https://x"})
    text = storage.ending(rack)
    assert "a-secret" not in text
    assert "export TESTBED_WORLD=mine-demo-storage TESTBED_NETWORK=172.30.100" in text
    assert "-i molecule/lightos/inventory.yml -i molecule/lightos/inventory_servers.metal.yml" in text


def test_the_end_of_kubernetes_says_how_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_WORLD", "mine")
    text = kubernetes.ending(storage.Rack())
    assert "export KUBECONFIG=$PWD/build/kubernetes/worlds/mine-demo-storage/kubeconfig" in text
    assert "TESTBED_WORLD=mine-demo-storage .venv/bin/python -m tests.kubernetes down" in text


class NoWorld:
    """Instead of the Kubernetes of a demo that may be running; it knows how often it was taken down."""

    def __init__(self) -> None:
        self.downs = 0

    def down(self) -> None:
        self.downs += 1


def run(monkeypatch: pytest.MonkeyPatch, *told: Any) -> int:
    earlier = NoWorld()
    monkeypatch.setattr(program.kubernetes, "world", lambda _rack: earlier)
    monkeypatch.setattr(program.kubernetes, "ending", lambda _rack: "")
    monkeypatch.setattr(program, "CHAPTERS", told)
    monkeypatch.setattr(program.storage, "CHAPTERS", ())
    monkeypatch.setattr(program.storage, "ending", lambda _rack: "")
    monkeypatch.setattr(program.kubernetes, "Build", contextlib.nullcontext)
    monkeypatch.setattr(program.kubernetes, "storage_classes", lambda *_all: None)
    monkeypatch.setattr(program.report, "report", lambda *_all: None)
    monkeypatch.setattr(program.engine, "ensure", lambda: "1")
    monkeypatch.setattr(program.images, "ensure", lambda: None)
    monkeypatch.setattr("sys.argv", ["demo"])
    code = program.main()
    assert earlier.downs == 1
    return code


def test_the_program_ends_with_1_where_a_claim_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def good(story: Story, _partition: Partition) -> None:
        story.chapter("Good")
        story.check(True, "")

    def bad(story: Story, _partition: Partition) -> None:
        story.check(False, "the image arrived damaged")

    def never(_story: Story, _partition: Partition) -> None:
        raise AssertionError("the story goes on after a claim that does not hold")

    assert run(monkeypatch, good, bad, never) == 1
    said = capsys.readouterr()
    assert said.err == "\ndemo: the story ends here: the image arrived damaged\n"
    assert "All of it is still running" not in said.out
    assert run(monkeypatch, good, good) == 0
    said = capsys.readouterr().out
    assert "2 claims checked" in said
    assert said.endswith("build/report.html\n")
