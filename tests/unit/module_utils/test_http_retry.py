# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HTTP client repeats, how often and when; the time is a fake."""

from __future__ import annotations

import threading
from email.utils import formatdate

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import (
    DeadlineError,
    TransportError,
    TruncatedError,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy, http_date
from tests.unit.module_utils._server import Close, FakeClock, Reset, Server, Wait, answer, replies

CUT = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd", Close()]
LOST = [Close()]
OK = answer(200, b"ok")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(clock):
    with HttpClient(proxies={}, clock=clock) as http:
        yield http


def tried(client, method, script, **options):
    """Return (what came out, how many requests were made)."""
    with Server(script) as server:
        try:
            outcome = client.request(method, server.url, **options)
        except TransportError as error:
            outcome = error
        return outcome, len(server.requests)


@pytest.mark.parametrize("failure", [LOST, [Reset()], CUT, *map(answer, (429, 502, 503, 504))])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_requests_that_may_be_repeated(client, clock, method, failure):
    if method == "HEAD" and failure is CUT:
        failure = LOST
    outcome, requests = tried(client, method, replies(failure, failure, OK))
    assert (outcome.status, outcome.attempts, requests) == (200, 3, 3)
    assert len(clock.slept) == 2


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 408, 409, 412, 422, 500, 501])
def test_other_answers_are_final(client, clock, status):
    outcome, requests = tried(client, "GET", replies(answer(status), OK))
    assert (outcome.status, requests, clock.slept) == (status, 1, [])


@pytest.mark.parametrize("failure", [LOST, [Reset()], CUT])
def test_post_is_not_repeated_after_it_was_sent(client, failure):
    outcome, requests = tried(client, "POST", replies(failure, OK), body=b"{}")
    assert isinstance(outcome, TransportError)
    assert str(outcome).endswith("; it may have been processed all the same.")
    assert requests == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_post_is_not_repeated_after_an_error_of_a_proxy(client, status):
    outcome, requests = tried(client, "POST", replies(answer(status), OK))
    assert (outcome.status, requests) == (status, 1)


def test_post_that_was_too_early_is_repeated(client, clock):
    outcome, requests = tried(client, "POST", replies(answer(429, headers={"Retry-After": "3"}), OK))
    assert (outcome.status, requests, clock.slept) == (200, 2, [3.0])


@pytest.mark.parametrize("failure", [LOST, CUT, answer(503)])
def test_post_that_may_be_processed_twice_is_repeated(client, failure):
    outcome, requests = tried(client, "POST", replies(failure, OK), idempotent=True)
    assert (outcome.status, requests) == (200, 2)


def test_put_that_must_not_be_processed_twice_is_not_repeated(client):
    outcome, requests = tried(client, "PUT", replies(LOST, OK), idempotent=False)
    assert isinstance(outcome, TransportError)
    assert requests == 1


def test_last_error_says_how_often_it_was_tried(client, clock):
    outcome, requests = tried(client, "GET", replies(CUT))
    assert isinstance(outcome, TruncatedError)
    assert str(outcome).endswith("failed: the answer ended after 4 of 9 bytes before it was complete (4 attempts).")
    assert (requests, len(clock.slept)) == (4, 3)


def test_last_answer_is_returned(client):
    outcome, requests = tried(client, "GET", replies(answer(503, b"sorry")))
    assert (outcome.status, outcome.body, outcome.attempts, requests) == (503, b"sorry", 4, 4)


def test_never_repeat(clock):
    with HttpClient(proxies={}, clock=clock, retry=RetryPolicy(attempts=1)) as client:
        outcome, requests = tried(client, "GET", replies(answer(429, headers={"Retry-After": "1"}), OK))
    assert (outcome.status, requests, clock.slept) == (429, 1, [])


def test_waits_grow_up_to_the_cap_and_are_jittered(clock):
    policy = RetryPolicy(attempts=9, backoff=0.25, backoff_cap=8.0)
    with HttpClient(proxies={}, clock=clock, retry=policy) as client:
        tried(client, "GET", replies(LOST))
    longest = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert len(clock.slept) == 8
    assert all(full / 2 <= waited <= full for waited, full in zip(clock.slept, longest))
    assert len(set(clock.slept[5:])) == 3, "the same wait for everybody makes everybody come back at once"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("60", 60.0),
        ("3600", 60.0),
        ("9" * 5000, 60.0),
        (formatdate(1_800_000_012, usegmt=True), 12.0),
        (formatdate(1_800_900_000, usegmt=True), 60.0),
        (formatdate(1_799_999_000, usegmt=True), 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(client, clock, value, wait, status):
    outcome, _requests = tried(client, "GET", replies(answer(status, headers={"Retry-After": value}), OK))
    assert (outcome.status, clock.slept) == (200, [wait])


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "\xb2", "Sun, 99 Foo 2026 99:99:99 GMT"])
def test_retry_after_that_nobody_understands(client, clock, value):
    outcome, _requests = tried(client, "GET", replies(answer(429, headers={"Retry-After": value}), OK))
    assert outcome.status == 200
    assert 0.125 <= clock.slept[0] <= 0.25


def test_headers_are_made_for_each_attempt(client):
    made = []

    def headers():
        made.append(1)
        return {"X-Date": str(len(made))}

    with Server(replies(LOST, answer(503), OK)) as server:
        client.request("GET", server.url, headers=headers)
    assert [request.headers["x-date"] for request in server.requests] == ["1", "2", "3"]


def test_deadline_covers_the_waits(client, clock):
    outcome, requests = tried(client, "GET", replies(LOST), deadline=0.5)
    assert isinstance(outcome, DeadlineError)
    assert "did not succeed within 0.5 s (" in str(outcome)
    assert str(outcome).endswith(" attempts): " + str(outcome).rpartition(": ")[2])
    assert "closed the connection without an answer" in str(outcome)
    assert clock.now < 0.5
    assert requests in (2, 3)


def test_deadline_that_a_wait_would_break_gives_the_answer_that_is_there(client, clock):
    outcome, requests = tried(client, "GET", replies(answer(429, headers={"Retry-After": "30"})), deadline=10)
    assert (outcome.status, requests, clock.slept) == (429, 1, [])


def test_deadline_that_is_over_during_an_attempt(clock):
    def slow(_request):
        clock.now += 6
        return LOST

    with HttpClient(proxies={}, clock=clock) as client:
        outcome, requests = tried(client, "GET", slow, deadline=5)
    assert isinstance(outcome, DeadlineError)
    assert requests == 1


def test_deadline_that_a_wait_has_outlasted_names_what_failed_before():
    class Oversleeping(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds + 5)

    with HttpClient(proxies={}, clock=Oversleeping()) as client:
        outcome, requests = tried(client, "GET", replies(LOST), deadline=5)
    assert isinstance(outcome, DeadlineError)
    assert (requests, "closed the connection without an answer" in str(outcome)) == (1, True), outcome


def test_deadline_ends_an_answer_that_drips():
    """Each byte comes long before the timeout, but the last one long after the deadline."""
    stop = threading.Event()

    def drip(_request):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
        while not stop.wait(0.02):
            yield b"a"

    with Server(drip) as server, HttpClient(proxies={}, timeout=30) as client:
        with pytest.raises(DeadlineError):
            client.request("GET", server.url, deadline=0.2)
        stop.set()


def test_deadline_ends_an_answer_that_stalls():
    event = threading.Event()
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"a", Wait(event)]
    with Server(replies(steps)) as server, HttpClient(proxies={}, timeout=30) as client:
        with pytest.raises(DeadlineError, match=f"GET {server.url} did not succeed within 0.1 s\\.$"):
            client.request("GET", server.url, deadline=0.1)
        event.set()


def test_deadline_that_is_over_before_anything_was_sent(client):
    with Server(replies(OK)) as server, pytest.raises(DeadlineError):
        client.request("GET", server.url, deadline=0)
    assert server.requests == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("", None),
        ("nonsense", None),
        ("Mon, 31 Feb 99999999999999 00:00:00 GMT", None),
    ],
)
def test_dates_of_headers(value, seconds):
    assert http_date(value) == seconds
