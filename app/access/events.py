"""Events of users and log-ins."""

from __future__ import annotations

from app.events.base import Category, Event


class UserCreated(Event):
    type = "user.created"
    category = Category.USER_ACTIVITY
    subject = "user_id"
    user_id: str


class UserUpdated(Event):
    type = "user.updated"
    category = Category.USER_ACTIVITY
    subject = "user_id"
    user_id: str


class UserDeleted(Event):
    type = "user.deleted"
    category = Category.USER_ACTIVITY
    subject = "user_id"
    user_id: str


class LoggedIn(Event):
    type = "auth.login"
    category = Category.SECURITY
    subject = "user_id"
    user_id: str
    session_id: str
    succeeded: bool = True
    reason: str | None = None


class LoggedOut(Event):
    type = "auth.logout"
    category = Category.SECURITY
    subject = "user_id"
    user_id: str
    session_id: str
    reason: str


class TokenRefreshed(Event):
    type = "auth.token.refreshed"
    category = Category.SECURITY
    subject = "user_id"
    user_id: str
    session_id: str


class ClinicEntered(Event):
    """A user switched the active clinic; for a SUPER_ADMIN this is the record of entering."""

    type = "auth.clinic.entered"
    category = Category.SECURITY
    subject = "user_id"
    user_id: str
    session_id: str
    as_super_admin: bool
