"""Fixtures that most tests want: an application context, two clinics, and a client per role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def app_context(app: Any) -> Iterator[Any]:
    with app.app_context():
        yield app


@pytest.fixture
def clinic(app_context: Any) -> Any:
    from tests.factories.access import make_clinic

    return make_clinic(name="Sunrise Clinic")


@pytest.fixture
def other_clinic(app_context: Any) -> Any:
    from tests.factories.access import make_clinic

    return make_clinic(name="Lakeside Clinic")


@pytest.fixture
def in_clinic(clinic: Any) -> Iterator[Any]:
    """Work inside the clinic: a tenant scope around the test."""
    from app.core.tenant import tenant_scope

    with tenant_scope(clinic.id):
        yield clinic


@pytest.fixture
def client_as(app: Any, clinic: Any) -> Callable[..., Any]:
    """`client_as("RECEPTIONIST")`: a test client with that role's bearer token, by default in the first clinic."""
    from tests.factories.access import bearer, make_member

    def make(role: str, *, clinic_id: str | None = None, **links: Any) -> Any:
        user = make_member(clinic_id or clinic.id, role, **links)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = bearer(user, clinic_id or clinic.id)["Authorization"]
        client.user = user
        return client

    return make
