"""Reading payments, refunds and what is left unclear."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.core import clock
from app.core.errors import NotFound
from app.core.money import Money
from app.core.ownership import rows_of_own_location
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.queries import booked_since
from app.payments.models import Payment, PaymentOperation, PaymentStatus, Refund
from app.tenancy.queries import settings_in_scope


def visible_payments(statement: Any) -> Any:
    """Narrow a select over Payment: a PATIENT sees their own, a LOCATION_HEAD those of their location's invoices."""
    own = own_patient_id()
    if own is not None:
        return statement.where(Payment.patient_id == own)
    here = rows_of_own_location(Payment)
    return statement if here is None else statement.where(here)


def get_payment(payment_id: str) -> Payment:
    """A payment that the principal may see. Raises NotFound."""
    wanted = visible_payments(select(Payment).where(Payment.id == payment_id))
    payment = db.session.scalar(wanted.execution_options(populate_existing=True))
    if payment is None:
        raise NotFound
    return payment


def get_refund(refund_id: str) -> Refund:
    """Raises NotFound."""
    refund = db.session.get(Refund, refund_id)
    if refund is None:
        raise NotFound
    get_payment(refund.payment_id)
    return refund


def payments_of_invoice(invoice_id: str) -> list[Payment]:
    """Every payment that was made or begun for an invoice, the oldest first."""
    return list(db.session.scalars(select(Payment).where(Payment.invoice_id == invoice_id).order_by(Payment.id)))


def payment_metrics(period: timedelta) -> dict[str, Any]:
    """Counts by status and sums by currency of the payments made within a period up to now, the refunds asked for, and
    what was earned by the ledger, without tax.
    """
    since = clock.now() - period
    statuses = db.session.execute(
        select(Payment.status, func.count().label("number")).where(Payment.created_at >= since).group_by(Payment.status)
    )
    counts = {row.status: int(row.number) for row in statuses}
    succeeded = sum(counts.get(status, 0) for status in SUCCEEDED)
    ended = succeeded + counts.get(PaymentStatus.FAILED, 0)
    sums = db.session.execute(
        select(Payment.currency, func.sum(Payment.captured_minor), func.sum(Payment.refunded_minor))
        .where(Payment.created_at >= since)
        .group_by(Payment.currency)
    )
    return {
        "days": period.days,
        "volume": sum(counts.values()),
        "byStatus": counts,
        "successRate": round(succeeded / ended, 4) if ended else None,
        "values": [
            {
                "currency": currency,
                "captured": Money(int(captured), currency).to_json(),
                "refunded": Money(int(refunded), currency).to_json(),
            }
            for currency, captured, refunded in sums
        ],
        "refunds": _refund_metrics(since),
        "revenue": [
            {"currency": earned.currency, "amount": earned.to_json()}
            for earned in booked_since(AccountCode.REVENUE, clock.today(settings_in_scope().zone) - period)
        ],
    }


def _refund_metrics(since: datetime) -> dict[str, Any]:
    """Refunds that were asked for since then."""
    wanted = select(Refund.status, func.count()).where(Refund.created_at >= since).group_by(Refund.status)
    counts = {status: int(number) for status, number in db.session.execute(wanted)}
    return {"count": sum(counts.values()), "byStatus": counts}


SUCCEEDED = (PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


def get_operation(operation_id: str) -> PaymentOperation:
    """Raises NotFound."""
    operation = db.session.get(PaymentOperation, operation_id)
    if operation is None:
        raise NotFound
    return operation
