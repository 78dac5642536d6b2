"""A caller of the API who leaves the test in the clinic where it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.tenant import current_scope, db, enter_scope


class Caller:
    """Calls the API as one person. A request ends with no clinic in scope; the test's own scope is put back, unread."""

    def __init__(self, client: Any) -> None:
        self.client, self.user = client, client.user

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(path: str, **options: Any) -> Any:
            scope = current_scope()
            try:
                return getattr(self.client, method)(f"/api/v1{path}", **options)
            finally:
                enter_scope(scope)
                db.session.rollback()

        return call


@pytest.fixture
def caller(client_as: Callable[..., Any]) -> Callable[..., Caller]:
    """`caller("RECEPTIONIST")`; links (`patient_id=`) and `clinic_id=` as client_as takes them."""
    return lambda role, **links: Caller(client_as(role, **links))
