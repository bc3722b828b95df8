# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same thing on several servers: where the HTTP client goes on when one fails; the time is a fake."""

from __future__ import annotations

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from tests.unit.module_utils._server import Close, FakeClock, Server, answer, replies

LOST = [Close()]
OK = answer(200, b"ok")
# Nothing listens on this port of this address.
NOBODY = "http://127.0.0.1:1/"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(clock):
    with HttpClient(proxies={}, clock=clock, retry=RetryPolicy(attempts=2)) as http:
        yield http


@pytest.mark.parametrize("failure", [LOST, *map(answer, (502, 503, 504))])
def test_the_next_server_is_asked_at_once(client, clock, failure):
    with Server(replies(failure)) as first, Server(replies(OK)) as second:
        done = client.request("GET", first.url, others=[second.url])
        assert (done.status, done.url, done.attempts) == (200, second.url, 2)
        assert (len(first.requests), len(second.requests), clock.slept) == (1, 1, [])


def test_a_server_that_works_is_the_only_one_asked(client):
    with Server(replies(OK)) as first, Server(replies(OK)) as second:
        client.request("GET", first.url, others=[second.url])
        assert (len(first.requests), len(second.requests)) == (1, 0)


def test_all_servers_are_one_attempt(client, clock):
    with Server(replies(LOST, LOST)) as first, Server(replies(LOST, OK)) as second:
        done = client.request("GET", first.url, others=[second.url])
        assert (done.status, done.attempts, len(clock.slept)) == (200, 4, 1)


def test_it_ends_when_every_server_failed_in_every_attempt(client):
    with Server(replies(LOST, LOST, OK)) as first, Server(replies(LOST, LOST, OK)) as second:
        with pytest.raises(TransportError, match=r"\(4 attempts\)"):
            client.request("GET", first.url, others=[second.url])
        assert (len(first.requests), len(second.requests)) == (2, 2)


def test_what_may_have_been_processed_goes_to_no_other_server(client):
    with Server(replies(LOST)) as first, Server(replies(OK)) as second:
        with pytest.raises(TransportError) as caught:
            client.request("POST", first.url, body=b"{}", others=[second.url])
        assert caught.value.unclear
        assert second.requests == []


def test_what_was_never_sent_goes_to_another_server(client):
    with Server(replies(OK)) as second:
        assert client.request("POST", NOBODY, body=b"{}", others=[second.url]).status == 200


def test_too_many_requests_are_waited_for_and_not_carried_elsewhere_at_once(client, clock):
    with Server(replies(answer(429, headers={"Retry-After": "3"}))) as first, Server(replies(OK)) as second:
        assert client.request("GET", first.url, others=[second.url]).status == 200
        assert clock.slept == [3.0]


def test_a_server_that_will_never_work_is_left_out(client, clock):
    """One that does not speak HTTP, say; the other one is tried as often as usual."""
    nonsense = [b"SSH-2.0-OpenSSH_9.2\r\n", Close()]
    with Server(replies(nonsense, OK)) as first, Server(replies(LOST, OK)) as second:
        done = client.request("GET", first.url, others=[second.url])
        assert (done.status, done.url) == (200, second.url)
        assert (len(first.requests), len(second.requests), len(clock.slept)) == (1, 2, 1)


def test_it_ends_when_no_server_is_left(client, clock):
    nonsense = [b"SSH-2.0-OpenSSH_9.2\r\n", Close()]
    with Server(replies(nonsense, OK)) as first, Server(replies(nonsense, OK)) as second:
        with pytest.raises(Exception, match="does not answer as HTTP"):
            client.request("GET", first.url, others=[second.url])
        assert (len(first.requests), len(second.requests), clock.slept) == (1, 1, [])
