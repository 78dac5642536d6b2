"""A caller of the API, and a visitor of the console, who leave the test in the clinic where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import g

from app.core.tenant import current_scope, db, enter_scope


@contextmanager
def scope_kept() -> Iterator[None]:
    """A request ends with no clinic in scope; put the test's own scope back, unread."""
    scope = current_scope()
    try:
        yield
    finally:
        enter_scope(scope)
        db.session.rollback()


class Caller:
    """Asks as one person."""

    def __init__(self, client: Any, prefix: str) -> None:
        self.client, self.user, self.prefix = client, client.user, prefix

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(path: str, **options: Any) -> Any:
            with scope_kept():
                return getattr(self.client, method)(f"{self.prefix}{path}", buffered=True, **options)

        return call


@pytest.fixture
def caller(client_as: Callable[..., Any]) -> Callable[..., Caller]:
    """`caller("RECEPTIONIST")`; links (`patient_id=`) and `clinic_id=` as client_as takes them."""
    return lambda role, **links: Caller(client_as(role, **links), "/api/v1")


@pytest.fixture
def visitor(console_as: Callable[..., Any]) -> Callable[..., Caller]:
    """`visitor("NURSE")`: the same on the console's pages, with forms."""

    def make(role: str, **links: Any) -> Caller:
        g.pop("csrf_token", None)  # the test's own application context would hand one person's token to the next
        with scope_kept():
            return Caller(console_as(role, **links), "")

    return make
