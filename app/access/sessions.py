"""Log-in, refresh and log-out: refresh families in PostgreSQL, session entries in Redis (SPEC ACC-1)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from redis.exceptions import RedisError
from sqlalchemy import func, select

from app.access.events import ClinicEntered, LoggedIn, LoggedOut, TokenRefreshed
from app.access.lock_out import (
    count_failure,
    locked_out,
    refuse_nobody,
    refused_in_equal_time,
    seconds_locked,
    wrong_credentials,
)
from app.access.models import LoginSession, Member, User
from app.access.passwords import password_matches
from app.access.principals import forget_session, load_memberships
from app.access.tokens import RefreshToken, make_access_token, read_refresh_token
from app.core import clock
from app.core.errors import Forbidden, Unauthorized
from app.core.jobs import redis_connection
from app.core.principal import Principal, acting_as
from app.core.tenant import all_tenants, current_clinic_id, db
from app.core.transaction import after_commit, unit_of_work
from app.events.services import publish
from app.tenancy.models import Clinic
from config import get_settings


@dataclass(frozen=True)
class Tokens:
    """What a client keeps. `expires_in` is the access token's life in seconds."""

    session_id: str
    user_id: str
    access_token: str
    refresh_token: str
    expires_in: int

    def to_json(self) -> dict[str, object]:
        return {
            "accessToken": self.access_token,
            "refreshToken": self.refresh_token,
            "expiresIn": self.expires_in,
            "tokenType": "Bearer",
        }


def log_in(username: str, password: str, *, address: str | None, user_agent: str | None) -> Tokens:
    """Raises WrongCredentials, or TooManyRequests while the account is locked."""
    with refused_in_equal_time(), all_tenants():
        with unit_of_work():
            outcome = _try_password(username.strip().lower(), password, address, user_agent)
        # The failed attempt is counted by the commit above; only then is the caller told.
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _try_password(username: str, password: str, address: str | None, user_agent: str | None) -> Tokens | Exception:
    user = db.session.scalar(select(User).where(User.username == username))
    right = password_matches(user.password_hash if user else None, password)
    if user is None:
        return refuse_nobody(username)
    # The lock is taken after the costly check, so that a commit in the meantime is not missed.
    db.session.refresh(user, with_for_update=True)
    if seconds_locked(user):
        return locked_out(seconds_locked(user))
    if not right or not user.active or _demo_forbidden(user):
        _count_failure(user)
        return wrong_credentials()
    user.failed_logins, user.locked_until = 0, None
    return _tokens(_open_session(user, address, user_agent))


def _demo_forbidden(user: User) -> bool:
    return user.demo and get_settings().production


def _count_failure(user: User) -> None:
    count_failure(user)
    clinic_id = _first_clinic(user)
    if clinic_id:
        failed = LoggedIn(user_id=user.id, session_id="", succeeded=False, reason="WRONG_CREDENTIALS")
        with acting_as(Principal(user.id, user.username, user.name, "")):
            publish(failed, clinic_id=clinic_id)


def _first_clinic(user: User) -> str | None:
    memberships = load_memberships(user.id, user.super_admin)
    return memberships[0].clinic_id if memberships else None


def _open_session(user: User, address: str | None, user_agent: str | None) -> LoginSession:
    session = LoginSession(
        user_id=user.id,
        clinic_id=_first_clinic(user),
        expires_at=_expiry(),
        last_used_at=clock.now(),
        address=address,
        user_agent=(user_agent or "")[:200] or None,
    )
    db.session.add(session)
    db.session.flush()
    if session.clinic_id:
        with acting_as(Principal(user.id, user.username, user.name, session.id)):
            publish(LoggedIn(user_id=user.id, session_id=session.id), clinic_id=session.clinic_id)
    return session


def _expiry() -> object:
    return clock.now() + timedelta(seconds=get_settings().refresh_token_seconds)


def _tokens(session: LoginSession) -> Tokens:
    refresh = RefreshToken(session.id, session.generation)
    access = make_access_token(session.user_id, session.id)
    return Tokens(session.id, session.user_id, access, str(refresh), get_settings().access_token_seconds)


def refresh_tokens(text: str) -> Tokens:
    """Rotate a refresh token. A token of an older generation revokes its whole family. Raises Unauthorized."""
    token = read_refresh_token(text)
    with all_tenants():
        with unit_of_work():
            outcome = _rotate(token)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _rotate(token: RefreshToken) -> Tokens | Exception:
    session = db.session.get(LoginSession, token.session_id, with_for_update=True)
    if session is None or session.revoked_at or session.expires_at <= clock.now() or not session.user.active:
        return Unauthorized(code="SESSION_ENDED")
    if token.generation != session.generation:
        _revoke(session, "REFRESH_TOKEN_REUSED")
        return Unauthorized(code="TOKEN_REUSED")
    session.generation += 1
    session.last_used_at = clock.now()
    session.expires_at = _expiry()
    if session.clinic_id:
        publish(TokenRefreshed(user_id=session.user_id, session_id=session.id), clinic_id=session.clinic_id)
    return _tokens(session)


def revoke_session(session_id: str, *, user_id: str, reason: str = "LOGGED_OUT") -> bool:
    """End one of the user's sessions; False when there is none such."""
    with all_tenants(), unit_of_work():
        session = db.session.get(LoginSession, session_id, with_for_update=True)
        if session is None or session.user_id != user_id or session.revoked_at:
            return False
        _revoke(session, reason)
    return True


def revoke_all_sessions(user_id: str, reason: str, *, keep: str | None = None) -> None:
    """End every session of a user but `keep`: on disabling, on a new password. Runs in the caller's transaction."""
    sessions = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
    for session in db.session.scalars(sessions):
        if session.id != keep:
            _revoke(session, reason)


def _revoke(session: LoginSession, reason: str) -> None:
    session.revoked_at = clock.now()
    session.revoked_reason = reason
    # Inside a clinic only its own log can be written, though the session may be at work in another one.
    clinic_id = current_clinic_id() or session.clinic_id
    if clinic_id:
        publish(LoggedOut(user_id=session.user_id, session_id=session.id, reason=reason), clinic_id=clinic_id)
    session_id = session.id
    after_commit(lambda: forget_session(session_id))


def list_sessions(user_id: str) -> list[LoginSession]:
    """The user's live sessions, newest first."""
    return list(
        db.session.scalars(
            select(LoginSession)
            .where(
                LoginSession.user_id == user_id,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > func.now(),
            )
            .order_by(LoginSession.id.desc())
        )
    )


def enter_clinic(session_id: str, clinic_id: str) -> None:
    """Make a clinic the active one of a session. Raises Forbidden where the user is no member (SUPER_ADMIN may
    anywhere).
    """
    with all_tenants(), unit_of_work():
        session = db.session.get_one(LoginSession, session_id, with_for_update=True)
        member = db.session.scalar(
            select(Member.id).where(
                Member.user_id == session.user_id, Member.clinic_id == clinic_id, Member.active.is_(True)
            )
        )
        clinic = db.session.get(Clinic, clinic_id)
        if clinic is None or (member is None and not session.user.super_admin):
            raise Forbidden(_("You are not a member of this clinic."))
        session.clinic_id = clinic_id
        entered = ClinicEntered(user_id=session.user_id, session_id=session_id, as_super_admin=member is None)
        publish(entered, clinic_id=clinic_id)
        after_commit(lambda: forget_session(session_id))


def note_visit(principal: Principal) -> None:
    """A SUPER_ADMIN works in a clinic that is not their session's own: its trail says so, once a day and session.

    What Redis forgot is written again rather than not at all. Opens its own scope and commits.
    """
    key = f"visit:{principal.session_id}:{principal.clinic_id}"
    if _is_kept(key):
        return
    entered = ClinicEntered(user_id=principal.user_id, session_id=principal.session_id, as_super_admin=True)
    with acting_as(principal), all_tenants(), unit_of_work():
        publish(entered, clinic_id=principal.clinic_id)
    with suppress(RedisError):
        redis_connection().set(key, b"1", ex=get_settings().session_seconds)


def _is_kept(key: str) -> bool:
    try:
        return bool(redis_connection().exists(key))
    except RedisError:
        return False
