"""API of log-in, sessions, users and members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_wtf.csrf import generate_csrf
from pydantic import Field
from sqlalchemy import select

from app.access.edge import ACCESS_COOKIE, REFRESH_COOKIE
from app.access.models import Member, User
from app.access.roles import actions_of
from app.access.services import (
    add_member,
    check_role,
    create_user,
    disable_user,
    remove_member,
    update_user,
    user_to_add,
)
from app.access.sessions import Tokens, list_sessions, log_in, refresh_tokens, revoke_session
from app.core import rate_limit
from app.core.api import Api, Body, ListQuery, endpoint, reply
from app.core.cache.regions import CLINIC_USERS, USER
from app.core.errors import NotFound, Unauthorized
from app.core.paging import is_first_page, page
from app.core.principal import Principal, current_principal, find_principal
from app.core.tenant import db, require_clinic
from app.tenancy.cache import kept
from config import get_settings


class Login(Body):
    username: str = Field(min_length=1, max_length=120)
    password: str = Field(min_length=1, max_length=128)
    cookie: bool = Field(False, description="Set HTTP-only cookies instead of returning the tokens.")


class Refresh(Body):
    refresh_token: str | None = Field(None, max_length=200)


class NewUser(Body):
    username: str = Field(min_length=3, max_length=120)
    password: str = Field(max_length=128)
    first_name: str = Field(min_length=1, max_length=80)
    last_name: str = Field("", max_length=80)
    email: str | None = Field(None, max_length=254)
    role: str


class UserChanges(Body):
    first_name: str | None = Field(None, min_length=1, max_length=80)
    last_name: str | None = Field(None, max_length=80)
    email: str | None = Field(None, max_length=254)
    language: str | None = Field(None, pattern="^(en|hi)$")
    password: str | None = Field(None, max_length=128)


class NewMember(Body):
    user_id: str
    role: str


class AuthApi(Api):
    """Log-in, tokens and sessions."""

    openapi_tag = "Auth"

    @endpoint("POST", "/auth/login", body=Login, public=True, steps=True)
    def login(self, body: Login) -> Response:
        """Log in with user name and password."""
        rate_limit.hit("login", request.remote_addr or "-", get_settings().logins_per_minute)
        agent = request.user_agent.string
        tokens = log_in(body.username, body.password, address=request.remote_addr, user_agent=agent)
        return _with_cookies(tokens) if body.cookie else reply(tokens)

    @endpoint("POST", "/auth/refresh", body=Refresh, public=True, steps=True)
    def refresh(self, body: Refresh) -> Response:
        """Exchange a refresh token for new tokens; each works once."""
        from_cookie = request.cookies.get(REFRESH_COOKIE)
        text = body.refresh_token or from_cookie
        if not text:
            raise Unauthorized(code="INVALID_TOKEN")
        tokens = refresh_tokens(text)
        return reply(tokens) if body.refresh_token else _with_cookies(tokens)

    @endpoint("POST", "/auth/logout", public=True, steps=True)
    def logout(self) -> Response:
        """End this session."""
        principal = find_principal()
        if principal:
            revoke_session(principal.session_id, user_id=principal.user_id)
        response = Response(status=204)
        response.delete_cookie(ACCESS_COOKIE)
        response.delete_cookie(REFRESH_COOKIE, path="/api/v1/auth")
        return response

    @endpoint("GET", "/auth/me")
    def me(self) -> dict[str, Any]:
        """Who I am, where, and what I may do."""
        return _me(current_principal())

    @endpoint("GET", "/auth/sessions")
    def sessions(self) -> dict[str, Any]:
        """My live sessions."""
        principal = current_principal()
        shown = [
            {
                "id": item.id,
                "createdAt": item.created_at.isoformat(),
                "lastUsedAt": item.last_used_at.isoformat(),
                "expiresAt": item.expires_at.isoformat(),
                "address": item.address,
                "userAgent": item.user_agent,
                "current": item.id == principal.session_id,
            }
            for item in list_sessions(principal.user_id)
        ]
        return {"items": shown, "nextCursor": None}

    @endpoint("DELETE", "/auth/sessions/<id:session_id>", steps=True)
    def end_session(self, session_id: str) -> None:
        """End one of my sessions."""
        if not revoke_session(session_id, user_id=current_principal().user_id, reason="REVOKED"):
            raise NotFound


def _me(principal: Principal) -> dict[str, Any]:
    active = principal.active
    return {
        "id": principal.user_id,
        "username": principal.username,
        "name": principal.name,
        "role": principal.role,
        "clinic": {"id": active.clinic_id, "name": active.clinic_name} if active else None,
        "clinics": [
            {"id": item.clinic_id, "name": item.clinic_name, "role": item.role} for item in principal.memberships
        ],
        "patientId": principal.patient_id,
        "doctorId": principal.doctor_id,
        "permissions": actions_of(principal.role) if principal.role else {},
    }


def _with_cookies(tokens: Tokens) -> Response:
    settings = get_settings()
    response = reply({"expiresIn": tokens.expires_in, "csrfToken": generate_csrf()})
    common: dict[str, Any] = {"httponly": True, "secure": settings.production, "samesite": "Lax"}
    response.set_cookie(ACCESS_COOKIE, tokens.access_token, max_age=tokens.expires_in, **common)
    response.set_cookie(
        REFRESH_COOKIE, tokens.refresh_token, max_age=settings.refresh_token_seconds, path="/api/v1/auth", **common
    )
    return response


class UserApi(Api):
    """Users of the active clinic and their roles."""

    openapi_tag = "Users"

    @endpoint("GET", "/users", resource="user", action="read", query=ListQuery)
    def users(self, query: ListQuery) -> dict[str, Any]:
        """The clinic's users."""
        members = select(User.id, User.username, User.first_name, User.last_name, User.email, User.active, Member.role)
        rows = members.join(Member, Member.user_id == User.id)
        return _kept_page("users", query, lambda: page(rows, [User.id], query, _show_row))

    @endpoint("POST", "/users", resource="user", action="create", body=NewUser, status=201)
    def create(self, body: NewUser) -> dict[str, Any]:
        """Make a user and a member of the clinic."""
        check_role(body.role)
        user = create_user(**body.model_dump(exclude={"role"}))
        member = add_member(user, body.role)
        return _show(user, member)

    @endpoint("GET", "/users/<id:user_id>", resource="user", action="read")
    def user(self, user_id: str) -> dict[str, Any]:
        """One user of the clinic."""
        shown: dict[str, Any] = kept(USER, user_id, lambda: _show(*_user_of_clinic(user_id)))
        return shown

    @endpoint("PUT", "/users/<id:user_id>", resource="user", action="update", body=UserChanges)
    def update(self, user_id: str, body: UserChanges) -> dict[str, Any]:
        """Change a user's profile or password."""
        user, member = _user_of_clinic(user_id)
        update_user(user, **body.model_dump(exclude_none=True))
        return _show(user, member)

    @endpoint("DELETE", "/users/<id:user_id>", resource="user", action="delete")
    def disable(self, user_id: str) -> None:
        """Disable a user; the history stays."""
        disable_user(_user_of_clinic(user_id)[0])

    @endpoint("GET", "/clinics/<id:clinic_id>/members", resource="member", action="read", query=ListQuery)
    def members(self, clinic_id: str, query: ListQuery) -> dict[str, Any]:
        """Who has which role in the clinic."""
        _require_active(clinic_id)
        columns = select(Member.id, Member.user_id, Member.role, User.username)
        rows = columns.join(User, User.id == Member.user_id).where(Member.active.is_(True))
        return _kept_page("members", query, lambda: page(rows, [Member.id], query, _show_member))

    @endpoint("POST", "/clinics/<id:clinic_id>/members", resource="member", action="create", body=NewMember, status=201)
    def add(self, clinic_id: str, body: NewMember) -> dict[str, Any]:
        """Give a user a role in the clinic."""
        _require_active(clinic_id)
        user = user_to_add(body.user_id)
        member = add_member(user, body.role)
        return {"id": member.id, "userId": user.id, "role": member.role}

    @endpoint("DELETE", "/clinics/<id:clinic_id>/members", resource="member", action="delete", body=NewMember)
    def remove(self, clinic_id: str, body: NewMember) -> None:
        """Take a role away."""
        _require_active(clinic_id)
        remove_member(_user_of_clinic(body.user_id)[1])


def _kept_page(name: str, query: ListQuery, load: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not is_first_page(query):
        return load()
    answer: dict[str, Any] = kept(CLINIC_USERS, f"{name}:{query.limit}", load)
    return answer


def _require_active(clinic_id: str) -> None:
    if clinic_id != require_clinic():
        raise NotFound


def _user_of_clinic(user_id: str) -> tuple[User, Member]:
    found = db.session.execute(
        select(User, Member).join(Member, Member.user_id == User.id).where(User.id == user_id, Member.active.is_(True))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]


def _show(user: User, member: Member) -> dict[str, Any]:
    return _show_user(user, member.role)


def _show_row(row: Any) -> dict[str, Any]:
    return _show_user(row, row.role)


def _show_user(user: Any, role: str) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "active": user.active,
        "role": role,
    }


def _show_member(row: Any) -> dict[str, Any]:
    return {"id": row.id, "userId": row.user_id, "username": row.username, "role": row.role}
