# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that looks like a credential survives in a text."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ApiError
from ansible_collections.metalstack.provisioning.plugins.module_utils._redact import HIDDEN, brief, redact

# what keys and tokens are made of; at least eight characters, one of them a digit, so that no word is one by chance
SECRET = st.text("bcdfghjkmnpqrvwxzBCDFGHJKLMNPQRVWXZ23456789_-", min_size=8, max_size=60).map(lambda text: f"{text}7Q")
PLACES = [
    "Authorization: Bearer {}",
    "authorization: bearer {}",
    "Proxy-Authorization: Basic {}=",
    "{{'Authorization': 'Metal-Edit {}', 'X': 'y'}}",
    '{{"Authorization":"Bearer {}"}}',
    '"{{\\"authorization\\": \\"Bearer {}\\"}}"',
    "the header Bearer {} was refused",
    "Metal-View {}",
    "Cookie: session={}; other=1",
    "https://user:{}@api.example/metal",
    "https://{}@api.example/metal",
    "GET https://store.example/a?X-Amz-Signature={}&x=1 failed",
    "GET https://store.example/a?sig={} failed",
    "https://x.example/?access_token={}#a",
    "password={}",
    "api_hmac: {}",
    "api_token = '{}'",
    '{{"client_secret": "{} with words"}}',
    "{{'api-key': '{}'}}",
    "X-Data-Salt: {}",
    "--metal-api-token={}",
    "mac signature: {}",
]


@settings(max_examples=500, deadline=None)
@given(place=st.sampled_from(PLACES), secret=SECRET)
def test_places_where_credentials_stand(place, secret):
    text = redact(f"before {place.format(secret)} after")
    assert secret not in text
    assert HIDDEN in text
    assert text.startswith("before ")
    assert redact(text) == text, "what was redacted must not change any more"


@settings(deadline=None)
@given(secret=SECRET, before=st.text(max_size=50), after=st.text(max_size=50))
def test_known_secrets_vanish_wherever_they_are(secret, before, after):
    assert secret not in redact(f"{before}{secret}{after}", (secret,))


@settings(deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_can_be_redacted(text):
    assert redact(redact(text)) == redact(text)


@settings(deadline=None)
@given(claims=st.dictionaries(st.text(max_size=5), st.integers(), min_size=1), signature=st.binary(max_size=64))
def test_tokens_vanish_wherever_they_are(claims, signature):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    token = ".".join([part(b'{"alg":"none"}'), part(json.dumps(claims).encode()), part(signature)])
    assert token not in redact(f"the string {token} is no token")


@pytest.mark.parametrize(
    "text",
    [
        "the bearer token is not accepted",
        "the HMAC key of Metal-View expired yesterday",
        "access is not allowed because it is not part of the token permissions",
        "you are not member in one of [k8s_kaas-edit maas-all-all-edit]",
        "GET https://api.example:8080/v1/image?show-usage=true was answered with status 404: no image ubuntu-24.04.",
        "password: null, token=None, secret: ''",
        "Basic authentication needed",
    ],
)
def test_ordinary_text_stays(text):
    assert redact(text) == text


def test_short_secrets_do_not_eat_words():
    assert redact("an apple", ("a", "an", "")) == "an apple"


def test_secret_that_contains_another():
    assert redact("abcdefgh", ("abcd", "abcdefgh")) == HIDDEN


@pytest.mark.parametrize("piece", ["token", "eyJ-", "a", "://", "Bearer ", "\\'\"="])
def test_work_grows_with_the_length_of_a_text(piece):
    """Eight times the text is eight times the work, and 64 times where a pattern looks again and again."""
    short, long = (piece * (length // len(piece)) for length in (500, 4_000))
    costs = [(cost(short), cost(long)) for _time in range(5)]
    least = [min(column) for column in zip(*costs)]
    assert least[1] / least[0] < 24


def cost(text):
    """The work of one call in seconds of this process, however slow or busy the machine is."""
    start = time.process_time()
    redact(text)
    return time.process_time() - start


def test_brief():
    assert brief(" a\n\tb\x00c ") == "a b?c"
    assert brief("x" * 400, 20) == "x" * 17 + "..."
    assert brief("x" * 20, 20) == "x" * 20


def test_error_hides_in_message_request_and_failure():
    error = ApiError("bad s3cr3t-key", status=403, request="GET http://u:p@h/?token=abc", secrets=("s3cr3t-key",))
    text = f"{error} {error!r} {error.failure()} {error.request}"
    assert "s3cr3t" not in text
    assert "u:p" not in text
    assert "abc" not in text
    assert (error.message, error.status) == (f"bad {HIDDEN}", 403)
