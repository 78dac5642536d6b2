"""A person's own page: what they may change of themselves, and where they are logged in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask_babel import refresh
from sqlalchemy import select

from app.access.devices import device_name
from app.access.edge import SESSION_COOKIE_KEY
from app.access.models import User
from app.core.tenant import all_tenants, db, tenant_scope
from app.events.models import EventRecord
from tests.factories.access import PASSWORD, make_member, make_session, make_user

pytest_plugins = ["tests.api_caller"]
NEW = "another-long-password"
FORM = {"first_name": "Asha", "last_name": "Nair", "email": "asha@example.org", "language": "en"}


def stored(user_id: str) -> User:
    with all_tenants():
        return db.session.get_one(User, user_id)


def log_in(app: Any, username: str, password: str) -> int:
    answer = app.test_client().post("/api/v1/auth/login", json={"username": username, "password": password})
    return int(answer.status_code)


@pytest.fixture
def me(visitor: Callable[..., Any], in_clinic: Any) -> Any:
    return visitor("RECEPTIONIST")


def test_demo_log_ins_of_a_first_walk_come_first_clinic_beside_clinic(app: Any, in_clinic: Any) -> None:
    names = ["super-admin@demo", "accountant@sunrise.demo", "doctor@sunrise.demo", "receptionist@sunrise.demo"]
    for name in [*names, "receptionist@lakeside.demo", "doctor@lakeside.demo"]:
        make_user(username=name, demo=True)
    assert re.findall(r'data-demo-login="([^"]+)"', app.test_client().get("/login/").text) == [
        "receptionist@sunrise.demo",
        "receptionist@lakeside.demo",
        "doctor@sunrise.demo",
        "doctor@lakeside.demo",
        "accountant@sunrise.demo",
        "super-admin@demo",
    ]


def test_name_mail_and_language_are_changed(me: Any) -> None:
    answer = me.post("/profile/", data={**FORM, "language": "hi"})
    assert answer.location == "/profile/"
    user = stored(me.user.id)
    assert (user.name, user.email, user.language) == ("Asha Nair", "asha@example.org", "hi")
    refresh()  # the test's own application context remembers the language of the request before
    page = me.get("/profile/").text
    assert '<html lang="hi"' in page
    assert "Asha Nair" in page.partition("data-menu")[2]  # the menu's name, too


@pytest.mark.parametrize(("change", "field"), [({"first_name": ""}, "first_name"), ({"email": "asha@"}, "email")])
def test_a_wrong_value_is_told_beside_its_field(me: Any, change: dict[str, str], field: str) -> None:
    before = stored(me.user.id).name
    answer = me.post("/profile/", data={**FORM, **change})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert stored(me.user.id).name == before


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(me: Any, app: Any, other_clinic: Any) -> None:
    make_member(other_clinic.id, "DOCTOR", user=me.user)
    elsewhere = app.test_client()
    with elsewhere.session_transaction() as session:
        session[SESSION_COOKIE_KEY] = make_session(me.user, other_clinic.id)
    form = {"old_password": PASSWORD, "password": NEW, "again": NEW}
    answer = me.post("/profile/password", data=form)
    assert answer.location == "/profile/", answer.text
    assert me.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/", headers={"Accept": "text/html"}).status_code == 302
    assert log_in(app, me.user.username, PASSWORD) == 401
    assert log_in(app, me.user.username, NEW) == 200


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old_password": "not-my-password", "password": NEW, "again": NEW}, "old_password"),
        ({"old_password": PASSWORD, "password": "short", "again": "short"}, "password"),
        ({"old_password": PASSWORD, "password": NEW, "again": "another-long-passwort"}, "again"),
        ({"old_password": PASSWORD, "password": PASSWORD, "again": PASSWORD}, "password"),
        ({"old_password": "", "password": NEW, "again": NEW}, "old_password"),
    ],
)
def test_the_password_stays_where_something_is_wrong(me: Any, app: Any, form: dict[str, str], field: str) -> None:
    answer = me.post("/profile/password", data=form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert log_in(app, me.user.username, PASSWORD) == 200


def test_the_old_password_cannot_be_tried_for_long(me: Any) -> None:
    form = {"old_password": "a-guess-of-mine", "password": NEW, "again": NEW}
    statuses = [me.post("/profile/password", data=form).status_code for _ in range(7)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_my_sessions_are_listed_and_revoked(me: Any, app: Any, clinic: Any) -> None:
    other = app.test_client()
    other_id = make_session(me.user, clinic.id)
    with other.session_transaction() as session:
        session[SESSION_COOKIE_KEY] = other_id
    assert f"/profile/sessions/{other_id}/revoke" in me.get("/profile/").text
    assert me.post(f"/profile/sessions/{other_id}/revoke").location == "/profile/"
    assert other_id not in me.get("/profile/").text
    assert other.get("/profile/", headers={"Accept": "text/html"}).status_code == 302


def test_somebody_elses_session_is_not_found(me: Any, clinic: Any) -> None:
    stranger = make_session(make_member(clinic.id, "NURSE"), clinic.id)
    assert me.post(f"/profile/sessions/{stranger}/revoke").status_code == 404


def test_a_change_of_the_password_is_in_the_log_of_the_clinic(me: Any, in_clinic: Any) -> None:
    me.post("/profile/password", data={"old_password": PASSWORD, "password": NEW, "again": NEW})
    with tenant_scope(in_clinic.id):
        types = db.session.scalars(select(EventRecord.type).where(EventRecord.user_id == me.user.id)).all()
    assert "user.updated" in types


def test_the_auditor_sees_the_page_and_changes_nothing(visitor: Callable[..., Any], in_clinic: Any) -> None:
    auditor = visitor("SYSTEM_AUDITOR")
    assert "old_password" not in auditor.get("/profile/").text
    assert auditor.post("/profile/", data=FORM).status_code == 403


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/128.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17.4 Safari/605", "Safari, macOS"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537 Chrome/128.0 Safari/537 EdgA/128.0", "Edge, Android"),
        ("python-requests/2.32.3", "python-requests"),
        (None, ""),
    ],
)
def test_devices_are_named(user_agent: str | None, name: str) -> None:
    assert device_name(user_agent) == name
