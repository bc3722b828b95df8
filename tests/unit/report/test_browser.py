# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a browser: light and dark, on a screen, a telephone and paper. Its pictures are kept in build/report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Browser, chromium
from tests.support.playbook import ROOT

from .asked import asked
from .rendered import render

KEPT = ROOT / "build/report"

# For every piece of text: what it is, and how much it stands out from what is behind it (WCAG 2.1).
CONTRAST = """
(() => {
  const numbers = text => (text.match(/[0-9.]+/g) || [0, 0, 0, 0]).map(Number);
  const parse = text => numbers(text).concat(1).slice(0, 4);
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => c.slice(0, 3).map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (element, box) => {
    let shades = [];
    if (element.ownerSVGElement) {
      for (const shape of element.ownerSVGElement.querySelectorAll('rect')) {
        const r = shape.getBoundingClientRect(), fill = getComputedStyle(shape).fill;
        const around = r.left <= box.left && r.right >= box.right && r.top <= box.top && r.bottom >= box.bottom;
        if (fill !== 'none' && around) shades.unshift(parse(fill));
      }
    }
    for (let one = element; one; one = one.parentElement)
      if (!(one instanceof SVGElement)) shades.push(parse(getComputedStyle(one).backgroundColor));
    return shades.reduceRight((ground, shade) => over(shade, ground), [255, 255, 255, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, box = element.getBoundingClientRect();
    const unseen = ['title', 'desc'].includes(element.tagName) || element.closest('.visually-hidden');
    if (!walker.currentNode.data.trim() || unseen) continue;
    const style = getComputedStyle(element), ground = behind(element, box);
    const [a, b] = [light(over(parse(element.ownerSVGElement ? style.fill : style.color), ground)), light(ground)];
    found.push([walker.currentNode.data.trim(), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]);
  }
  return found;
})()
"""

# Texts of pictures that reach out of their boxes.
TOO_LONG = """
[...document.querySelectorAll('.card, .step')].flatMap(one => {
  const box = one.querySelector('rect').getBoundingClientRect();
  return [...one.querySelectorAll('text')].filter(text => {
    const r = text.getBoundingClientRect();
    return r.width && (r.left < box.left || r.right > box.right || r.top < box.top || r.bottom > box.bottom);
  }).map(text => text.textContent);
})
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests of this file."""
    with chromium(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A partition that is well, a large one with long names and troubles, and one of which nothing is known."""
    large = asked(16, 16)
    large["notes"] = {"storage_cluster": "emulated", "kubernetes": "emulated"}
    large["hosts"] = {
        name.replace("storage-", "a-storage-server-of-frankfurt-"): one for name, one in large["hosts"].items()
    }
    large["hosts"]["cache-1"]["failure"] = "timed out waiting for ping module test: Connection refused"
    large["cluster"]["seen"]["health"] = {
        "ok": False,
        "state": "Error",
        "problems": ["The server storage-2 is in the state Disabled."],
    }
    large["metal_api"]["machines"] *= 9
    nothing = {
        "partition": "fra-01",
        "time": "2026-11-28T15:00:00Z",
        "cluster": {"absent": "lightos_cluster_id is not set."},
    }
    directory = tmp_path_factory.mktemp("pages")
    found: dict[str, Any] = {"well": asked(), "large": large, "nothing": nothing}
    for name, data in found.items():
        (directory / f"{name}.html").write_text(render(data), encoding="utf-8")
    return {name: directory / f"{name}.html" for name in found}


@pytest.mark.parametrize("name", ["well", "large", "nothing"])
def test_page_is_readable_in_light_and_dark(browser: Browser, pages: dict[str, Path], name: str) -> None:
    grounds = []
    KEPT.mkdir(parents=True, exist_ok=True)
    for mode in ("light", "dark"):
        browser.open(pages[name], dark=mode == "dark")
        assert browser.console == []
        # nothing but itself: it can be viewed without a network
        assert browser.requested == [pages[name].as_uri()]
        pale = [(text, round(ratio, 2)) for text, ratio in browser.evaluate(CONTRAST) if ratio < 4.5]
        assert pale == [], mode
        assert browser.evaluate(TOO_LONG) == []
        assert browser.evaluate("document.documentElement.scrollWidth") == 1240
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert browser.picture(KEPT / f"{name}-{mode}.png").startswith(b"\x89PNG")
    assert grounds == ["rgb(244, 246, 249)", "rgb(14, 19, 26)"]


def test_page_shows_what_it_says(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["well"])
    assert browser.evaluate("document.title") == "Partition fra-01: All is well"
    assert browser.evaluate("document.querySelectorAll('svg .card.server').length") == 5
    assert browser.evaluate("document.querySelectorAll('svg .card.firewall.outside').length") == 1
    # firewalls and clients that are in it, and racks
    assert browser.evaluate("document.querySelectorAll('#storage-network .wire').length") == 3 + 3
    assert browser.evaluate("document.querySelectorAll('.badge').length") > 20
    assert browser.evaluate("getComputedStyle(document.querySelector('.tiles')).display") == "grid"


def test_page_fits_a_telephone(browser: Browser, pages: dict[str, Path]) -> None:
    """Tables and pictures move inside of their own frames."""
    browser.open(pages["large"], width=390, height=800)
    assert browser.evaluate("document.documentElement.scrollWidth") == 390


def test_page_can_be_printed(browser: Browser, pages: dict[str, Path]) -> None:
    """On paper it is light, also where the screen is dark."""
    browser.open(pages["well"], dark=True, media="print", width=700)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert [text for text, ratio in browser.evaluate(CONTRAST) if ratio < 4.5] == []
    assert browser.evaluate("document.documentElement.scrollWidth") == 700
    browser.picture(KEPT / "well-print.png")
    paper = browser.paper(KEPT / "well.pdf")
    assert paper.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 6
