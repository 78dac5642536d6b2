"""Opening a gateway's order for a payment: claim and commit, call, record and commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask_babel import gettext as _

from app.core.errors import Conflict
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.errors import PaymentUnderReview, UnderWay
from app.payments.events import PaymentIntentCreated
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import ORDER_EXPIRED, Checkout, CheckoutRequest, Customer, Gateway, GatewayOrder
from app.payments.models import OperationKind, Payment, PaymentOperation
from app.payments.services.gateway import call, next_account, open_gateway, unavailable
from app.payments.services.holds import review_checkout
from app.payments.services.links import checkout_url, return_url
from app.payments.services.operations import Claim, claim, fail, finish, note_error, orders_opened, watch
from app.payments.services.saved_methods import customer_at
from app.payments.services.sums import locked, settle
from app.payments.services.waiting import wake_waiting
from app.tenancy.queries import clinic_in_scope

# The request did not reach this account or was refused by it: another account may take the payment instead.
FALL_BACK = frozenset({Outcome.RETRY, Outcome.RETRY_LATER, Outcome.PERMANENT_ACCOUNT})


@dataclass(frozen=True)
class OpenCheckout:
    """A payment that can be paid. Send a browser to `url` by `method` with `fields`, or anybody to `page_url` (GET)."""

    payment_id: str
    provider: str
    order_id: str
    page_url: str
    method: str
    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class _Task:
    gateway: Gateway[Any]
    request: CheckoutRequest
    order_id: str | None
    claim: Claim | None
    provider: str
    page_url: str


def start_checkout(payment_id: str) -> OpenCheckout:
    """The payer's way to the hosted page; opens the order unless there is one. Commits in steps: call it outside any.

    Raises NotFound, Conflict where nothing is to be paid (any more), PaymentUnderReview, UnderWay, and
    ProviderUnavailable: then either nothing happened, or the outcome is unknown and the poller finds out.
    """
    while True:
        with unit_of_work():
            task = _prepare(payment_id)
        if task is None:
            raise PaymentUnderReview(paymentId=payment_id)
        try:
            checkout = call(task.gateway, partial(_open, task))
        except ProviderError as error:
            with unit_of_work():
                another = _note_failure(payment_id, task, error)
            if another:
                continue
            raise unavailable(error, paymentId=payment_id) from None
        if task.claim is not None:
            with unit_of_work():
                record_order(payment_id, checkout.order_id, task.claim.operation_id, page=checkout)
        return OpenCheckout(
            payment_id, task.provider, checkout.order_id, task.page_url, checkout.method, checkout.url, checkout.fields
        )


def record_order(
    payment_id: str, order_id: str, operation_id: str | None = None, *, page: Checkout | None = None
) -> Payment:
    """The gateway has opened our order. Notices that came before we knew of it are looked at again."""
    payment = locked(payment_id)
    if payment.order_id is None:
        payment.order_id = order_id
        payment.page_url = page.url if page is not None and page.method == "GET" else None
        publish(
            PaymentIntentCreated(
                payment_id=payment.id,
                provider=payment.provider,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
            )
        )
        wake_waiting(payment.provider, order_id)
        watch(payment)
    if operation_id is not None:
        finish(db.session.get(PaymentOperation, operation_id), order_id)
    settle(payment)
    return payment


def checkout_request(payment: Payment) -> CheckoutRequest:
    """What the gateway is told of a payment; our reference there begins with the payment's id."""
    back = return_url(payment.id)
    payer = payment.payer or {}
    return CheckoutRequest(
        reference=order_reference(payment),
        amount=payment.amount,
        description=payment.description,
        callback_url=back,
        cancel_url=back,
        payee=clinic_in_scope().name,
        customer=Customer(payer.get("name", ""), payer.get("email", ""), payer.get("phone", "")),
        manual_capture=payment.manual_capture,
        customer_id=customer_at(payment.account_id, payment.patient_id),
        page_url=payment.page_url or "",
    )


def order_reference(payment: Payment) -> str:
    """Our name for the order that is being opened: the payment's id, with a number where an id names one order only."""
    if not gateway_with_code(payment.provider).capabilities.one_order_per_reference:
        return payment.id
    opened = len(orders_opened(payment))
    return f"{payment.id}-{opened + 1}" if opened else payment.id


def _prepare(payment_id: str) -> _Task | None:
    """What to ask of the gateway; None for a payment that is held, which is noted."""
    payment = locked(payment_id)
    if payment.at_desk or payment.authorized_minor or payment.abandoned_at or payment.saved_method_id:
        raise Conflict(_("There is nothing to pay."), code="NOTHING_TO_PAY", status=payment.status)
    if review_checkout(payment) is not None:
        return None
    claimed = None
    if payment.order_id is None:
        claimed = claim(payment, OperationKind.CREATE_ORDER, payment.amount, at_once=True)
        if claimed is None:
            raise UnderWay
    return _Task(
        open_gateway(payment.account_id),
        checkout_request(payment),
        payment.order_id,
        claimed,
        payment.provider,
        checkout_url(payment.id),
    )


def _open(task: _Task) -> Checkout:
    """An order is opened once: after a try with an unclear end the gateway is asked for it first."""
    if task.order_id is not None:
        return task.gateway.resume_checkout(task.order_id, task.request)
    order: GatewayOrder | None = None
    if task.claim is not None and task.claim.ask_first:
        order = task.gateway.find_order(task.request.reference)
    if order is not None:
        return task.gateway.resume_checkout(order.order_id, task.request)
    return task.gateway.create_checkout(task.request)


def _note_failure(payment_id: str, task: _Task, error: ProviderError) -> bool:
    """Record it; whether to try again: with another order for an expired one, or at the clinic's next account."""
    payment = locked(payment_id)
    operation = db.session.get(PaymentOperation, task.claim.operation_id) if task.claim else None
    if error.code == ORDER_EXPIRED and not (task.claim and not task.claim.ask_first):
        finish(operation, task.request.reference)  # opened by a try without an answer, and of no use
        return _forget_order(payment, task.order_id)
    fresh = task.claim is not None and not task.claim.ask_first
    following = next_account(payment) if fresh and error.outcome in FALL_BACK else None
    if following is not None:
        fail(operation, error.code, error.message)
        payment.provider, payment.account_id = following.provider, following.id
    else:
        note_error(operation, error)
    settle(payment)
    return following is not None


def _forget_order(payment: Payment, order_id: str | None) -> bool:
    """Nobody can pay it any more, so that another one takes its place."""
    if payment.order_id == order_id:
        payment.order_id = payment.page_url = None
    settle(payment)
    return True
