"""The close of a day: what stands in its way, and closing it. A closed day never changes and is never opened again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import CashDrawer, DayClose, DrawerHandover, DrawerStatus, HandoverStatus, MoneyMovement
from app.billing.numbering import fiscal_year, numbered
from app.billing.services.day_figures import drawers_of_day
from app.billing.services.day_totals import Totals, day_totals, payments_out_of_step, takings_only
from app.billing.services.safe import safe_balances, waiting_counts
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.series import next_number
from app.core.tenant import db
from app.ledger.models import JournalEntry
from app.ledger.services import close_books, closed_until, lock_books
from app.payments.models import Payment, PaymentStatus, TenderKind
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope

DAY_CLOSES = "day-close"
MOST_NAMED = 20


class DayNotReady(Conflict):
    """Something still stands in the way of the close; the checklist says what."""

    code = "DAY_NOT_READY"


@dataclass(frozen=True)
class Check:
    """One line of the checklist: `rows` are what blocks, as (text, id)."""

    code: str
    rows: list[tuple[str, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.rows


@dataclass(frozen=True)
class DayState:
    """Everything a person sees before they close a day."""

    on: date
    checks: list[Check]
    totals: list[Totals]
    loose_cash: list[Money]
    safe: list[Money]
    drawers: list[dict[str, Any]]

    @property
    def ready(self) -> bool:
        return all(check.passed for check in self.checks)


def day_to_close() -> date:
    """The oldest day with entries that is not closed; today where there is none."""
    today, closed = clock.today(settings_in_scope().zone), closed_until()
    wanted = select(func.min(JournalEntry.booked_on))
    if closed is None:
        return today
    return min(db.session.scalar(wanted.where(JournalEntry.booked_on > closed)) or today, max(today, closed))


def state_of_day(on: date) -> DayState:
    """The checklist and both totals as they stand."""
    totals = day_totals(on)
    checks = [
        Check("EARLIER_DAYS", _earlier_days(on)),
        Check("DRAWERS", _drawers_in_use(on)),
        Check("HANDOVERS", _handovers_offered(on)),
        Check("SAFE", _undecided_counts(on)),
        Check("UNKNOWN_PAYMENTS", _unknown_payments(on)),
        Check("TOTALS", [(str(line.name), line.channel) for line in totals if not line.agrees]),
        Check("OUT_OF_STEP", [(payment_id, payment_id) for payment_id in payments_out_of_step(on)]),
    ]
    return DayState(on, checks, totals, _loose_cash(on), safe_balances(on), drawers_of_day(on))


def close_day(on: date) -> DayClose:
    """Close a day, number it and close its books. Waits for who is booking; who comes later books on the next day.

    Raises DayClosed, DayNotReady, Invalid for a day to come.
    """
    if on > clock.today(settings_in_scope().zone):
        raise Invalid(fields={"day": _("This day has not come yet.")})
    lock_books()
    period = close_books(on)
    state = state_of_day(on)
    if not state.ready:
        waiting = [check.code for check in state.checks if not check.passed]
        raise DayNotReady(_("This day cannot be closed yet; see the checklist."), checks=waiting)
    currency = settings_in_scope().currency
    first, last = _entries(on)
    close = DayClose(
        id=new_id(),
        number=_next_number(on),
        business_on=on,
        closed_at=period.closed_at,
        closed_by_id=_acting_user(),
        currency=currency,
        total_minor=sum(line.net.minor for line in takings_only(state.totals) if line.currency == currency),
        figures=[line.to_json() for line in state.totals],
        drawers=state.drawers,
        first_entry=first,
        last_entry=last,
    )
    db.session.add(close)
    db.session.flush()
    return close


def totals_of(close: DayClose) -> list[Totals]:
    """The figures as they were when the day was closed."""
    return [Totals(**line) for line in close.figures]


def _acting_user() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None


def _next_number(on: date) -> str:
    settings = settings_in_scope()
    year = fiscal_year(on, settings.fiscal_year_starts_in)
    return numbered(settings.day_close_prefix, year, next_number(DAY_CLOSES, year))


def _entries(on: date) -> tuple[int | None, int | None]:
    wanted = select(func.min(JournalEntry.number), func.max(JournalEntry.number)).where(JournalEntry.booked_on == on)
    row = db.session.execute(wanted).one()
    return row[0], row[1]


def _earlier_days(on: date) -> list[tuple[str, str]]:
    """Days with entries between the last close and this day. Before the first close, all of the past comes with it."""
    closed = db.session.scalar(select(func.max(DayClose.business_on)))
    if closed is None:
        return []
    wanted = select(JournalEntry.booked_on).where(JournalEntry.booked_on > closed, JournalEntry.booked_on < on)
    days = db.session.scalars(wanted.distinct().order_by(JournalEntry.booked_on).limit(MOST_NAMED))
    return [(day.isoformat(), day.isoformat()) for day in days]


def _drawers_in_use(on: date) -> list[tuple[str, str]]:
    wanted = select(CashDrawer).where(CashDrawer.status != DrawerStatus.CLOSED, CashDrawer.opened_on <= on)
    rows = db.session.scalars(wanted.order_by(CashDrawer.opened_at).limit(MOST_NAMED))
    return [(str(drawer.holder), drawer.id) for drawer in rows]


def _handovers_offered(on: date) -> list[tuple[str, str]]:
    wanted = select(DrawerHandover).where(
        DrawerHandover.status == HandoverStatus.OFFERED, DrawerHandover.offered_on <= on
    )
    rows = db.session.scalars(wanted.order_by(DrawerHandover.id).limit(MOST_NAMED))
    return [(str(handover), handover.id) for handover in rows]


def _undecided_counts(on: date) -> list[tuple[str, str]]:
    """Counts of the safe whose difference nobody has approved yet."""
    end = local_bounds(on, on)[1]
    return [(str(count.counted_by), count.id) for count in waiting_counts() if count.created_at < end]


def _unknown_payments(on: date) -> list[tuple[str, str]]:
    wanted = select(Payment).where(
        Payment.status == PaymentStatus.UNKNOWN, Payment.created_at < local_bounds(on, on)[1]
    )
    rows = db.session.scalars(wanted.order_by(Payment.created_at).limit(MOST_NAMED))
    return [(str(payment), payment.id) for payment in rows]


def _loose_cash(on: date) -> list[Money]:
    """Cash that was taken into nobody's drawer; allowed, but nobody counted it."""
    wanted = (
        select(MoneyMovement.currency, func.sum(MoneyMovement.amount_minor))
        .where(
            MoneyMovement.business_on == on,
            MoneyMovement.channel == TenderKind.CASH,
            MoneyMovement.drawer_id.is_(None),
        )
        .group_by(MoneyMovement.currency)
    )
    return [Money(int(minor), currency) for currency, minor in db.session.execute(wanted) if minor]
