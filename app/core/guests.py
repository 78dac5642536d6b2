"""Sockets of screens that nobody logs in at: the token of a link lets them hear what it is for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import NotFound
from app.core.principal import acting_as
from app.core.public_links import clinic_of_token
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work


@dataclass(frozen=True, slots=True)
class Guest:
    """A link's token, the kind of screen that it opens, and the clinic that it names."""

    kind: str
    clinic_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GuestKind:
    """What a kind of screen does in its clinic, as nobody. Both take the token and raise NotFound for a bad one."""

    check: Callable[[str], Any]
    subscribe: Callable[[str], Any]  # joins the one room that the link is good for, and tells how things stand


GUEST_KINDS: dict[str, GuestKind] = {}


def declare_guest(name: str, *, check: Callable[[str], Any], subscribe: Callable[[str], Any]) -> None:
    """Sockets whose handshake brings `auth[name]`, a token of public_links.py, are let in as guests."""
    GUEST_KINDS[name] = GuestKind(check, subscribe)


def comes_as_guest(auth: Any) -> bool:
    return isinstance(auth, dict) and any(auth.get(name) for name in GUEST_KINDS)


def find_guest(auth: dict[str, Any]) -> Guest | None:
    """The guest that a handshake names, if the link is good."""
    name = next(name for name in GUEST_KINDS if auth.get(name))
    token = str(auth[name])
    try:
        guest = Guest(name, clinic_of_token(token), token)
    except NotFound:
        return None
    return guest if still_welcome(guest) else None


def still_welcome(guest: Guest) -> bool:
    """Whether the guest's link is still good."""
    try:
        _in_clinic(guest, GUEST_KINDS[guest.kind].check)
    except NotFound:
        return False
    return True


def subscribe_guest(guest: Guest) -> Any:
    """Raises NotFound for a link that was revoked meanwhile."""
    return _in_clinic(guest, GUEST_KINDS[guest.kind].subscribe)


def _in_clinic(guest: Guest, deed: Callable[[str], Any]) -> Any:
    with acting_as(None), tenant_scope(guest.clinic_id), unit_of_work():
        return deed(guest.token)
