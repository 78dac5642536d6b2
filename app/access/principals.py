"""From a session id to the person behind it, cached in Redis so that a request costs no query."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from redis.exceptions import RedisError
from sqlalchemy import literal, select

from app.access.models import LoginSession, Member, User
from app.access.roles import Role
from app.core import clock
from app.core.errors import Forbidden, TooManyRequests
from app.core.jobs import redis_connection
from app.core.principal import Membership, Principal
from app.core.rate_limit import counter_key, counting, seconds_left
from app.core.round_trip import ask
from app.core.tenant import all_tenants, db
from app.tenancy.models import Clinic
from config import get_settings

# A session entry lives 24 h, but is checked against the database this often: a revocation that could not reach Redis
# still holds.
RECHECK_SECONDS = 60


class Known(NamedTuple):
    """An entry as it is used. `checked_at`: when the database was asked, in seconds since the epoch."""

    principal: Principal
    checked_at: float


def _key(session_id: str) -> str:
    return f"session:{session_id}"


def find_principal_of(session_id: str, *, counted_for: str | None = None) -> Principal | None:
    """The person behind a live session, or None. `counted_for`: whose limit the request counts against, in the same
    round trip: the user's, however many sessions they have. Raises TooManyRequests.
    """
    raw = _read_entry(session_id, counted_for)
    known = _from_entry(raw) if raw else None
    if known is not None and time.time() - known.checked_at < RECHECK_SECONDS:
        return known.principal
    entry = _load_entry(session_id)
    if entry is None:
        return None
    fresh = orjson.dumps(entry)
    _write_entry(session_id, fresh)
    return _from_entry(fresh).principal


def _read_entry(session_id: str, counted_for: str | None) -> bytes | None:
    count = counting(counter_key("user", counted_for)) if counted_for else ()
    try:
        raw, *counted = ask(("GET", _key(session_id)), *count)
    except RedisError:
        return None
    if counted and counted[0] > get_settings().requests_per_minute:
        raise TooManyRequests(seconds_left())
    return raw or None


def _write_entry(session_id: str, entry: bytes) -> None:
    try:
        redis_connection().set(_key(session_id), entry, ex=get_settings().session_seconds)
    except RedisError:
        return


def forget_session(session_id: str) -> None:
    """Drop the cached entry, so that the next request reads the database."""
    try:
        redis_connection().delete(_key(session_id))
    except RedisError:
        return


def forget_user(user_id: str) -> None:
    """Drop the cached entries of all the user's sessions, after a change of role or membership."""
    with all_tenants():
        ids = list(db.session.scalars(select(LoginSession.id).where(LoginSession.user_id == user_id)))
    for session_id in ids:
        forget_session(session_id)


def _load_entry(session_id: str) -> dict[str, Any] | None:
    with all_tenants():
        session = db.session.get(LoginSession, session_id)
        if session is None or session.revoked_at or session.expires_at <= clock.now() or not session.user.active:
            return None
        memberships = load_memberships(session.user_id, session.user.super_admin)
        active = next((item for item in memberships if item.clinic_id == session.clinic_id), None)
        active = active or (memberships[0] if memberships else None)
        return _entry(session.user, session_id, memberships, active)


def _entry(user: User, session_id: str, memberships: list[Membership], active: Membership | None) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "username": user.username,
        "name": user.name,
        "session_id": session_id,
        "super_admin": user.super_admin,
        "language": user.language,
        "memberships": [asdict(item) for item in memberships],
        "active": asdict(active) if active else None,
        "checked": time.time(),
    }


@lru_cache(maxsize=2048)
def _from_entry(raw: bytes) -> Known:
    """Kept by the entry's very octets: whatever changes it makes another one of it."""
    values = orjson.loads(raw)
    checked_at = values.pop("checked")
    values["memberships"] = tuple(Membership(**item) for item in values["memberships"])
    values["active"] = Membership(**values["active"]) if values["active"] else None
    return Known(Principal(**values), checked_at)


def load_memberships(user_id: str, super_admin: bool) -> list[Membership]:
    """The user's clinics, oldest membership first; a SUPER_ADMIN has that role in every clinic. Needs all_tenants()."""
    wanted: Any
    if super_admin:
        wanted = select(
            Clinic.id, Clinic.name, literal(str(Role.SUPER_ADMIN)), literal(None), literal(None), literal(None)
        ).where(Clinic.archived.is_(False))
        return [Membership(*row) for row in db.session.execute(wanted.order_by(Clinic.created_at, Clinic.id))]
    wanted = (
        select(Clinic.id, Clinic.name, Member.role, Member.patient_id, Member.doctor_id, Member.location_id)
        .join(Member, Member.clinic_id == Clinic.id)
        .where(Member.user_id == user_id, Member.active.is_(True), Clinic.archived.is_(False))
        .order_by(Member.created_at, Member.id)
    )
    return [Membership(*row) for row in db.session.execute(wanted)]


def in_clinic(principal: Principal, clinic_id: str) -> Principal:
    """The principal acting in the clinic that a request names. Raises Forbidden (SPEC 0: X-Clinic-Id of no member
    is 403).
    """
    for membership in principal.memberships:
        if membership.clinic_id == clinic_id:
            return principal.acting_in(membership)
    raise Forbidden(code="NOT_A_MEMBER")
