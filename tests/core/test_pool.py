"""More requests than connections: who gets none in time is told so at once, in words, and when to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.core.tenant import db
from config import Settings, get_settings
from tests.factories.access import bearer, make_member


@pytest.fixture
def small_app(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An application with two connections, which waits a moment for one."""
    from app import create_app

    with monkeypatch.context() as patch:
        for name, value in {"POOL_SIZE": "1", "POOL_OVERFLOW": "1", "POOL_WAIT_SECONDS": "0.2"}.items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        application = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
        yield application
    get_settings.cache_clear()
    with application.app_context():
        for engine in db.engines.values():
            engine.dispose()


@contextmanager
def all_taken(small_app: Any) -> Iterator[None]:
    """Somebody has every connection."""
    with small_app.app_context(), ExitStack() as stack:
        for engine in (db.engine, db.engines["system"]):
            for _number in range(engine.pool.size() + engine.pool._max_overflow):
                stack.enter_context(engine.connect())
        yield


@pytest.mark.parametrize("path", ["/api/v1/patients", "/patientview/list/"])
def test_who_gets_no_connection_is_told_to_come_back(small_app: Any, clinic: Any, path: str) -> None:
    nurse = bearer(make_member(clinic.id, "NURSE"), clinic.id)
    accept = {"Accept": "text/html"} if "view" in path else {}
    client = small_app.test_client()
    with all_taken(small_app):
        answer = client.get(path, headers={**nurse, **accept})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(Unavailable.retry_after))
    assert "try again" in answer.text
    assert "QueuePool" not in answer.text
    if not accept:
        assert answer.json["error"]["code"] == "OVERLOADED"
    assert client.get(path, headers={**nurse, **accept}).status_code == 200


def test_nobody_waits_longer_than_a_few_seconds(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless an operator says so, as the tests do: their machine is busy."""
    with app.app_context():
        assert all(engine.pool._timeout == get_settings().pool_wait_seconds for engine in db.engines.values())
    monkeypatch.delenv("POOL_WAIT_SECONDS")
    assert Settings().pool_wait_seconds <= 5
