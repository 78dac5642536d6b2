"""`world`: a console and a sandbox that run, and know each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import GlobalProviderAccount
from config import get_settings
from tests.live_server import running_server
from tests.messaging.providers_at_sandbox import World
from tests.sandbox_server import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def telling() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@contextmanager
def reached_at(monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[None]:
    """The console knows the address that it is reached at."""
    with monkeypatch.context() as patch:
        patch.setenv("PUBLIC_URL", address)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture
def world(app: Any, clinic: Any, telling: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    telling.reset()
    with running_server(app) as address, reached_at(monkeypatch, address):
        yield World(clinic.id, telling, address)
        with tenant_scope(clinic.id), unit_of_work():
            for account in db.session.scalars(select(GlobalProviderAccount)):
                db.session.delete(account)
