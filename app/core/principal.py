"""Who acts: the person behind a request, job or socket, and what their role in the active clinic lets them do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.errors import Forbidden, Unauthorized


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's role in one clinic. `location_id` narrows a LOCATION_HEAD."""

    clinic_id: str
    clinic_name: str
    role: str
    patient_id: str | None = None
    doctor_id: str | None = None
    location_id: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A logged-in person with the clinic they work in right now. Plain data, so that it can be cached."""

    user_id: str
    username: str
    name: str
    session_id: str
    memberships: tuple[Membership, ...] = ()
    active: Membership | None = None
    super_admin: bool = False
    language: str = "en"
    # What Flask-Login and Flask-AppBuilder ask of a user.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return self.user_id

    @property
    def role(self) -> str | None:
        return self.active.role if self.active else None

    @property
    def clinic_id(self) -> str | None:
        return self.active.clinic_id if self.active else None

    @property
    def patient_id(self) -> str | None:
        return self.active.patient_id if self.active else None

    @property
    def doctor_id(self) -> str | None:
        return self.active.doctor_id if self.active else None

    def acting_in(self, membership: Membership) -> Principal:
        return replace(self, active=membership)


class RoleTable(Protocol):
    """What app/access/roles.py provides."""

    def __call__(self, role: str, resource: str, action: str) -> bool: ...


def _nobody_may(role: str, resource: str, action: str) -> bool:
    return False


_role_table: RoleTable = _nobody_may
_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)


def install_role_table(table: RoleTable) -> None:
    global _role_table
    _role_table = table


def set_principal(principal: Principal | None) -> None:
    _principal.set(principal)


def find_principal() -> Principal | None:
    return _principal.get()


def current_principal() -> Principal:
    """The person who acts. Raises Unauthorized."""
    principal = _principal.get()
    if principal is None:
        raise Unauthorized
    return principal


@contextmanager
def acting_as(principal: Principal | None) -> Iterator[None]:
    token = _principal.set(principal)
    try:
        yield
    finally:
        _principal.reset(token)


def may(resource: str, action: str, principal: Principal | None = None) -> bool:
    """Whether the principal's role in the active clinic allows `action` on `resource`."""
    principal = principal or _principal.get()
    return principal is not None and principal.role is not None and _role_table(principal.role, resource, action)


def role_allows(role: str, resource: str, action: str) -> bool:
    """The same for a role by itself: who else could do it."""
    return _role_table(role, resource, action)


def require(resource: str, action: str) -> Principal:
    """The principal, if it may. Raises Unauthorized or Forbidden."""
    principal = current_principal()
    if not may(resource, action, principal):
        raise Forbidden
    return principal


def own_location_id() -> str | None:
    """The location that a member is kept to; None for all."""
    principal = _principal.get()
    return principal.active.location_id if principal and principal.active else None


def own_patient_id() -> str | None:
    """The patient a PATIENT is restricted to; None for staff. A PATIENT without a record owns nothing."""
    principal = _principal.get()
    if principal is None or principal.role != "PATIENT":
        return None
    return principal.patient_id or "00000000-0000-0000-0000-000000000000"
