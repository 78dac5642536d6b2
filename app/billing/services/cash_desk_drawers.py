"""Drawers: open with a float, pay in and out, count, approve a difference, close. Callers commit.

Each deed is booked: a drawer's cash in the ledger is what its movements add up to, and nothing once it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.billing.denominations import checked_count
from app.billing.models import (
    CashDrawer,
    CounterAccount,
    DrawerHandover,
    DrawerStatus,
    HandoverStatus,
    MoneyMovement,
    MovementKind,
)
from app.billing.models.cash_desk import PAID_IN_FROM, PAID_OUT_TO
from app.billing.services.cash_desk_movements import add_movement, cash_in, check_enough, find_own_drawer
from app.core import clock
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Principal, current_principal
from app.core.state import WrongState
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.services import booking_day, credit, debit, post
from app.payments.models import TenderKind
from app.tenancy.queries import settings_in_scope

CASH = TenderKind.CASH


class DrawerOpen(Conflict):
    """A person has one drawer per currency at a time."""

    code = "DRAWER_OPEN"


class SecondPersonDecides(Forbidden):
    """Whoever held the drawer, or counted the safe, does not approve its difference."""

    code = "SECOND_PERSON_NEEDED"


def open_drawer(
    count: Mapping[str, int],
    *,
    currency: str | None = None,
    location_id: str | None = None,
    received_from: CashDrawer | None = None,
) -> CashDrawer:
    """A drawer of the acting person with the counted float, out of the safe. Raises DrawerOpen, Invalid."""
    currency = currency or settings_in_scope().currency
    pieces, amount = checked_count(count, currency)
    holder_id = current_principal().user_id
    drawer = CashDrawer(
        id=new_id(),
        status=DrawerStatus.OPEN,
        holder_id=holder_id,
        location_id=location_id,
        currency=currency,
        opened_on=booking_day(),
        opened_at=clock.now(),
        float_minor=amount.minor,
        opening_count=pieces,
        received_from_id=received_from.id if received_from else None,
    )
    try:
        with db.session.begin_nested():
            db.session.add(drawer)
            db.session.flush()
    except IntegrityError:
        raise DrawerOpen(_("You have an open drawer in %(currency)s already.", currency=currency)) from None
    _move(drawer, MovementKind.FLOAT, amount, CounterAccount.SAFE, "drawer.float")
    return drawer


def pay_in(drawer: CashDrawer, amount: Money, source: str, reason: str) -> MoneyMovement:
    """Put cash into one's open drawer. Raises Invalid, WrongState."""
    _check_deed(drawer, amount, reason, source, PAID_IN_FROM)
    return _paid(drawer, MovementKind.PAID_IN, amount, source, "drawer.paid-in", reason)


def pay_out(drawer: CashDrawer, amount: Money, target: str, reason: str) -> MoneyMovement:
    """Take cash out of one's open drawer. Raises Invalid, WrongState, NotEnoughCash."""
    _check_deed(drawer, amount, reason, target, PAID_OUT_TO)
    check_enough(drawer, amount)
    return _paid(drawer, MovementKind.PAID_OUT, -amount, target, "drawer.paid-out", reason)


def close_drawer(drawer: CashDrawer, count: Mapping[str, int], reason: str = "") -> CashDrawer:
    """Count one's drawer and empty it into the safe; a difference above the tolerance waits for a second person.

    Raises Invalid, WrongState.
    """
    if drawer.status != DrawerStatus.OPEN:
        raise WrongState(_("This drawer is not open."), status=drawer.status)
    return count_drawer(drawer, count, reason)


def count_drawer(drawer: CashDrawer, count: Mapping[str, int], reason: str) -> CashDrawer:
    """Take over a count; the drawer is closed, or waits for approval of its difference."""
    pieces, counted = checked_count(count, drawer.currency)
    expected = cash_in(drawer)
    difference = counted - expected
    if difference and not reason.strip():
        raise Invalid(fields={"reason": _("Say what the difference may come from.")})
    drawer.counted_at = clock.now()
    drawer.expected_minor, drawer.counted_minor = expected.minor, counted.minor
    drawer.closing_count = pieces
    drawer.difference_reason = reason.strip()[:300]
    if needs_approval(difference):
        drawer.become(DrawerStatus.COUNTED)
        db.session.flush()
        return drawer
    return _finish(drawer)


def needs_approval(difference: Money) -> bool:
    """Above the clinic's tolerance, whether too much or too little."""
    return abs(difference).major > settings_in_scope().cash_difference_tolerance


def may_decide_drawer(drawer: CashDrawer, principal: Principal | None = None) -> bool:
    """The rule of two persons: not the one who held it, nor who alone counted it in the holder's absence."""
    person_id = (principal or current_principal()).user_id
    return person_id != drawer.holder_id and not _counted_alone(drawer, person_id)


def _counted_alone(drawer: CashDrawer, person_id: str) -> bool:
    wanted = select(DrawerHandover.id).where(
        DrawerHandover.drawer_id == drawer.id,
        DrawerHandover.receiver_id == person_id,
        DrawerHandover.status == HandoverStatus.ACCEPTED,
        DrawerHandover.received_count.is_(None),
    )
    return db.session.scalar(wanted) is not None


def approve_difference(drawer: CashDrawer, note: str = "") -> CashDrawer:
    """Accept a locked drawer's difference: it is booked, and the drawer closed. Raises SecondPersonDecides."""
    _decide(drawer, note)
    return _finish(drawer)


def ask_recount(drawer: CashDrawer, note: str = "") -> CashDrawer:
    """Give a counted drawer back to its holder to count again. Raises SecondPersonDecides, DrawerOpen, Conflict."""
    if was_handed_over(drawer):
        raise Conflict(_("Its cash was handed over and is counted there: nothing is left to count again."))
    _decide(drawer, note)
    if find_own_drawer(drawer.holder_id, drawer.currency) is not None:
        raise DrawerOpen(_("The holder has opened another drawer meanwhile; close that one first."))
    drawer.become(DrawerStatus.OPEN)
    db.session.flush()
    return drawer


def was_handed_over(drawer: CashDrawer) -> bool:
    """Whether somebody else works with its cash since."""
    return db.session.scalar(select(CashDrawer.id).where(CashDrawer.received_from_id == drawer.id)) is not None


def lock_drawer(drawer_id: str) -> CashDrawer:
    """The row, locked and fresh. Raises NotFound."""
    booking_day()  # before the row, as everybody who takes money does
    wanted = select(CashDrawer).where(CashDrawer.id == drawer_id).with_for_update(of=CashDrawer, key_share=True)
    drawer = db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()
    if drawer is None:
        raise NotFound
    return drawer


def lock_own_drawer(drawer_id: str) -> CashDrawer:
    """Raises NotFound, also for somebody else's drawer."""
    drawer = lock_drawer(drawer_id)
    if drawer.holder_id != current_principal().user_id:
        raise NotFound
    return drawer


def _decide(drawer: CashDrawer, note: str) -> None:
    if drawer.status != DrawerStatus.COUNTED:
        raise WrongState(_("This drawer does not wait for approval."), status=drawer.status)
    if not may_decide_drawer(drawer):
        raise SecondPersonDecides(_("Another person must decide: you held or counted this drawer."))
    drawer.decided_by_id = current_principal().user_id
    drawer.decided_at = clock.now()
    drawer.decision_note = note[:300]


def _finish(drawer: CashDrawer) -> CashDrawer:
    """Book the difference, empty the drawer into the safe, close it."""
    difference, counted = drawer.difference, drawer.counted
    assert difference is not None and counted is not None
    reason = drawer.difference_reason
    _move(drawer, MovementKind.DIFFERENCE, difference, AccountCode.CASH_OVER_SHORT, "drawer.difference", reason)
    _move(drawer, MovementKind.EMPTIED, -counted, CounterAccount.SAFE, "drawer.emptied")
    drawer.become(DrawerStatus.CLOSED)
    drawer.closed_at = clock.now()
    db.session.flush()
    return drawer


def _check_deed(drawer: CashDrawer, amount: Money, reason: str, counter: str, allowed: tuple[str, ...]) -> None:
    if drawer.status != DrawerStatus.OPEN:
        raise WrongState(_("This drawer is not open."), status=drawer.status)
    if counter not in allowed:
        raise Invalid(fields={"counter": _("Choose where the money comes from or goes to.")})
    if not reason.strip():
        raise Invalid(fields={"reason": _("Give a reason.")})
    if amount.currency != drawer.currency or amount.minor <= 0:
        raise Invalid(fields={"amount": _("The amount must be above zero.")})


def _paid(
    drawer: CashDrawer, kind: MovementKind, amount: Money, counter: str, booking: str, reason: str
) -> MoneyMovement:
    movement = _move(drawer, kind, amount, counter, booking, reason.strip()[:300])
    assert movement is not None  # the amount is not zero
    return movement


def _move(
    drawer: CashDrawer, kind: MovementKind, amount: Money, counter: str, booking: str, reason: str = ""
) -> MoneyMovement | None:
    """The movement and its journal entry between CASH and the counter account; nothing for an amount of zero."""
    if not amount:
        return None
    movement = add_movement(kind, CASH, amount, drawer=drawer, counter=str(counter), reason=reason)
    account = AccountCode(str(counter))
    if amount.minor > 0:
        lines = [debit(AccountCode.CASH, amount), credit(account, amount)]
    else:
        lines = [debit(account, -amount), credit(AccountCode.CASH, -amount)]
    post(booking, lines, source=(MoneyMovement.__tablename__, movement.id), memo=reason)
    return movement
