"""People at the cash desk, their drawers and counts, committed to the clinic in scope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from app.billing.denominations import count_of
from app.billing.models import CashDrawer
from app.billing.services.cash_desk_drawers import close_drawer, lock_own_drawer, open_drawer
from app.billing.services.cash_desk_movements import cash_in, find_own_drawer
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.factories.access import make_member


def counted(amount: str | Money) -> dict[str, int]:
    """Notes and coins that make the amount."""
    return count_of(amount if isinstance(amount, Money) else Money.parse(amount, "INR"))


def make_person(role: str = "RECEPTIONIST", user: Any = None) -> Principal:
    """Somebody with a role in the clinic in scope."""
    clinic_id = require_clinic()
    user = user or make_member(clinic_id, role)
    membership = Membership(clinic_id, "Clinic", role)
    return Principal(user.id, user.username, user.name, "-", (membership,), membership)


@contextmanager
def doing(person: Principal) -> Iterator[None]:
    """One deed of a person: in their name, in one unit of work."""
    with acting_as(person), unit_of_work():
        yield


def make_drawer(person: Principal, amount: str = "1000", **options: Any) -> CashDrawer:
    with doing(person):
        return open_drawer(counted(amount), **options)


def end_drawer(person: Principal, amount: str | None = None, reason: str = "") -> CashDrawer:
    """Close a person's drawer with what should be in it, or with another count."""
    with doing(person):
        known = find_own_drawer(person.user_id)
        assert known is not None
        drawer = lock_own_drawer(known.id)
        return close_drawer(drawer, counted(amount if amount is not None else cash_in(drawer)), reason)


def set_rules(clinic: Clinic, **settings: Any) -> None:
    """Change settings of the clinic, for this test's process."""
    with unit_of_work():
        row = db.session.scalars(select(Clinic).where(Clinic.id == clinic.id)).one()
        update_clinic(row, settings=settings)
