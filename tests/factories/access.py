"""Clinics, users and logged-in clients."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from flask import g

from app.access.models import LoginSession, Member, User
from app.access.passwords import hash_password
from app.access.tokens import make_access_token
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.tenancy.models import Clinic
from tests.daytime import ZONE_NAME

PASSWORD = "a-long-test-password"
_numbers = count(1)
_hash: list[str] = []
made_clinics: list[str] = []


def password_hash() -> str:
    """The hash of PASSWORD, computed once: argon2 is slow by design."""
    if not _hash:
        _hash.append(hash_password(PASSWORD))
    return _hash[0]


def in_daytime(settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Settings of a clinic in which it is morning, unless they say otherwise."""
    return {"zone": ZONE_NAME, **(settings or {})}


def make_clinic(settings: dict[str, Any] | None = None, **overrides: Any) -> Clinic:
    number = next(_numbers)
    values = {"id": new_id(), "name": f"Clinic {number}", "subdomain": f"clinic-{new_id()[-12:]}", **overrides}
    clinic = Clinic(**values, settings_json=in_daytime(settings))
    with all_tenants(), unit_of_work():
        db.session.add(clinic)
        db.session.flush()
        db.session.expunge(clinic)
    made_clinics.append(clinic.id)
    return clinic


def make_user(**overrides: Any) -> User:
    with all_tenants(), unit_of_work():
        return _add_user(**overrides)


def make_member(clinic_id: str, role: str, user: User | None = None, **links: Any) -> User:
    """A user with a role in the clinic."""
    with all_tenants(), unit_of_work():
        return _add_member(clinic_id, role, user, **links)


def bearer(user: User, clinic_id: str | None = None) -> dict[str, str]:
    """Authorization header of a fresh session of the user."""
    return authorization(user, make_session(user, clinic_id))


def authorization(user: User, session_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_access_token(user.id, session_id)}"}


def make_session(user: User, clinic_id: str | None = None) -> str:
    """The id of a fresh log-in session."""
    with all_tenants(), unit_of_work():
        return _add_session(user, clinic_id)


def make_visitor(clinic_id: str, role: str, **links: Any) -> tuple[User, str]:
    """A new user with a role in the clinic, and the id of their fresh session there."""
    with all_tenants(), unit_of_work():
        user = _add_member(clinic_id, role, None, **links)
        return user, _add_session(user, clinic_id)


def _add_user(**overrides: Any) -> User:
    number = next(_numbers)
    values = {
        "id": new_id(),
        "username": f"user-{new_id()[-12:]}",
        "first_name": "Test",
        "last_name": f"User {number}",
        "password_hash": password_hash(),
        **overrides,
    }
    user = User(**values)
    db.session.add(user)
    db.session.flush()
    db.session.expunge(user)
    return user


def _add_member(clinic_id: str, role: str, user: User | None, **links: Any) -> User:
    user = user or _add_user()
    db.session.add(Member(clinic_id=clinic_id, user_id=user.id, role=role, **links))
    return user


def _add_session(user: User, clinic_id: str | None) -> str:
    session_id, now = new_id(), clock.now()
    session = LoginSession(
        id=session_id, user_id=user.id, clinic_id=clinic_id, expires_at=now + timedelta(days=7), last_used_at=now
    )
    db.session.add(session)
    return session_id


def set_settings(clinic_id: str, **settings: Any) -> None:
    """The clinic's settings; what is not named has its default. The test's own context forgets what it knew."""
    with all_tenants(), unit_of_work():
        db.session.get_one(Clinic, clinic_id).settings_json = in_daytime(settings)
    g.pop("clinic_settings", None)
