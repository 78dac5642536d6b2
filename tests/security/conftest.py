"""The console as production configures it, beside the test's own."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from config import get_settings

METRICS_TOKEN = secrets.token_urlsafe(32)


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def production_environment() -> dict[str, str]:
    return {
        "APP_ENV": "production",
        "PUBLIC_URL": "https://console.clinic.test",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "AUDIT_KEY": random_key(),
        "ENCRYPTION_KEYS": f"2:{random_key()},1:{random_key()}",
        "METRICS_TOKEN": METRICS_TOKEN,
    }


@pytest.fixture
def production_app(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Only to be read: what it wrote could be opened with its own keys only."""
    from app import create_app
    from app.core.tenant import db

    with monkeypatch.context() as patch:
        for name, value in production_environment().items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        application = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
        yield application
    with application.app_context():
        for engine in db.engines.values():
            engine.dispose()
    get_settings.cache_clear()
