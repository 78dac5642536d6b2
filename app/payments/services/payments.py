"""Making payments: one to be paid at a gateway, or one taken at the desk. Callers commit."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _

from app.core import clock
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.providers import ProviderError
from app.core.tenant import db
from app.events.services import publish
from app.payments.errors import CannotVoid
from app.payments.events import BillingPaymentCreated, BillingPaymentUpdated
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import GatewayPayment, PaymentState
from app.payments.models import DESK, Payment, PaymentMethod, PaymentStatus, TenderKind
from app.payments.services.facts import apply_fact
from app.payments.services.gateway import choose_account
from app.payments.services.sums import locked, settle
from app.tenancy.providers import account_with_id

VOIDABLE = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})


def create_payment(
    amount: Money,
    *,
    patient_id: str,
    invoice_id: str | None = None,
    appointment_id: str | None = None,
    provider: str | None = None,
    description: str = "",
    payer: Mapping[str, str] | None = None,
    manual_capture: bool = False,
    method: PaymentMethod | None = None,
) -> Payment:
    """A payment that waits to be paid at a gateway; `start_checkout` opens its order after the commit.

    `payer` has name, email and phone (E.164) to fill in the hosted page; a saved `method` is charged at its own account
    and without a page. Raises Invalid for an amount that cannot be
    paid there or where no gateway is set up.
    """
    _check_amount(amount)
    if method is not None:
        account = account_with_id(method.account_id)
    else:
        account = choose_account(provider, amount, reserve=manual_capture)
    _check_charge(account.provider, amount, manual_capture)
    payment = Payment(
        id=new_id(),
        patient_id=patient_id,
        invoice_id=invoice_id,
        appointment_id=appointment_id,
        provider=account.provider,
        account_id=account.id,
        currency=amount.currency,
        amount_minor=amount.minor,
        pending_minor=amount.minor,
        description=description[:200],
        payer=dict(payer or {}),
        manual_capture=manual_capture,
        saved_method_id=method.id if method is not None else None,
    )
    return _add(payment)


def record_tender(
    kind: str,
    amount: Money,
    *,
    patient_id: str,
    invoice_id: str | None = None,
    appointment_id: str | None = None,
    reference: str = "",
    notes: str = "",
    tendered: Money | None = None,
    split_id: str | None = None,
    payment_id: str | None = None,
) -> Payment:
    """Money taken at the desk: captured and booked at once. `reference`: of the UPI transfer, card slip or cheque.

    `tendered` is the cash that was handed over, `split_id` the first part of money that comes by several tenders.
    """
    if kind not in set(TenderKind):
        raise Invalid(fields={"method": _("There is no such tender.")})
    _check_amount(amount)
    payment = Payment(
        id=payment_id or new_id(),
        patient_id=patient_id,
        invoice_id=invoice_id,
        appointment_id=appointment_id,
        provider=DESK,
        method=str(kind),
        currency=amount.currency,
        amount_minor=amount.minor,
        pending_minor=amount.minor,
        reference=reference[:80],
        notes=notes,
        tendered_minor=tendered.minor if tendered is not None else None,
        split_id=split_id,
    )
    _add(payment)
    return apply_fact(payment.id, _taken(payment, amount))


def change_payment(payment: Payment, *, reference: str | None = None, notes: str | None = None) -> Payment:
    """Change what people noted; nothing else of a payment can be changed (SPEC PAY-2)."""
    if reference is not None:
        payment.reference = reference
    if notes is not None:
        payment.notes = notes
    db.session.flush()
    publish(BillingPaymentUpdated(payment_id=payment.id, status=payment.status))
    return payment


def abandon_payment(payment_id: str) -> Payment:
    """Stop waiting for a payment that nobody made; ask the gateway first. Money that comes all the same is booked.

    Raises CannotVoid where money moved or was reserved.
    """
    payment = locked(payment_id)
    if payment.abandoned_at:
        return payment
    if payment.status not in VOIDABLE:
        raise CannotVoid(_("Only a payment without money can be voided here."), status=payment.status)
    payment.abandoned_at = clock.now()
    settle(payment)
    return payment


def _add(payment: Payment) -> Payment:
    principal = find_principal()
    payment.recorded_by_id = principal.user_id if principal else None
    db.session.add(payment)
    db.session.flush()
    publish(
        BillingPaymentCreated(
            payment_id=payment.id,
            patient_id=payment.patient_id,
            invoice_id=payment.invoice_id,
            provider=payment.provider,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
        )
    )
    return payment


def _taken(payment: Payment, amount: Money) -> GatewayPayment:
    """The desk's own fact: the money is in the drawer."""
    nothing = Money.zero(amount.currency)
    return GatewayPayment(
        payment_id=payment.id,
        order_id=None,
        state=PaymentState.CAPTURED,
        amount=amount,
        authorized=amount,
        captured=amount,
        refunded=nothing,
        voided=nothing,
        method=payment.method,
        created_at=clock.now(),
    )


def _check_amount(amount: Money) -> None:
    if amount.minor <= 0:
        raise Invalid(fields={"amount": _("The amount must be above zero.")})


def _check_charge(provider: str, amount: Money, reserve: bool) -> None:
    gateway = gateway_with_code(provider)
    try:
        gateway.check_charge(amount)
    except ProviderError as error:
        raise Invalid(fields={"amount": error.message}) from None
    if reserve and not gateway.capabilities.manual_capture:
        raise Invalid(fields={"capture": _("%(gateway)s takes money at once only.", gateway=gateway.label)})
