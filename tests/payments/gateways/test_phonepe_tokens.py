"""PhonePe's access tokens: one for many calls, renewed in time, never another account's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from app.core import clock
from app.core.providers import ConnectionResult, Outcome, Timeouts
from app.payments.gateways.phonepe import PhonePe
from tests.payments.gateways.phonepe_account import (
    OPENED,
    REQUEST,
    open_gateway,
    order,
    paths,
    refusal,
    token,
)
from tests.payments.gateways.razorpay_account import failure_of
from tests.scripted_server import Behaviour, Server, answer, reset, silence


def test_a_token_is_asked_for_once_and_goes_with_every_call(server: Server) -> None:
    gateway = open_gateway(server.url, client_id="CLIENT_ONCE")
    server.will(token("abc"), answer(200, order()))
    gateway.fetch_order("attempt-1")
    gateway.fetch_order("attempt-1")
    again = open_gateway(server.url, client_id="CLIENT_ONCE")
    again.fetch_order("attempt-1")
    asked, *calls = server.received
    assert (asked.method, asked.path) == ("POST", "/v1/oauth/token")
    assert parse_qs(asked.body.decode()) == {
        "client_id": ["CLIENT_ONCE"],
        "client_version": ["1"],
        "client_secret": ["client-secret"],
        "grant_type": ["client_credentials"],
    }
    assert [call.headers["authorization"] for call in calls] == ["O-Bearer abc"] * 3
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("skew", [-7200, 0, 7200], ids=["clock behind", "same clock", "clock ahead"])
def test_a_token_lives_as_long_as_its_own_times_say_whatever_the_clocks(server: Server, skew: int) -> None:
    gateway = open_gateway(server.url)
    now = int(clock.now().timestamp()) + skew
    server.will(token("first", now, 3600), answer(200, order()), answer(200, order()), token("second", now, 3600))
    gateway.fetch_order("attempt-1")
    with clock.travel(timedelta(seconds=3530)):
        gateway.fetch_order("attempt-1")
    server.will(token("second", now, 3600), answer(200, order()))
    with clock.travel(timedelta(seconds=3550)):
        gateway.fetch_order("attempt-1")
    assert [call.headers.get("authorization") for call in server.received] == [
        None,
        "O-Bearer first",
        "O-Bearer first",
        None,
        "O-Bearer second",
    ]


def test_a_refused_token_is_renewed_once_and_the_call_repeated(server: Server, phonepe: PhonePe) -> None:
    server.will(refusal(401), token("token-2"), answer(200, OPENED))
    assert phonepe.create_checkout(REQUEST).order_id == "attempt-1"
    assert paths(server) == ["POST /checkout/v2/pay", "POST /v1/oauth/token", "POST /checkout/v2/pay"]
    assert server.received[2].headers["authorization"] == "O-Bearer token-2"


def test_a_token_that_is_refused_again_is_the_accounts_fault(server: Server, phonepe: PhonePe) -> None:
    server.will(refusal(401), token("token-2"), refusal(401, "AUTHORIZATION_FAILED"))
    error = failure_of(lambda: phonepe.create_checkout(REQUEST))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "AUTHORIZATION_FAILED")
    assert len(server.received) == 3


def test_of_many_that_need_a_token_one_asks(server: Server) -> None:
    gateway = open_gateway(server.url, Timeouts(10, 10))
    server.will(token(), answer(200, order()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: gateway.fetch_order("attempt-1"), range(12)))
    assert sum(call.path == "/v1/oauth/token" for call in server.received) == 1


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        (refusal(401, "INVALID_CLIENT"), Outcome.PERMANENT_ACCOUNT, "INVALID_CLIENT"),
        (refusal(400, "INVALID_CLIENT"), Outcome.PERMANENT_ACCOUNT, "INVALID_CLIENT"),
        (refusal(429), Outcome.RETRY, "BAD_REQUEST"),
        (answer(500, b""), Outcome.RETRY, "http_500"),
        (silence, Outcome.RETRY, "timed_out"),
        (reset, Outcome.RETRY, "no_answer"),
        (answer(200, {"token_type": "O-Bearer"}), Outcome.RETRY, "malformed_answer"),
        (answer(200, {"access_token": "x"}), Outcome.RETRY, "malformed_answer"),
    ],
    ids=["401", "400", "429", "500", "silence", "reset", "no token", "no lifetime"],
)
def test_without_a_token_nothing_was_carried_out(
    server: Server, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(behaviour)
    error = failure_of(lambda: open_gateway(server.url).create_checkout(REQUEST))
    assert (error.outcome, error.code) == (outcome, code)
    assert paths(server) == ["POST /v1/oauth/token"]


def test_a_secret_does_not_use_the_token_of_another(server: Server) -> None:
    server.will(token(), answer(200, order()))
    open_gateway(server.url, client_id="CLIENT_TWO").fetch_order("attempt-1")
    server.will(refusal(401, "INVALID_CLIENT"))
    wrong = open_gateway(server.url, client_id="CLIENT_TWO", client_secret="guessed")
    assert failure_of(lambda: wrong.fetch_order("attempt-1")).outcome is Outcome.PERMANENT_ACCOUNT


def test_the_connection_test_asks_for_a_new_token_each_time(server: Server, phonepe: PhonePe) -> None:
    server.will(token("token-9"))
    report = phonepe.test_connection()
    assert (report.result, report.detail) == (ConnectionResult.CONNECTED, "Test mode")
    server.will(refusal(401, "INVALID_CLIENT", "Wrong secret client-secret"))
    refused = phonepe.test_connection()
    assert (refused.result, refused.detail) == (ConnectionResult.WRONG_CREDENTIALS, "Wrong secret ••••")
    assert paths(server) == ["POST /v1/oauth/token"] * 2


def test_tokens_of_production_come_from_another_door() -> None:
    from app.payments.gateways.phonepe_client import _token_base

    assert _token_base(PhonePe.default_base_url) == "https://api.phonepe.com/apis/identity-manager"
    sandbox = "https://api-preprod.phonepe.com/apis/pg-sandbox"
    assert _token_base(sandbox) == sandbox
