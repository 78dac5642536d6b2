"""Open and closed days of the books. A transaction books on one day: today, or the first day that is still open."""

from __future__ import annotations

from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.connections import execute_in_turn
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.ledger.models import JournalEntry, LedgerPeriod
from app.tenancy.queries import settings_in_scope

_DAY = "booking_day"


class DayClosed(Conflict):
    """The books of that day are closed, for good."""

    code = "DAY_CLOSED"


def booking_day() -> date:
    """The day on which this transaction books; no close can come between here and the commit.

    Waits while a close is under way. Asked again in the same transaction it answers the same.
    """
    session = db.session()
    known = session.info.get(_DAY)
    if known is not None and known[0] is session.get_transaction() and known[1] == require_clinic():
        return known[2]  # type: ignore[no-any-return]
    today, closed = clock.today(settings_in_scope().zone), _closed_under_lock(session)
    on = today if closed is None or closed < today else closed + timedelta(days=1)
    if not session.in_nested_transaction():  # a savepoint that is rolled back lets go of the lock
        session.info[_DAY] = (session.get_transaction(), require_clinic(), on)
    return on


def closed_until() -> date | None:
    """The last closed day; None where nothing was ever closed."""
    return db.session.scalar(select(func.max(LedgerPeriod.last_on)))


def _closed_under_lock(session: Session) -> date | None:
    """`closed_until` as it is once no close is under way: it is asked after the lock is there, in the same message."""
    session.flush()  # rows that are locked by being changed come before the books
    ((closed,),) = execute_in_turn(session.connection(), f"select pg_advisory_xact_lock_shared({_LOCK})", _CLOSED)
    return closed  # type: ignore[no-any-return]


def lock_books() -> None:
    """Wait until nobody is booking, and let nobody book until the end of this transaction.

    A writer that waits for another one behind this lock is let past by PostgreSQL, so that no two wait for each other.
    """
    require_clinic()
    db.session.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))


def close_books(on: date) -> LedgerPeriod:
    """Close all days up to and including `on`, under `lock_books`. Raises DayClosed."""
    lock_books()
    closed = closed_until()
    if closed is not None and on <= closed:
        raise DayClosed(_("The books of %(day)s are closed already.", day=on.isoformat()))
    principal = find_principal()
    period = LedgerPeriod(
        id=new_id(),
        first_on=closed + timedelta(days=1) if closed is not None else _first_day(on),
        last_on=on,
        closed_by_id=principal.user_id if principal else None,
    )
    db.session.add(period)
    db.session.flush()
    return period


def _first_day(on: date) -> date:
    first = db.session.scalar(select(func.min(JournalEntry.booked_on)))
    return min(first, on) if first else on


# Of the clinic in scope, which the second wall knows.
_LOCK = "hashtextextended('ledger-period:' || current_setting('app.clinic_id'), 0)"
_CLOSED = "select max(last_on) from ledger_period where clinic_id = current_setting('app.clinic_id')::uuid"
