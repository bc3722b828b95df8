# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the boxes of a storage network stand in its picture. Pure; private to metalstack.provisioning.

Firewalls and clients are above the network, servers below it in their racks. What does not fit into one row goes into
the next; rows that do not touch the network reach it by a line at the side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .words import shortened

WIDTH = 1120
MARGIN = 28
CARD = (158, 66)
GAP = 16
PADDING = 12
HEADING = 26
NETWORK = 56
LINE = 30
#: A rack is as high as this many servers, then a second column begins.
STACK = 6
#: More firewalls and clients than this are only counted.
ABOVE = 18
#: Letters that fit into a card.
LETTERS = 21

Box = dict[str, Any]


def topology(
    network: Mapping[str, str], above: Sequence[Mapping[str, Any]], below: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the picture: ``cards``, ``racks``, ``lines``, ``network``, ``width`` and ``height``.

    ``above`` and ``below`` have ``name``, ``lines`` (of text), ``state``, ``word``, ``kind``, ``joined``, and ``rack``.
    """
    lines: list[Box] = []
    cards: list[Box] = []
    racks: list[Box] = []
    y = 4
    rows = list(_rows([(CARD[0], CARD[1], one) for one in above[:ABOVE]]))
    for number, row in enumerate(rows):
        last = number == len(rows) - 1
        for x, one in row:
            cards.append(_card(x, y, one))
            if one.get("joined", True):
                lines.append(
                    _line(x + CARD[0] / 2, y + CARD[1], x + CARD[0] / 2, y + CARD[1] + LINE / (1 if last else 2))
                )
        if not last:
            lines.append(_line(MARGIN / 2, y + CARD[1] + LINE / 2, row[-1][0] + CARD[0] / 2, y + CARD[1] + LINE / 2))
        y += CARD[1] + LINE
    more = len(above) - ABOVE
    bus = {**network, "x": MARGIN / 2 - 8, "y": y, "w": WIDTH - MARGIN + 16, "h": NETWORK}
    if len(rows) > 1:
        lines.append(_line(MARGIN / 2, 4 + CARD[1] + LINE / 2, MARGIN / 2, y))
    y += NETWORK
    bottom = y
    for number, row in enumerate(list(_rows([_rack(name, servers) for name, servers in _by_rack(below)]))):
        y += LINE
        for x, rack in row:
            lines.append(_line(x + rack["w"] / 2, y - LINE / (2 if number else 1), x + rack["w"] / 2, y))
            racks.append(
                {"x": x, "y": y, "w": rack["w"], "h": rack["h"], "label": rack["label"], "title": rack["title"]}
            )
            cards += [_card(x + dx, y + dy, one) for dx, dy, one in rack["servers"]]
        if number:
            lines.append(_line(MARGIN / 2, y - LINE / 2, row[-1][0] + row[-1][1]["w"] / 2, y - LINE / 2))
            lines.append(_line(MARGIN / 2, bottom, MARGIN / 2, y - LINE / 2))
        y += max(rack["h"] for _x, rack in row)
    return {
        "width": WIDTH,
        "height": y + 4,
        "network": bus,
        "lines": lines,
        "racks": racks,
        "cards": cards,
        "more": max(more, 0),
    }


def _rows(boxes: Sequence[tuple[float, float, Any]]) -> Iterator[list[tuple[float, Any]]]:
    """Put boxes side by side as long as they fit, each row in the middle; yields ``(x, box)``."""
    row: list[tuple[float, Any]] = []
    x = 0.0
    for width, _height, one in boxes:
        if row and x + width > WIDTH - 2 * MARGIN:
            yield _centred(row, x - GAP)
            row, x = [], 0.0
        row.append((x, one))
        x += width + GAP
    if row:
        yield _centred(row, x - GAP)


def _centred(row: Sequence[tuple[float, Any]], width: float) -> list[tuple[float, Any]]:
    left = (WIDTH - width) / 2
    return [(left + x, one) for x, one in row]


def _by_rack(servers: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    racks: dict[str, list[Mapping[str, Any]]] = {}
    for one in servers:
        racks.setdefault(str(one.get("rack") or ""), []).append(one)
    return sorted(racks.items(), key=lambda rack: (rack[0] == "", rack[0]))


def _rack(name: str, servers: Sequence[Mapping[str, Any]]) -> tuple[float, float, Box]:
    """Return size and box of a rack, its servers in columns."""
    columns = -(-len(servers) // STACK)
    high = -(-len(servers) // columns)
    width = columns * (CARD[0] + PADDING) + PADDING
    height = HEADING + high * (CARD[1] + PADDING)
    places = [
        (PADDING + (number // high) * (CARD[0] + PADDING), HEADING + (number % high) * (CARD[1] + PADDING), one)
        for number, one in enumerate(servers)
    ]
    label = shortened(name, LETTERS * columns) if name else "rack not known"
    return width, height, {"w": width, "h": height, "label": label, "title": name or label, "servers": places}


def _card(x: float, y: float, one: Mapping[str, Any]) -> Box:
    text = [str(line) for line in one.get("lines") or ()]
    return {
        "x": x, "y": y, "w": CARD[0], "h": CARD[1],
        "kind": one["kind"], "state": one["state"], "word": shortened(str(one["word"]), LETTERS),
        "joined": one.get("joined", True),
        "name": shortened(str(one["name"]), LETTERS - 4),
        "line": shortened(text[0] if len(text) < 2 else f"{text[0]} +{len(text) - 1}", LETTERS) if text else "",
        "title": f"{one['name']}: {', '.join([*text, str(one['word'])])}",
    }  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float) -> Box:
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
