# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agreement between cache hosts, explored in every order in which their steps can happen."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.claims import (
    DONE,
    DOWNLOADING,
    GO,
    INTENT,
    LOOK,
    RETRY,
    WAIT,
    WAITING,
    Claim,
    Claims,
    Decision,
    PeerState,
    parse_state,
    rank,
)

KEY = "images.test/a/img"
# In the shared part of a state: which hosts have the blob, and how often the store gave it away.
DONE_MARK = "blob at "
FETCHES = "fetches"


@dataclass
class Host:
    """One host that goes through the protocol for one file, a step at a time."""

    name: str
    claims: Claims
    peers: list[str]
    at: str = "publish"
    views: dict[str, PeerState | None] = field(default_factory=dict)
    action: str = ""
    fails: bool = False

    def step(self, documents: dict[str, Any]) -> None:
        """Do the next thing that others can see, or that depends on others, and all that follows unseen."""
        if self.at == "publish":
            if self.action in ("", RETRY):
                self.claims.request(KEY)
            documents[self.name] = self.claims.document()
            self.views = {}
            self.at = f"read {self.peers[0]}"
        elif self.at.startswith("read "):
            peer = self.at.partition(" ")[2]
            self.views[peer] = parse_state(documents[peer])
            following = self.peers.index(peer) + 1
            if following < len(self.peers):
                self.at = f"read {self.peers[following]}"
                return
            self.claims.observe(self.views, 0.0)
            self.action = self.claims.resolve(0.0)[KEY].action
            self.at = "announce" if self.action == GO else "publish"
        elif self.at == "announce":
            documents[self.name] = self.claims.document()
            self.at = "asking"
        elif self.at == "asking":
            # for the blob, which is there from the moment at which a host has it
            if any(DONE_MARK + other in documents for other in self.peers):
                self.claims.done(KEY, Claim(DONE, md5="0" * 32))
                self.at = "got it"
                documents[self.name] = self.claims.document()
            else:
                self.at = "downloading"
                documents[FETCHES] += 1
        elif self.fails:
            self.claims.release(KEY)
            self.at = "gave up"
            documents[self.name] = self.claims.document()
        else:
            documents[DONE_MARK + self.name] = True
            self.claims.done(KEY, Claim(DONE, md5="0" * 32))
            self.at = "got it"
            documents[self.name] = self.claims.document()

    def copy(self) -> Host:
        """Return a host that goes on independently. Time stands still, so what was seen when may be shared."""
        claims = copy.copy(self.claims)
        for name in ("_own", "_announced", "_peers"):
            setattr(claims, name, copy.copy(getattr(claims, name)))
        return replace(self, claims=claims, views=dict(self.views))

    def key(self) -> Any:
        """Return what tells apart the states of a host; sequence numbers only say that time passes."""
        own = {name: claim.state for name, claim in self.claims._own.items()}
        return self.at, self.action, own.get(KEY), tuple((name, _seen(view)) for name, view in self.views.items())

    @property
    def ended(self) -> bool:
        return self.at in ("got it", "gave up", "crashed")

    @property
    def fetches(self) -> bool:
        return self.at in ("announce", "asking", "downloading")


@dataclass
class World:
    hosts: list[Host]
    documents: dict[str, Any]
    crashes: int

    def successors(self) -> Iterator[World]:
        """Yield everything that can happen next."""
        for number, host in enumerate(self.hosts):
            if not host.ended:
                following = self.copy(number)
                following.hosts[number].step(following.documents)
                yield following
                if self.crashes:
                    following = self.copy(number)
                    following.crashes -= 1
                    following.hosts[number].at = "crashed"
                    yield following
            if host.at == "crashed" and self.documents[host.name] is not None:
                # its document is stale for everybody from some time on, or it cannot be reached
                following = self.copy(number)
                following.documents[host.name] = None
                yield following

    def copy(self, changing: int) -> World:
        """Return a world in which one host may change."""
        hosts = [host.copy() if number == changing else host for number, host in enumerate(self.hosts)]
        return World(hosts, dict(self.documents), self.crashes)

    def key(self) -> Any:
        """Return what tells states apart."""
        documents = [self.documents[host.name] for host in self.hosts]
        shown = tuple(None if d is None else d["files"].get(KEY, {}).get("state", "") for d in documents)
        blobs = tuple(DONE_MARK + host.name in self.documents for host in self.hosts)
        return self.crashes, tuple(host.key() for host in self.hosts), shown, blobs, self.documents[FETCHES]


def _seen(view: PeerState | None) -> str | None:
    return None if view is None else view.files[KEY].state if KEY in view.files else ""


def explore(names: str, crashes: int, failing: str = "") -> tuple[int, set[tuple[int, int]]]:
    """Visit every reachable state.

    Returns (their number, the ends), an end being (hosts that have the file, downloads from the store).
    """
    hosts = [
        Host(name, Claims(name, f"run of {name}"), [other for other in names if other != name], fails=name in failing)
        for name in names
    ]
    first = World(hosts, {**dict.fromkeys(names), FETCHES: 0}, crashes)
    known: dict[Any, int] = {first.key(): 0}
    predecessors: list[list[int]] = [[]]
    open_worlds = [(0, first)]
    good: list[int] = []
    ends: set[tuple[int, int]] = set()
    while open_worlds:
        number, world = open_worlds.pop()
        fetching = [host.name for host in world.hosts if host.fetches]
        assert len(fetching) <= 1, f"{fetching} fetch the file at the same time: {[h.at for h in world.hosts]}"
        if all(host.ended for host in world.hosts):
            good.append(number)
            ends.add((sum(host.at == "got it" for host in world.hosts), world.documents[FETCHES]))
            continue
        for following in world.successors():
            key = following.key()
            if key not in known:
                known[key] = len(predecessors)
                predecessors.append([])
                open_worlds.append((known[key], following))
            predecessors[known[key]].append(number)
    # no deadlock, and no circle without an exit: from everywhere an end can be reached
    reached = set(good)
    stack = list(good)
    while stack:
        for previous in predecessors[stack.pop()]:
            if previous not in reached:
                reached.add(previous)
                stack.append(previous)
    assert len(reached) == len(predecessors), "there are states from which the hosts never come to an end"
    return len(predecessors), ends


def test_two_hosts_never_fetch_the_same_file_at_the_same_time() -> None:
    """Every interleaving of two hosts."""
    states, ends = explore("ab", 0)
    assert states > 50
    assert ends == {(2, 1)}


def test_two_hosts_with_crashes() -> None:
    """Every interleaving, each host may die at any step, one after the other."""
    states, ends = explore("ab", 2)
    assert states > 200
    # a host that dies in the middle costs the download that it had begun, and no more
    assert ends == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 1)}


def test_a_host_whose_download_fails_lets_the_other_try() -> None:
    """A failed file is given up and does not stop others."""
    assert explore("ab", 0, failing="a")[1] == {(1, 2), (2, 1)}
    assert explore("ab", 0, failing="ab")[1] == {(0, 2)}


def test_three_hosts() -> None:
    """Every interleaving of three hosts."""
    states, ends = explore("abc", 0)
    assert states > 1000
    assert ends == {(3, 1)}


def test_three_hosts_one_of_which_crashes() -> None:
    """Every interleaving of three hosts, any of which may die at any step."""
    states, ends = explore("abc", 1)
    assert states > 5000
    assert ends == {(2, 1), (2, 2), (3, 1)}


def peer(state: str, *, host: str = "b", sequence: int = 1, progress: int = 0, run: str = "run b") -> PeerState:
    """Return the document of another host about one file."""
    return PeerState(host, run, sequence, {KEY: Claim(state, progress)})


def intending(**options: float) -> Claims:
    """Return a host that has announced its intent."""
    claims = Claims("a", "run a", **options)
    claims.request(KEY)
    claims.document()
    return claims


def higher_and_lower() -> tuple[str, str]:
    """Return the names of a host that ranks above ``a`` for the file, and of one below."""
    names = [f"host-{number}" for number in range(20)]
    own = rank(KEY, "a", "run a")
    return (
        next(name for name in names if rank(KEY, name, "run b") > own),
        next(name for name in names if rank(KEY, name, "run b") < own),
    )


def test_an_intent_that_nobody_could_see_yet_is_not_decided() -> None:
    claims = Claims("a", "run a")
    claims.request(KEY)
    claims.observe({}, 0.0)
    assert claims.resolve(0.0) == {}
    claims.document()
    assert claims.resolve(0.0)[KEY].action == GO


def test_rank_decides_between_intents() -> None:
    higher, lower = higher_and_lower()
    claims = intending()
    claims.observe({"x": peer(INTENT, host=higher)}, 0.0)
    assert claims.resolve(0.0)[KEY].action == WAIT
    assert claims.document()["files"][KEY]["state"] == WAITING
    claims = intending()
    claims.observe({"x": peer(INTENT, host=lower)}, 0.0)
    assert claims.resolve(0.0)[KEY].action == LOOK
    claims.observe({"x": peer(WAITING, host=lower)}, 1.0)
    assert claims.resolve(1.0)[KEY].action == GO


def test_a_download_is_waited_for_whatever_the_rank() -> None:
    for name in higher_and_lower():
        claims = intending()
        claims.observe({"x": peer(DOWNLOADING, host=name)}, 0.0)
        assert claims.resolve(0.0)[KEY] == Decision(WAIT, "x")


def test_the_rank_differs_between_files_so_that_hosts_share_the_work() -> None:
    keys = [f"images.test/{number}/img" for number in range(400)]
    first = sum(rank(key, "cache-1", "x") > rank(key, "cache-2", "y") for key in keys)
    assert 150 < first < 250


def test_two_hosts_of_the_same_name_do_not_block_each_other() -> None:
    assert rank(KEY, "a", "run 1") != rank(KEY, "a", "run 2")


@pytest.mark.parametrize("state", [WAITING, DONE])
def test_others_do_not_hinder(state: str) -> None:
    claims = intending()
    claims.observe({"b": peer(state)}, 0.0)
    assert claims.resolve(0.0)[KEY].action == GO


def test_a_stale_peer_is_not_counted() -> None:
    claims = intending()
    for now, action in ((0.0, WAIT), (29.0, WAIT), (30.0, RETRY)):
        claims.observe({"b": peer(DOWNLOADING)}, now)
        assert claims.resolve(now)[KEY].action == action
    # a new sequence number is a sign of life
    claims.request(KEY)
    claims.document()
    claims.observe({"b": peer(DOWNLOADING, sequence=2)}, 31.0)
    assert claims.resolve(31.0)[KEY].action == WAIT


def test_a_peer_without_progress_is_waited_for_only_so_long() -> None:
    claims = intending()
    actions = []
    for second in range(0, 200, 10):
        claims.observe({"b": peer(DOWNLOADING, sequence=second, progress=min(second, 50))}, float(second))
        decision = claims.resolve(float(second)).get(KEY)
        actions.append(decision.action if decision else None)
    assert actions[:17] == [WAIT] * 17
    assert actions[17] == RETRY


def test_a_stall_of_an_earlier_claim_is_forgotten() -> None:
    claims = intending()
    claims.observe({"b": peer(DOWNLOADING, sequence=1)}, 0.0)
    assert claims.resolve(0.0)[KEY].action == WAIT
    claims.observe({"b": PeerState("b", "run b", 2, {})}, 10.0)
    assert claims.resolve(10.0)[KEY].action == RETRY
    claims.request(KEY)
    claims.document()
    claims.observe({"b": peer(DOWNLOADING, sequence=3)}, 500.0)
    assert claims.resolve(500.0)[KEY].action == WAIT


def test_this_host_under_another_address_is_no_peer() -> None:
    claims = intending()
    claims.observe({"me": peer(DOWNLOADING, host="a", run="run a")}, 0.0)
    assert claims.resolve(0.0)[KEY].action == GO


def test_what_peers_have_is_found() -> None:
    claims = intending()
    done = Claim(DONE, 5, "0" * 32, 5, '"e"', None)
    claims.observe({"b": PeerState("b", "run b", 1, {KEY: done}), "c": peer(WAITING, host="c")}, 0.0)
    assert claims.finished(KEY) == [("b", done)]


def test_progress_is_shown_only_while_downloading() -> None:
    claims = intending()
    claims.progress(KEY, 7)
    assert claims.document()["files"][KEY] == {"state": INTENT, "progress": 0}
    claims.observe({}, 0.0)
    claims.resolve(0.0)
    claims.progress(KEY, 7)
    assert claims.document()["files"][KEY] == {"state": DOWNLOADING, "progress": 7}


def test_preferred_files_are_those_of_the_highest_rank() -> None:
    higher, lower = higher_and_lower()
    claims = intending()
    assert claims.preferred(KEY)
    claims.observe({"x": peer(WAITING, host=lower)}, 0.0)
    assert claims.preferred(KEY)
    claims.observe({"x": peer(WAITING, host=higher)}, 0.0)
    assert not claims.preferred(KEY)


def test_the_document_survives_the_way_to_the_peer() -> None:
    claims = intending()
    claims.done("other", Claim(DONE, 9, "0" * 32, 9, None, "yesterday"))
    state = parse_state(claims.document())
    assert state == PeerState(
        "a", "run a", 2, {KEY: Claim(INTENT), "other": Claim(DONE, 9, "0" * 32, 9, None, "yesterday")}
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"version": 2, "host": "b", "run": "r", "sequence": 1, "files": {}},
        {"version": 1, "host": "b", "run": "r", "sequence": "1", "files": {}},
        {"version": 1, "host": "b", "run": "r", "sequence": 1, "files": []},
        {"version": 1, "host": None, "run": "r", "sequence": 1, "files": {}},
    ],
)
def test_what_is_no_document_is_no_peer(data: object) -> None:
    assert parse_state(data) is None


def test_claims_that_make_no_sense_are_left_out() -> None:
    files = {"a": 1, "b": {"state": "sleeping"}, "c": {"state": WAITING, "progress": "x", "size": "y", "md5": 3}}
    state = parse_state({"version": 1, "host": "b", "run": "r", "sequence": 1, "files": files})
    assert state is not None
    assert state.files == {"c": Claim(WAITING)}
