"""Fixtures that most tests want: an application context, two clinics, and a client per role."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="module")
def _earlier_files_are_history(request: pytest.FixtureRequest) -> None:
    """What goes through all clinics and all open work does not walk through those of every file before this one."""
    factories = sys.modules.get("tests.factories.access")
    if factories is None or not factories.made_clinics:
        return
    with request.getfixturevalue("app").app_context():
        from tests.factories.history import archive, end_open_work

        archive(factories.made_clinics)
        end_open_work()
    factories.made_clinics.clear()


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
    from tests.factories.access import authorization, make_visitor

    def make(role: str, *, clinic_id: str | None = None, **links: Any) -> Any:
        user, session_id = make_visitor(clinic_id or clinic.id, role, **links)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = authorization(user, session_id)["Authorization"]
        client.user = user
        return client

    return make


@pytest.fixture
def console_as(app: Any, clinic: Any) -> Callable[..., Any]:
    """`console_as("RECEPTIONIST")`: a test client with that role's console cookie and its CSRF token, for forms.

    The token is signed as any page's: to draw a page for it takes longer than many a test.
    """
    from itsdangerous import URLSafeTimedSerializer

    from app.access.edge import SESSION_COOKIE_KEY
    from app.core.ids import new_id
    from tests.factories.access import make_visitor

    def make(role: str, *, clinic_id: str | None = None, **links: Any) -> Any:
        user, session_id = make_visitor(clinic_id or clinic.id, role, **links)
        client = app.test_client()
        client.environ_base["HTTP_ACCEPT"] = "text/html"
        secret = new_id()
        with client.session_transaction() as session:
            session.update({SESSION_COOKIE_KEY: session_id, "csrf_token": secret})
        signer = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token")
        client.environ_base["HTTP_X_CSRFTOKEN"] = signer.dumps(secret)
        client.user = user
        return client

    return make


@pytest.fixture
def acting(clinic: Any) -> Callable[..., AbstractContextManager[None]]:
    """`with acting("FINANCE_BILLING"):` somebody of that role acts; each call is another person unless one is given."""

    from app.core.principal import Membership, Principal, acting_as
    from tests.factories.access import make_user

    def act(role: str, user_id: str | None = None, **links: Any) -> AbstractContextManager[None]:
        user_id = user_id or make_user().id
        member = Membership(clinic.id, clinic.name, role, **links)
        return acting_as(Principal(user_id, "somebody", "Somebody", "-", (member,), member))

    return act
