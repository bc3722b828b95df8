# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The claims about the page at the end of the demo: the story ends where the page does not say what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.report import NOTES, no_secret_is_on_it, what_it_says
from tests.demo.story import Story, StoryError

from ..report.asked import FILES, asked
from ..report.rendered import render

ADDRESSES = {f"storage-{number}": f"10.131.0.{10 + number}" for number in (1, 2, 3)}
CACHED = [one["file"] for one in FILES]
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0"


@pytest.fixture(scope="module")
def page() -> str:
    parts = ("storage_network", "image_cache", "storage_cluster", "kubernetes")
    return render({**asked(3), "notes": dict(zip(parts, NOTES.values()))})


def test_page_of_a_partition_that_is_well_says_all_of_it(page: str) -> None:
    lines: list[str] = []
    story = Story(lines.append)
    what_it_says(story, page, ADDRESSES, CACHED)
    no_secret_is_on_it(story, page, {Path("token"): TOKEN})
    assert story.checks > len(ADDRESSES) + len(CACHED) + len(NOTES)
    assert f"{len(CACHED)} files, whole on cache-1 and cache-2" in lines[0]
    assert "healthy, 69.4 % free" in lines[0]


@pytest.mark.parametrize(
    ("old", "new", "otherwise"),
    [
        ("cache-2", "cache-9", "cache-2 is not on the page"),
        ("10.131.0.12", "10.131.0.99", "storage-2 is enabled at 10.131.0.12"),
        ("Enabled", "Disabled", "storage-1 is enabled"),
        ("whole", "damaged", f"all cache hosts have {CACHED[0]}"),
        ("healthy", "degraded", "the cluster of three servers is healthy"),
        ("3 of 3 of the cluster", "2 of 3 of the cluster", "storage classes that name all servers of the cluster"),
        ("csi.lightbitslabs.com", "example.com/other", "storage classes that name all servers of the cluster"),
        ("the metal-api is emulated", "", "does not say beside 'Storage network': the metal-api is emulated"),
        ("</main>", '<script src="x.js"></script></main>', "the page loads something"),
    ],
)
def test_page_that_says_something_else_ends_the_story(page: str, old: str, new: str, otherwise: str) -> None:
    assert old in page
    with pytest.raises(StoryError, match=otherwise):
        what_it_says(Story(lambda _text: None), page.replace(old, new), ADDRESSES, CACHED)


def test_secret_on_the_page_ends_the_story_without_being_told(page: str) -> None:
    story = Story(lambda _text: None)
    with pytest.raises(StoryError) as caught:
        no_secret_is_on_it(story, page.replace("</main>", f"<p>{TOKEN}</p></main>"), {Path("a/token"): f"{TOKEN}\n"})
    assert str(caught.value) == "a line of token is on the page"
    with pytest.raises(StoryError, match="there is nothing to look for"):
        no_secret_is_on_it(story, page, {})
