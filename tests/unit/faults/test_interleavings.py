# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server is disabled while a second operator acts, who comes in between at any request and goes away at any other.

The API itself would let both go: of five servers two may be away. When everything has come to rest, no server is
disabled beside another one that is away, and whoever was told that it worked was told the truth.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ApiError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.client import Lightbits as Client
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import connect
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.faults.tally import TALLY
from tests.unit.lightbits.runner import Runner

from .turns import Turns

# Wait for milliseconds; a state arrives after a number of requests, not after a time.
QUICK = (("wait_interval", 0.001), ("wait_timeout", 60))
PACKAGE = {"version": "3.13.1", "package_uri": "https://packages.example.com/lightos-3-13-1-rhl-9/"}
# More requests than anybody makes.
ALL = 10_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Lightbits]:
    with running_lightbits("--servers", "5") as running:
        yield running


class World:
    """The cluster, and what was to be seen in it at each request."""

    def __init__(self, cluster: Lightbits, pace: int) -> None:
        cluster.control.replace_state()
        cluster.control.forget_requests()
        # without a pace a state has arrived with the next request
        cluster.control.pace(paused=pace > 1, step=0)
        self.cluster = cluster
        self._pace = pace
        self._requests = 0
        self.count = {"first": 0, "second": 0}
        # of the others, when the first one read the servers last
        self.seen: list[str] = []

    def after(self, who: str, path: str) -> None:
        """Note a request, and let time go on."""
        self.count[who] += 1
        if who == "first" and path == "/servers":
            self.seen = [name for name, problem in self.away().items() if problem and name != "server00"]
        self._requests += 1
        if self._pace > 1 and self._requests % self._pace == 0:
            self.cluster.control.pace(advance=1)

    def away(self) -> dict[str, str]:
        """What is wrong with each server, "" when nothing is."""
        state = self.cluster.control.state()
        nodes = {node["serverUUID"]: node["state"] for node in state["nodes"]}
        found = {}
        for server in state["servers"]:
            wrong = [
                word
                for word, fine in (
                    (server["state"], "Enabled"),
                    (nodes[server["UUID"]], "Active"),
                    (server["LastUpgrade"]["Status"], "None"),
                )
                if word != fine
            ]
            found[server["name"]] = ", ".join(wrong)
        return found


def module(cluster: Lightbits, module_name: str, **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: Runner(cluster, module_name, defaults=QUICK)(**options)


def by_hand(cluster: Lightbits) -> Callable[[], dict[str, Any]]:
    """Somebody at the vendor's tool, who looks at nothing."""

    api = connect({}, Runner(cluster, "lightbits_server").environ())
    uuid = next(one["UUID"] for one in cluster.control.state()["servers"] if one["name"] == "server01")

    def disable() -> dict[str, Any]:
        try:
            return api._request("POST", f"/servers/{uuid}/disable", body={})
        except ApiError as error:
            return {"failed": True, "msg": error.message}

    return disable


SECOND: dict[str, Callable[[Lightbits], Callable[[], dict[str, Any]]]] = {
    "disables another one": lambda cluster: module(cluster, "lightbits_server", name="server01", state="disabled"),
    "upgrades another one": lambda cluster: module(cluster, "lightbits_upgrade", server="server01", **PACKAGE),
    "disables another one by hand": by_hand,
}


# What the second operator does; after how many requests a state arrives (at once, or when it is seen on its
# way); every so manieth point is tried, where there are hundreds.
TRIED = [
    ("disables another one", 1, 3),
    ("disables another one", 5, 7),
    ("upgrades another one", 1, 11),
    ("disables another one by hand", 1, 1),
    ("disables another one by hand", 5, 1),
]


def attempt(
    cluster: Lightbits, patch: pytest.MonkeyPatch, second: str, pace: int, order: list[tuple[str, int]]
) -> tuple[World, dict[str, Any]]:
    """Let both act in an order of turns, until nothing is going on any more."""
    world = World(cluster, pace)
    turns = Turns(order, world.after)
    operators = {
        "first": module(cluster, "lightbits_server", name="server00", state="disabled"),
        "second": SECOND[second](cluster),
    }
    with patch.context() as patched:
        original = Client._request
        patched.setattr(Client, "_request", lambda *given, **more: turns.request(original, *given, **more))
        results = turns.play(operators)
    cluster.control.settle()
    return world, results


@pytest.mark.parametrize(("second", "pace", "every"), TRIED)
def test_no_server_is_disabled_beside_one_that_is_away(
    cluster: Lightbits, monkeypatch: pytest.MonkeyPatch, second: str, pace: int, every: int
) -> None:
    monkeypatch.setattr(_reconcile, "_PAUSE", 0.001)
    longest, won = attempt(cluster, monkeypatch, second, pace, [("first", ALL), ("second", ALL)])
    other, lost = attempt(cluster, monkeypatch, second, pace, [("second", ALL), ("first", ALL)])
    # one after the other: with few points in between, these may be the only ones that differ
    outcomes = {tuple(bool(result.get("failed")) for result in results.values()) for results in (won, lost)}
    points = itertools.product(range(longest.count["first"] + 1), range(1, other.count["second"] + 1))
    for mine, theirs in itertools.islice(points, None, None, every):
        order = [("first", mine), ("second", theirs), ("first", ALL), ("second", ALL)]
        world, results = attempt(cluster, monkeypatch, second, pace, order)
        judge(world, results, f"{second}, pace {pace}, {order}")
        outcomes.add(tuple(bool(result.get("failed")) for result in results.values()))
        TALLY.note("lightbits_server beside a second operator", failed=bool(results["first"].get("failed")))
    assert len(outcomes) > 1, "the turns make no difference"


def judge(world: World, results: dict[str, Any], label: str) -> None:
    """Check what two operators have left behind."""
    first = results["first"]
    away = {name: problem for name, problem in world.away().items() if problem}
    told = {who: result.get("msg", "done") for who, result in results.items()}
    if first.get("failed"):
        assert "server00" not in away, (label, away, told)
        assert "the server server01 " in first["msg"] or "the node server01-0" in first["msg"], (label, told)
    else:
        assert "server00" in away, (label, away, told)
        assert world.seen == [], (label, world.seen, told)
    if "by hand" not in label:
        assert len(away) <= 1, (label, away, told)
