"""PayPal: Orders v2 and Payments v2, webhooks, disputes and transaction search over plain HTTP.

Not the vendor's SDK: an outage of its token call looks like wrong credentials, a revoked token is not renewed, an HTML
error page has no status, and it knows neither webhooks nor disputes. Facts and traps (vendor documentation, the
wire notes of this product):

- Approval is not payment: an approved order is taken by an own call (`collect`) within about three hours, or reversed.
- Orders cannot be searched by our reference. An order whose creation has an unclear end is created again with the same
  PayPal-Request-Id (kept for 6 hours: the same order comes back); one whose link nobody got is never paid.
- The id is kept for 45 days for captures of reservations and refunds. Replays tell the state of now, not of then.
- Amounts are decimal text. HUF, TWD and JPY have no decimals here. Indian accounts cannot receive INR: it is refused.
- Reservations are held for 29 days, and kept for sure for three; a void is refused once all was captured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar, TypeVar

from app.core import clock
from app.core.http import HttpResponse
from app.core.money import Money, currency_codes
from app.core.money import exponent as iso_exponent
from app.core.providers import MALFORMED, N_, BadSignature, Outcome, ProviderError, Timeouts
from app.payments.gateways import paypal_notices as notices
from app.payments.gateways import paypal_wire as wire
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    Capabilities,
    Checkout,
    CheckoutRequest,
    CheckoutReturn,
    Gateway,
    GatewayNotice,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NoticeKind,
    RefundRequest,
    SettlementLine,
)
from app.payments.gateways.paypal_certificates import (
    LIVE,
    CertificateShelf,
    Transmission,
    check_signature,
)
from app.payments.gateways.paypal_client import PayPalClient, issue_of
from app.payments.gateways.paypal_credentials import PayPalCredentials
from app.payments.gateways.paypal_entities import Capture, Dispute, Entity, Opened, Order, Refund, Resource, parsed
from app.payments.gateways.paypal_statement import read_statement

E = TypeVar("E", bound=Entity)
R = TypeVar("R")
ORDERS = "/v2/checkout/orders"
CAPTURES = "/v2/payments/captures"
AUTHORIZATIONS = "/v2/payments/authorizations"
REFUNDS = "/v2/payments/refunds"
NO_DECIMALS = currency_codes("HUF JPY TWD")
TWO_DECIMALS = currency_codes("AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD")
# Carried out before, by us or by somebody at PayPal: how it stands is what counts.
DONE_BEFORE = frozenset({"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "AUTHORIZATION_ALREADY_CAPTURED"})
# The payer's instrument does not work: the order waits for another one.
PAYER_PROBLEMS = frozenset(
    {
        "INSTRUMENT_DECLINED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "PAYER_CANNOT_PAY",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACTION_REQUIRED",
        "TRANSACTION_REFUSED",
    }
)
_shelf = CertificateShelf()


class PayPal(Gateway[PayPalCredentials]):
    """One PayPal REST app."""

    code = "paypal"
    label = "PayPal"
    Credentials = PayPalCredentials
    default_base_url = "https://api-m.paypal.com"
    default_timeouts = Timeouts(connect=3, read=20)
    capabilities: ClassVar[Capabilities] = Capabilities(
        manual_capture=True,
        collects=True,
        partial_capture=True,
        repeated_captures=True,
        void=True,
        idempotent_refund=True,
        one_order_per_reference=True,
        signed_return=False,
        signed_webhook=False,
        settlement_lines=True,
    )
    webhook_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "paypal-transmission-id",
            "paypal-transmission-time",
            "paypal-transmission-sig",
            "paypal-cert-url",
            "paypal-auth-algo",
        }
    )

    def __init__(
        self, credentials: PayPalCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        secret = credentials.client_secret.get_secret_value()
        self._client = PayPalClient(self.base_url, credentials.client_id, secret, self.timeouts)

    # ---- money ----

    @classmethod
    def exponent(cls, currency: str) -> int:
        """PayPal's own table. Raises ProviderError for a currency that it does not take."""
        iso_exponent(currency)
        if currency not in NO_DECIMALS | TWO_DECIMALS:
            text = f"PayPal takes no {currency}: charge another currency, or use another gateway."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "currency_not_supported", text)
        return 0 if currency in NO_DECIMALS else 2

    @classmethod
    def to_wire(cls, amount: Money) -> int:
        """The amount in PayPal's smallest unit, above zero."""
        units = super().to_wire(amount)
        if units <= 0:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_not_positive", "The amount must be above zero.")
        return units

    @classmethod
    def wire_amount(cls, amount: Money) -> dict[str, str]:
        """As PayPal writes it, exactly: {"currency_code": "USD", "value": "10.50"}."""
        units, decimals = str(cls.to_wire(amount)), cls.exponent(amount.currency)
        padded = units.rjust(decimals + 1, "0")
        value = f"{padded[:-decimals]}.{padded[-decimals:]}" if decimals else units
        return {"currency_code": amount.currency, "value": value}

    @staticmethod
    def from_text(value: str, currency: str) -> Money:
        """The amount of PayPal's decimal text. Raises ValueError."""
        return Money.parse(value, currency)

    # ---- orders ----

    def probe(self) -> str:
        """Ask for an access token: needs valid credentials and shows nothing."""
        self._client.check_login()
        return N_("Live mode") if self.base_url in LIVE else N_("Test mode")

    def create_checkout(self, request: CheckoutRequest) -> Checkout:
        if not 0 < len(request.reference) <= 40:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_reference", "A reference has 1 to 40 characters.")
        response = self._client.post(ORDERS, key=request.reference, json=self._new_order(request))
        return self._checkout(response)

    def _new_order(self, request: CheckoutRequest) -> dict[str, Any]:
        unit = {
            "custom_id": request.reference,
            "invoice_id": request.reference,  # a second payment of one number is refused by most accounts
            "description": request.description[:127],
            "amount": self.wire_amount(request.amount),
        }
        experience = {
            "return_url": request.callback_url,
            "cancel_url": request.cancel_url,
            "brand_name": request.payee[:127],
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
        }
        payer = {"email_address": request.customer.email, "experience_context": _given(experience)}
        return {
            "intent": wire.AUTHORIZE if request.manual_capture else wire.CAPTURE,
            "purchase_units": [_given(unit)],
            "payment_source": {"paypal": _given(payer)},
        }

    def resume_checkout(self, order_id: str, request: CheckoutRequest) -> Checkout:
        response = self._client.get(ORDERS + "/{id}", id=order_id)
        if response.status == 404:
            raise _expired("PayPal has forgotten this order.")
        return self._checkout(response)

    def _checkout(self, response: HttpResponse) -> Checkout:
        order = self._entity(response, Opened)
        if order.status == "VOIDED":
            raise _expired("PayPal has closed this order.")
        links = {link.rel: link.href for link in order.links}
        url = links.get("payer-action") or links.get("approve")
        if not url or not url.startswith(("https://", "http://")):
            response.malformed()
        return Checkout(order.id, "GET", url, {})

    def find_order(self, reference: str) -> GatewayOrder | None:
        """None: PayPal does not find orders by our reference, and creating it again answers with the same order."""
        return None

    def fetch_order(self, order_id: str) -> GatewayOrder:
        """Raises ProviderError `ORDER_EXPIRED` for one that PayPal has forgotten: nobody paid it."""
        order = self._order(order_id)
        return self._understood(lambda: wire.read_order(order, self.from_text))

    def collect(self, order_id: str, *, reserve: bool, key: str) -> GatewayOrder:
        """What the payer's own instrument refuses is a failed payment under the order's id: they may choose another."""
        verb = "authorize" if reserve else "capture"
        response = self._client.post(ORDERS + "/{id}/" + verb, id=order_id, key=key, json={})
        issue = issue_of(response)
        if issue in PAYER_PROBLEMS:
            failure = self._client.error(response)
            return wire.with_failure(self.fetch_order(order_id), failure.code, failure.message)
        self._check(response, DONE_BEFORE)
        return self.fetch_order(order_id)

    # ---- payments ----

    def fetch_payment(self, payment_id: str) -> GatewayPayment:
        return self._payment(self._order_behind(payment_id), payment_id)

    def capture(self, payment_id: str, amount: Money, *, key: str = "", final: bool = True) -> GatewayPayment:
        """Several parts are possible; each has its key as invoice number, as PayPal wants these to differ."""
        order = self._order_behind(payment_id)
        known = self._payment(order, payment_id)
        if not order.authorizations or known.captured + known.voided >= known.authorized:
            return known
        body = {"amount": self.wire_amount(amount), "final_capture": final, **_given({"invoice_id": key})}
        id = order.authorizations[-1].id
        self._check(self._client.post(AUTHORIZATIONS + "/{id}/capture", id=id, key=key, json=body), DONE_BEFORE)
        return self.fetch_payment(payment_id)

    def void(self, payment_id: str, *, key: str = "") -> GatewayPayment:
        authorizations = self._order_behind(payment_id).authorizations
        if not authorizations:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "nothing_reserved", "Nothing is reserved by this payment.")
        response = self._client.post(AUTHORIZATIONS + "/{id}/void", id=authorizations[-1].id, key=key, json={})
        self._check(response, {"PREVIOUSLY_VOIDED"})
        return self.fetch_payment(payment_id)

    def _payment(self, order: Order, payment_id: str) -> GatewayPayment:
        for payment in self._understood(lambda: wire.read_payments(order, self.from_text)):
            if payment.payment_id == payment_id:
                return payment
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_found", "PayPal knows no such payment.")

    def _order_behind(self, payment_id: str) -> Order:
        """The order of a capture or an authorization, which holds all that belongs to it."""
        response = self._client.get(CAPTURES + "/{id}", id=payment_id)
        if response.status != 404:
            capture = self._entity(response, Capture)
            if capture.order_id:
                return self._order(capture.order_id)
            payment_id = capture.authorization_id
        authorization = self._entity(self._client.get(AUTHORIZATIONS + "/{id}", id=payment_id), Resource)
        return self._order(authorization.order_id)

    def _order(self, order_id: str) -> Order:
        response = self._client.get(ORDERS + "/{id}", id=order_id)
        if response.status == 404:
            raise _expired("PayPal has forgotten this order.")
        return self._entity(response, Order)

    # ---- refunds ----

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Of a reservation that was captured in parts: from one part with enough left."""
        response = self._refund(request.payment_id, request)
        if response.status == 404:
            response = self._refund(self._part_to_refund(request), request)
        refund = self._entity(response, Refund)
        try:
            return wire.read_refund(refund, request.payment_id, self.from_text)
        except ValueError:
            response.malformed()

    def _refund(self, capture_id: str, request: RefundRequest) -> HttpResponse:
        body = {"amount": self.wire_amount(request.amount), "custom_id": request.reference}
        return self._client.post(CAPTURES + "/{id}/refund", id=capture_id, key=request.key, json=body)

    def _part_to_refund(self, request: RefundRequest) -> str:
        order = self._order_behind(request.payment_id)
        left = self._understood(lambda: wire.refundable_parts(order, request.payment_id, self.from_text))
        for capture_id, amount in left.items():
            if amount >= request.amount:
                return capture_id
        text = "The payment was captured in parts: refund at most one part at a time."
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "larger_than_each_part", text)

    def fetch_refund(self, refund_id: str) -> GatewayRefund:
        refund = self._entity(self._client.get(REFUNDS + "/{id}", id=refund_id), Refund)
        payment_id = self._order_behind(refund.capture_id).payment_id_of(refund.capture_id)
        return self._understood(lambda: wire.read_refund(refund, payment_id, self.from_text))

    def refunds_of(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        found = self._order_behind(payment_id).refunds_of(payment_id)
        return self._understood(lambda: tuple(wire.read_refund(item, payment_id, self.from_text) for item in found))

    def fetch_settlement_lines(self, first: date, last: date) -> list[SettlementLine]:
        """PayPal pays into the account's balance at once: each day (UTC) is a settlement. Up to three hours late."""
        return self._understood(lambda: read_statement(self._client, first, last, self.from_text))

    # ---- what comes from outside ----

    def verify_return(self, order_id: str, params: Mapping[str, str]) -> CheckoutReturn:
        """Nothing is signed: it may only be about another order, which is refused."""
        if params.get("token", order_id) != order_id:
            raise BadSignature("the return is not for this order")
        return CheckoutReturn(False, None)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        """Raises BadSignature, and ProviderError where the certificate cannot be fetched: then nothing is known."""
        webhook_id = self.credentials.webhook_id
        if not webhook_id:
            raise BadSignature("this account has no webhook")
        now = clock.now()
        sent = Transmission.read({name.lower(): value for name, value in headers.items()})
        sent.check_time(now)
        root = self.credentials.webhook_root
        key = _shelf.key(sent.certificate_url, self.base_url, root, now, self.timeouts)
        check_signature(key, sent.signature, sent.message(webhook_id, raw))
        return self.read_webhook(raw, headers)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        return notices.read_notice(f"sha256:{hashlib.sha256(raw).hexdigest()}", raw)

    def confirm(self, notice: GatewayNotice) -> GatewayNotice:
        """A dispute is fetched whole; of a refund, whose payment we may not know by its capture, the order."""
        if notice.kind is NoticeKind.DISPUTE and notice.payment_id:
            return self._disputed(notice, notice.payment_id)
        if notice.kind is NoticeKind.REFUND and notice.refund_id and not notice.order_id:
            refund = self._entity(self._client.get(REFUNDS + "/{id}", id=notice.refund_id), Refund)
            order = self._order_behind(refund.capture_id)
            return replace(notice, order_id=order.id, payment_id=order.payment_id_of(refund.capture_id))
        return notice

    def _disputed(self, notice: GatewayNotice, dispute_id: str) -> GatewayNotice:
        entity = self._entity(self._client.get("/v1/customer/disputes/{id}", id=dispute_id), Dispute)
        dispute = self._understood(lambda: wire.read_dispute(entity, self.from_text))
        order = self._order_behind(dispute.payment_id)
        dispute = replace(dispute, payment_id=order.payment_id_of(dispute.payment_id))
        return replace(notice, dispute=dispute, order_id=order.id, payment_id=dispute.payment_id)

    # ---- answers ----

    def _check(self, response: HttpResponse, harmless: Collection[str]) -> None:
        """Raise ProviderError for a refusal, except for those that say that it is done."""
        if not response.ok and issue_of(response) not in harmless:
            raise self._client.error(response)

    def _entity(self, response: HttpResponse, model: type[E]) -> E:
        self._check(response, ())
        try:
            return parsed(model, response.json_object())
        except ValueError:
            response.malformed()

    @staticmethod
    def _understood(read: Callable[[], R]) -> R:
        """What was read of an answer to a question. Raises ProviderError where its amounts are none."""
        try:
            return read()
        except ValueError:
            raise ProviderError(Outcome.RETRY, MALFORMED, "The answer was not understood.") from None


def _expired(text: str) -> ProviderError:
    return ProviderError(Outcome.PERMANENT_MESSAGE, ORDER_EXPIRED, text)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
