"""What a drawer did, summed from its movements; and all drawers of a day, as they stand on its close."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from app.billing.models import CashDrawer, MoneyMovement, MovementKind
from app.core.tenant import db


def sums_by_kind(drawer_id: str) -> dict[str, int]:
    """What each kind of movement put in (above zero) or took out of a drawer, in minor units."""
    wanted = select(MoneyMovement.kind, func.sum(MoneyMovement.amount_minor)).where(
        MoneyMovement.drawer_id == drawer_id
    )
    return {row[0]: int(row[1]) for row in db.session.execute(wanted.group_by(MoneyMovement.kind))}


def drawers_of_day(on: date) -> list[dict[str, Any]]:
    """Drawers that were opened or closed on a day, as plain values that can be kept and printed."""
    emptied = select(MoneyMovement.drawer_id).where(
        MoneyMovement.business_on == on, MoneyMovement.drawer_id.is_not(None)
    )
    wanted = select(CashDrawer).where((CashDrawer.opened_on == on) | CashDrawer.id.in_(emptied))
    return [_described(drawer) for drawer in db.session.scalars(wanted.order_by(CashDrawer.opened_at, CashDrawer.id))]


def _described(drawer: CashDrawer) -> dict[str, Any]:
    sums = sums_by_kind(drawer.id)
    return {
        "id": drawer.id,
        "holder": str(drawer.holder),
        "location": str(drawer.location) if drawer.location else "",
        "status": drawer.status,
        "currency": drawer.currency,
        "float_minor": drawer.float_minor,
        "taken_minor": sums.get(MovementKind.TENDER, 0),
        "refunded_minor": -sums.get(MovementKind.REFUND, 0),
        "paid_in_minor": sums.get(MovementKind.PAID_IN, 0),
        "paid_out_minor": -sums.get(MovementKind.PAID_OUT, 0),
        "expected_minor": drawer.expected_minor,
        "counted_minor": drawer.counted_minor,
        "reason": drawer.difference_reason,
        "approved_by": str(drawer.decided_by) if drawer.decided_by else "",
    }
