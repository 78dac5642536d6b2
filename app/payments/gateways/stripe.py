"""Stripe: hosted Checkout Sessions, capture in part, void, refunds, payouts, saved instruments and webhooks.

Our order is the Checkout Session, our payment the PaymentIntent that it makes when the payer first tries. Facts to know
(docs.stripe.com, the vendor's SDK 16.1 and runs of it against a local server):

- No list finds a session by our reference: after an unclear answer those made since the payment are read one by one.
- A declined attempt leaves the intent payable, and its session open until it expires (24 h): then another is opened.
- `checkout.session.completed` is no payment for delayed methods and reservations: `payment_status` says what is.
- A refund that succeeded can fail later. A part capture releases the rest, which the charge counts as refunded.
- An idempotency key keeps its first answer for a day, a 500 too, and refuses another body: hence `StripeClient.post`.
- An intent cannot be cancelled while its session is open: expire the session. A reservation lapses after about 7 days.
- A payout's rows are complete once it is `paid` and its reconciliation `completed`; a paid payout can still fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from pydantic import SecretStr

from app.core import clock
from app.core.credentials import CredentialModel, credential
from app.core.http import HttpResponse
from app.core.ids import is_id, new_id
from app.core.money import Money
from app.core.money import exponent as iso_exponent
from app.core.providers import N_, BadSignature, Outcome, ProviderError, Timeouts
from app.payments.gateways import stripe_money, stripe_signature
from app.payments.gateways import stripe_wire as wire
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    Capabilities,
    Checkout,
    CheckoutRequest,
    CheckoutReturn,
    Gateway,
    GatewayDispute,
    GatewayNotice,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    OrderState,
    RefundRequest,
    SettlementLine,
)
from app.payments.gateways.stripe_client import CHARGE, StripeClient, has_other_parameters, is_replayed, understood
from app.payments.gateways.stripe_forms import checkout_form, with_session_id
from app.payments.gateways.stripe_notices import read_notice
from app.payments.gateways.stripe_saved import StripeSavedMethods

# How far our clock may be ahead of Stripe's when a session is looked for by its age.
SKEW = timedelta(hours=1)
RELEASED = "partial_capture_reversal"


class StripeCredentials(CredentialModel):
    """The secret key, and the signing secret of the webhook endpoint, which is a different one."""

    secret_key: SecretStr = credential(
        N_("Secret key"), help_text=N_("Starts with sk_test_, sk_live_, rk_test_ or rk_live_."), min_length=1
    )
    webhook_secret: SecretStr | None = credential(
        N_("Webhook secret"),
        default=None,
        help_text=N_("Starts with whsec_. Without it payments are found only by asking Stripe."),
    )
    previous_webhook_secret: SecretStr | None = credential(
        N_("Previous webhook secret"),
        default=None,
        help_text=N_("After a change, as long as Stripe signs with both: at most a day."),
    )


class Stripe(StripeSavedMethods, Gateway[StripeCredentials]):
    """One Stripe account."""

    code = "stripe"
    label = "Stripe"
    Credentials = StripeCredentials
    default_base_url = "https://api.stripe.com"
    capabilities: ClassVar[Capabilities] = Capabilities(
        manual_capture=True,
        partial_capture=True,
        void=True,
        idempotent_refund=True,
        signed_return=False,
        settlement_lines=True,
        settles_within=timedelta(days=14),
        late_success=timedelta(days=1),  # as long as its page stays open
        saved_methods=True,
    )
    webhook_headers = frozenset({"stripe-signature"})

    def __init__(
        self, credentials: StripeCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        key = credentials.secret_key.get_secret_value()
        self._client = StripeClient(self.base_url, key, self.timeouts, self.safe_text)

    # ---- amounts ----

    @classmethod
    def exponent(cls, currency: str) -> int:
        """Stripe's own table; MGA, ISK and UGX, for three, do not follow ISO 4217 or other gateways."""
        iso_exponent(currency)
        return stripe_money.decimals(currency)

    @classmethod
    def to_wire(cls, amount: Money) -> int:
        """The amount in Stripe's smallest unit: above zero, and without digits that the currency must leave 0."""
        units = super().to_wire(amount)
        if units <= 0:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_not_positive", "The amount must be above zero.")
        if stripe_money.is_too_fine(units, amount.currency):
            text = f"Stripe takes fewer decimals of {amount.currency}."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_too_precise", text)
        return units

    @classmethod
    def check_charge(cls, amount: Money) -> None:
        cls.to_wire(amount)
        least = stripe_money.least(amount.currency)
        if least is not None and amount < least:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_too_small", f"Stripe charges {least} or more.")

    def probe(self) -> str:
        """Read the balance: it needs a valid key and names nobody."""
        response = self._client.get("/v1/balance")
        return N_("Live mode") if response.json_object().get("livemode") else N_("Test mode")

    # ---- orders ----

    def create_checkout(self, request: CheckoutRequest) -> Checkout:
        """The reference is the key too. Where the key was used before, by a call that looked the same or differed in
        the signed return address, the session is looked for as it is now; one that has expired needs another key.
        """
        self.check_charge(request.amount)
        form, key = checkout_form(request, self.to_wire(request.amount)), f"checkout-{request.reference}"
        response = self._client.post("/v1/checkout/sessions", form, key=key)
        if is_replayed(response) or has_other_parameters(response):
            order = self.find_order(request.reference)
            if order is not None:
                return self.resume_checkout(order.order_id, request)
            response = self._client.post("/v1/checkout/sessions", form, key=f"{key}-{new_id()}")
        return self._page(self._client.answered(response), request)

    def resume_checkout(self, order_id: str, request: CheckoutRequest) -> Checkout:
        return self._page(self._client.get("/v1/checkout/sessions/{id}", ids={"id": order_id}), request)

    def _page(self, response: HttpResponse, request: CheckoutRequest) -> Checkout:
        """A complete session has no page any more: straight to the return page, which asks how it went."""
        session = understood(response, lambda: wire.Session.model_validate(response.json_object()))
        if session.status == "expired":
            raise ProviderError(Outcome.PERMANENT_MESSAGE, ORDER_EXPIRED, "The payment page has expired.")
        if session.status == "complete":
            return Checkout(session.id, "GET", with_session_id(request.callback_url, session.id), {})
        if session.url is None or not session.url.startswith(("https://", "http://")):
            response.malformed()
        return Checkout(session.id, "GET", session.url, {})

    def close_checkout(self, order_id: str) -> None:
        path = "/v1/checkout/sessions/{id}/expire"
        response = self._client.post(path, {}, ids={"id": order_id}, harmless=True)
        if response.status == 400 and self.fetch_order(order_id).state is not OrderState.OPEN:
            return
        self._client.answered(response)

    def find_order(self, reference: str) -> GatewayOrder | None:
        """One that expired without a payment does not count: nobody can pay it."""
        query = {"created[gte]": _made_after(reference)}
        for response, entity in self._client.each("/v1/checkout/sessions", query=query):
            if entity.get("client_reference_id") != reference or entity.get("mode") != "payment":
                continue
            order = understood(response, partial(wire.read_order, entity, self.from_wire))
            if order.state is not OrderState.EXPIRED or entity.get("payment_intent"):
                return self.fetch_order(order.order_id)
        return None

    def fetch_order(self, order_id: str) -> GatewayOrder:
        expand = f"payment_intent.{CHARGE}"
        response = self._client.get("/v1/checkout/sessions/{id}", ids={"id": order_id}, expand=expand)
        return understood(response, lambda: wire.read_order(response.json_object(), self.from_wire))

    # ---- payments ----

    def fetch_payment(self, payment_id: str) -> GatewayPayment:
        response = self._client.get("/v1/payment_intents/{id}", ids={"id": payment_id}, expand=CHARGE)
        return self._payment(response)

    def capture(self, payment_id: str, amount: Money, *, key: str = "", final: bool = True) -> GatewayPayment:
        """Once, all or a part: the rest is let go. A refusal is checked by asking, for it may be done already."""
        form = {"amount_to_capture": str(self.to_wire(amount)), "expand[]": CHARGE}
        path = "/v1/payment_intents/{id}/capture"
        response = self._client.post(path, form, ids={"id": payment_id}, key=key and f"capture-{key}")
        if response.status == 400:
            payment = self.fetch_payment(payment_id)
            if payment.captured:
                return payment
        return self._payment(self._client.answered(response))

    def void(self, payment_id: str, *, key: str = "") -> GatewayPayment:
        form = {"cancellation_reason": "requested_by_customer", "expand[]": CHARGE}
        path = "/v1/payment_intents/{id}/cancel"
        response = self._client.post(path, form, ids={"id": payment_id}, key=key and f"void-{key}")
        if response.status == 400:
            payment = self.fetch_payment(payment_id)
            if payment.voided:
                return payment
        return self._payment(self._client.answered(response))

    def _payment(self, response: HttpResponse) -> GatewayPayment:
        return understood(response, lambda: wire.read_payment(response.json_object(), self.from_wire))

    # ---- refunds and disputes ----

    def refund(self, request: RefundRequest) -> GatewayRefund:
        form = {
            "payment_intent": request.payment_id,
            "amount": str(self.to_wire(request.amount)),
            "reason": "requested_by_customer",
            f"metadata[{wire.REFERENCE}]": request.reference,
        }
        response = self._client.answered(self._client.post("/v1/refunds", form, key=request.key))
        return understood(response, lambda: wire.read_refund(response.json_object(), self.from_wire))

    def fetch_refund(self, refund_id: str) -> GatewayRefund:
        response = self._client.get("/v1/refunds/{id}", ids={"id": refund_id})
        return understood(response, lambda: wire.read_refund(response.json_object(), self.from_wire))

    def refunds_of(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Without the release of what a part capture left, which the vendor books like a refund."""
        expand = "data.balance_transaction"
        return tuple(
            understood(response, partial(wire.read_refund, entity, self.from_wire))
            for response, entity in self._client.each(
                "/v1/refunds", expand=expand, query={"payment_intent": payment_id}
            )
            if not _is_release(entity)
        )

    def fetch_dispute(self, dispute_id: str) -> GatewayDispute:
        response = self._client.get("/v1/disputes/{id}", ids={"id": dispute_id})
        return understood(response, lambda: wire.read_dispute(response.json_object(), self.from_wire))

    # ---- payouts ----

    def fetch_settlement_lines(self, first: date, last: date) -> list[SettlementLine]:
        """By the day (UTC) on which the money reaches the bank. A payout whose rows are not complete yet is left for
        a later look, as is a manual one, whose rows the vendor does not tell.
        """
        query = {"arrival_date[gte]": _midnight(first), "arrival_date[lte]": _midnight(last), "status": "paid"}
        payouts = [entity for _, entity in self._client.each("/v1/payouts", query=query)]
        complete = [item for item in payouts if item.get("reconciliation_status", "completed") == "completed"]
        by_day = sorted(complete, key=lambda item: item.get("arrival_date") or 0)
        return [line for payout in by_day for line in self._lines_of(payout)]

    def _lines_of(self, payout: dict[str, Any]) -> list[SettlementLine]:
        rows = self._client.each("/v1/balance_transactions", expand="data.source", query={"payout": payout.get("id")})
        read = (
            understood(response, partial(wire.read_settlement_line, row, payout, self.from_wire))
            for response, row in rows
        )
        return [line for line in read if line is not None]

    # ---- what comes back ----

    def verify_return(self, order_id: str, params: Mapping[str, str]) -> CheckoutReturn:
        """Stripe signs nothing here: the return says only that it is time to ask. It must be of our session, though."""
        if params.get("session_id", order_id) != order_id:
            raise BadSignature("the return is of another session")
        return CheckoutReturn(False, None)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        header = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), None)
        stripe_signature.check(raw, header, self._webhook_secrets(), clock.now())
        return self.read_webhook(raw, headers)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        return read_notice(raw, self.from_wire)

    def _webhook_secrets(self) -> list[str]:
        secrets = (self.credentials.webhook_secret, self.credentials.previous_webhook_secret)
        return [secret.get_secret_value() for secret in secrets if secret]


def _made_after(reference: str) -> int:
    """A time before which no session of the reference can have been made: our ids hold the time of their payment."""
    if is_id(reference) and UUID(reference).version == 7:
        return UUID(reference).int // 2**80 // 1000 - int(SKEW.total_seconds())
    return 0


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _is_release(refund: dict[str, Any]) -> bool:
    entry = refund.get("balance_transaction")
    return isinstance(entry, dict) and entry.get("reporting_category") == RELEASED
