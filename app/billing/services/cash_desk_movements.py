"""What came and went, and whose drawer it is in: written in the transaction of the payment, refund or deed itself."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import CashDrawer, DrawerStatus, MoneyMovement, MovementKind
from app.core.errors import Conflict
from app.core.formatting import money
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.tenant import db
from app.core.together import insert_together
from app.ledger.services import booking_day
from app.payments.models import DESK, ORIGINAL, Payment, Refund, TenderKind
from app.tenancy.queries import settings_in_scope


class NoOpenDrawer(Conflict):
    """The clinic takes cash only into an open drawer, and the person has none."""

    code = "NO_OPEN_DRAWER"


class NotEnoughCash(Conflict):
    """The drawer does not hold what should be paid out of it."""

    code = "NOT_ENOUGH_CASH"


def record_taking(payment: Payment, came: Money, source_key: str) -> MoneyMovement:
    """Money of a payment arrived. Raises NoOpenDrawer for cash, where the clinic asks for a drawer."""
    channel = payment.method if payment.provider == DESK else payment.provider
    return _record(MovementKind.TENDER, channel, came, payment_id=payment.id, source_key=source_key)


def record_refund(payment: Payment, refund: Refund) -> MoneyMovement:
    """A refund reached the payer. Raises NoOpenDrawer and NotEnoughCash for cash."""
    channel = refund_channel(payment, refund)
    return _record(MovementKind.REFUND, channel, -refund.amount, payment_id=payment.id, refund_id=refund.id)


def record_return(payment: Payment, refund: Refund) -> MoneyMovement:
    """A refund that had been paid out came back from the bank."""
    channel = refund_channel(payment, refund)
    return _record(MovementKind.RETURNED, channel, refund.amount, payment_id=payment.id, refund_id=refund.id)


def refund_channel(payment: Payment, refund: Refund) -> str:
    """Where a refund is paid out: another tender than the one that paid, the desk's own, or the gateway."""
    if refund.destination != ORIGINAL:
        return refund.destination
    return payment.method if payment.provider == DESK else payment.provider


def _record(kind: MovementKind, channel: str, amount: Money, **links: Any) -> MoneyMovement:
    drawer = None
    if channel == TenderKind.CASH:
        drawer = drawer_for_cash(amount.currency)
        if drawer is not None and amount.minor < 0:
            check_enough(drawer, -amount)
    return add_movement(kind, channel, amount, drawer=drawer, **links)


def add_movement(
    kind: MovementKind, channel: str, amount: Money, *, drawer: CashDrawer | None = None, **columns: Any
) -> MoneyMovement:
    """One row, on the day on which this transaction books. `amount` is below zero for money that goes."""
    principal = find_principal()
    movement = MoneyMovement(
        id=new_id(),
        business_on=booking_day(),
        kind=kind,
        channel=channel,
        currency=amount.currency,
        amount_minor=amount.minor,
        drawer_id=drawer.id if drawer else None,
        person_id=principal.user_id if principal else None,
        **columns,
    )
    insert_together(movement)
    return movement


def drawer_for_cash(currency: str) -> CashDrawer | None:
    """The acting person's open drawer, locked. Raises NoOpenDrawer where the clinic asks for one."""
    principal = find_principal()
    if principal is None:
        return None
    drawer = find_own_drawer(principal.user_id, currency, lock=True)
    if drawer is not None and drawer.status == DrawerStatus.OPEN:
        return drawer
    if drawer is not None:
        raise NoOpenDrawer(_("Your drawer is being handed over: it takes no cash until that is settled."))
    if settings_in_scope().cash_drawer_required:
        raise NoOpenDrawer(_("You have no open cash drawer. Open one first: Desk, My drawer."))
    return None


def find_own_drawer(user_id: str, currency: str | None = None, *, lock: bool = False) -> CashDrawer | None:
    """The drawer that a person works with, open or being handed over."""
    wanted = select(CashDrawer).where(
        CashDrawer.holder_id == user_id, CashDrawer.status.in_((DrawerStatus.OPEN, DrawerStatus.OFFERED))
    )
    if currency is not None:
        wanted = wanted.where(CashDrawer.currency == currency)
    if lock:
        wanted = wanted.with_for_update(of=CashDrawer, key_share=True).execution_options(populate_existing=True)
    return db.session.scalars(wanted.order_by(CashDrawer.opened_at.desc()).limit(1)).one_or_none()


def cash_in(drawer: CashDrawer) -> Money:
    """What should be in a drawer: the sum of everything that was put in and taken out."""
    summed = select(func.coalesce(func.sum(MoneyMovement.amount_minor), 0))
    return Money(int(db.session.scalar(summed.where(MoneyMovement.drawer_id == drawer.id)) or 0), drawer.currency)


def check_enough(drawer: CashDrawer, amount: Money) -> None:
    there = cash_in(drawer)
    if amount > there:
        raise NotEnoughCash(_("There is only %(cash)s in your drawer.", cash=money(there)))
