"""The log-in tells nobody which names exist: neither by its words, nor by its lock-out, nor by its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from app.core import clock
from config import get_settings
from tests.factories.access import PASSWORD, make_member


@pytest.fixture
def known(clinic: Any) -> str:
    return str(make_member(clinic.id, "NURSE").username)


_addresses = count(1)


def try_to_log_in(app: Any, username: str, password: str = "a-wrong-password") -> Any:
    """Each try from an address of its own: the limit per address is another test's."""
    address = {"REMOTE_ADDR": f"127.1.{next(_addresses)}.1"}
    body = {"username": username, "password": password}
    return app.test_client().post("/api/v1/auth/login", json=body, environ_base=address)


def shown(answer: Any) -> tuple[int, str, str, bool]:
    error = answer.json["error"]
    return answer.status_code, error["code"], error["message"], "Retry-After" in answer.headers


def test_a_name_that_nobody_has_locks_like_one_that_somebody_has(app: Any, known: str, settings: Any) -> None:
    tries = range(settings.lock_out_after + 2)
    mine = [shown(try_to_log_in(app, known)) for _ in tries]
    nobodys = [shown(try_to_log_in(app, "nobody-has-this")) for _ in tries]
    assert nobodys == mine
    assert [status for status, *_ in mine] == [401] * settings.lock_out_after + [429] * 2


def test_the_lock_of_a_name_that_nobody_has_says_how_long(app: Any, settings: Any) -> None:
    for _ in range(settings.lock_out_after):
        try_to_log_in(app, "nobody-either")
    left = int(try_to_log_in(app, "nobody-either").headers["Retry-After"])
    assert settings.lock_out_seconds - 60 <= left <= settings.lock_out_seconds


def test_spelling_a_name_differently_is_no_way_around(app: Any, known: str, settings: Any) -> None:
    for number in range(settings.lock_out_after):
        try_to_log_in(app, (known.upper(), f"  {known} ", known)[number % 3])
    assert try_to_log_in(app, known, PASSWORD).status_code == 429


@pytest.fixture
def least_seconds(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """As it is where nobody sets anything else, and longer than the work takes."""
    with monkeypatch.context() as patch:
        patch.delenv("FAILED_LOGIN_SECONDS")
        get_settings.cache_clear()
        yield get_settings().failed_login_seconds
    get_settings.cache_clear()


def test_no_refusal_comes_before_its_time(app: Any, known: str, least_seconds: float) -> None:
    """A floor under every refusal; how much of it the work took cannot be seen from outside."""
    assert least_seconds >= 0.3
    for username in (known, "nobody-here-at-all"):
        started = time.monotonic()
        assert try_to_log_in(app, username).status_code == 401
        assert time.monotonic() - started >= least_seconds


def test_the_lock_of_somebodys_name_ends(app: Any, known: str, settings: Any) -> None:
    for _ in range(settings.lock_out_after):
        try_to_log_in(app, known)
    with clock.travel(timedelta(seconds=settings.lock_out_seconds + 1)):
        assert try_to_log_in(app, known, PASSWORD).status_code == 200


def test_redis_keeps_no_name_that_was_tried(app: Any) -> None:
    from app.core.jobs import redis_connection

    try_to_log_in(app, "meera.iyer@example.com")
    keys = [key.decode() for key in redis_connection().scan_iter()]
    assert any(key.startswith("lock-out:") for key in keys)
    assert not any("meera" in key for key in keys)
