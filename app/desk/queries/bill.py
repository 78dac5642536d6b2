"""What a visit costs, what was paid of it, and what may be given back."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from app.billing.models import Coverage, Invoice, InvoiceAllocation, InvoiceStatus, Receipt, Subscription
from app.billing.services.coverage import COVERABLE
from app.billing.services.covered import find_coverage
from app.billing.services.visits import find_invoice_of_visit, visit_price
from app.billing.subscription_queries import covering_subscriptions
from app.catalog.queries import NoPrice
from app.catalog.tax import tax_line
from app.core.money import Money
from app.core.tenant import db
from app.desk.queries.visits import OWING
from app.payments.models import Payment, PaymentStatus, Refund
from app.scheduling.models import Appointment
from app.tenancy.queries import settings_in_scope

# A payment that is worth a line: money that came, or that we are not sure of.
SHOWN = (
    PaymentStatus.COMPLETED,
    PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
    PaymentStatus.UNKNOWN,
    PaymentStatus.AUTHORIZED,
)


@dataclass(frozen=True)
class Bill:
    """The sum of a visit. Without an invoice it is what the price list says today; `lines` are names and amounts."""

    lines: list[tuple[str, Money]]
    total: Money | None
    due: Money | None
    invoice: Invoice | None = None
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    # The subscription that pays for the visit, and those that could.
    covered_by: Subscription | None = None
    offers: list[Subscription] = field(default_factory=list)

    @property
    def refundable(self) -> list[Payment]:
        return [payment for payment in self.payments if payment.refundable]

    @property
    def paid(self) -> bool:
        return self.invoice is not None and self.invoice.status == InvoiceStatus.PAID


def bill_of_visit(visit: Appointment) -> Bill:
    invoice = find_invoice_of_visit(visit.id)
    if invoice is not None:
        return _from_invoice(invoice)
    coverage = find_coverage(visit.id)
    return _from_price(visit) if coverage is None else _covered(visit, coverage)


def _covered(visit: Appointment, coverage: Coverage) -> Bill:
    """What the visit would cost, and that nothing of it is due."""
    priced = _from_price(visit)
    nothing = Money.zero(settings_in_scope().currency)
    subscription = db.session.get_one(Subscription, coverage.subscription_id)
    return Bill(priced.lines, priced.total, nothing, covered_by=subscription)


def _from_price(visit: Appointment) -> Bill:
    try:
        price = visit_price(visit)
    except NoPrice:
        return Bill([], None, None)
    taxed = tax_line(price.unit_price, price.tax)
    lines = [(price.name, taxed.net), *((item.label, item.amount) for item in taxed.components)]
    offers = covering_subscriptions(visit.patient_id, visit.type) if visit.status in COVERABLE else []
    return Bill(lines, taxed.gross, taxed.gross if visit.status in OWING else None, offers=offers)


def _from_invoice(invoice: Invoice) -> Bill:
    payments = _payments(invoice)
    return Bill(
        _lines(invoice),
        invoice.total,
        invoice.amount_due,
        invoice,
        payments,
        [refund for payment in payments for refund in payment.refunds],
        _receipts(payments),
    )


def _lines(invoice: Invoice) -> list[tuple[str, Money]]:
    lines = [(line.description, Money(line.net_minor, line.currency)) for line in invoice.lines]
    taxes: dict[str, int] = {}
    for line in invoice.lines:
        for part in line.tax_components:
            taxes[part["label"]] = taxes.get(part["label"], 0) + part["minor"]
    return lines + [(label, Money(minor, invoice.currency)) for label, minor in taxes.items()]


def _payments(invoice: Invoice) -> list[Payment]:
    """Payments made for the invoice, or used for it."""
    used = select(InvoiceAllocation.payment_id).where(InvoiceAllocation.invoice_id == invoice.id)
    wanted = select(Payment).where((Payment.invoice_id == invoice.id) | Payment.id.in_(used), Payment.status.in_(SHOWN))
    return list(db.session.scalars(wanted.order_by(Payment.created_at, Payment.id)))


def _receipts(payments: list[Payment]) -> dict[str, Receipt]:
    """By payment, the oldest first. Parts of a split have one together."""
    firsts = {payment.split_id or payment.id for payment in payments}
    wanted = select(Receipt).where(Receipt.payment_id.in_(firsts))
    return {receipt.payment_id: receipt for receipt in db.session.scalars(wanted.order_by(Receipt.issued_at))}
