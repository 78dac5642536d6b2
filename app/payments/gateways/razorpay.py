"""Razorpay: orders, the hosted checkout form, capture, refunds and webhooks over plain HTTP.

Not the vendor's SDK: it has no time-out, drops the HTTP status and the machine-readable reason of an error and shares a
dict between threads in capture. Traps of this gateway: `failed` is not final for three days; `order.paid` repeats
`payment.captured`; `refund.created` may already be processed; what is never captured is "refunded" by itself: a void.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, TypeVar

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient, HttpResponse, basic_auth
from app.core.money import Money, currency_codes
from app.core.money import exponent as iso_exponent
from app.core.providers import N_, BadSignature, Outcome, ProviderError, Timeouts, check_hmac_sha256
from app.payments.gateways import razorpay_wire as wire
from app.payments.gateways.base import (
    Capabilities,
    Checkout,
    CheckoutRequest,
    CheckoutReturn,
    Gateway,
    GatewayNotice,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    OrderState,
    RefundRequest,
    SettlementLine,
)

PAGE = 100
REPORT_PAGE = 1000
# An authorised payment that nobody captures is let go after three days (the shorter of two periods the vendor names).
CAPTURE_MINUTES = 3 * 24 * 60
ASK_TWICE = 2
_ZERO_DECIMALS = currency_codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
_THREE_DECIMALS = currency_codes("BHD IQD JOD KWD OMR TND")
_ORDER_RANK = {OrderState.OPEN: 0, OrderState.ATTEMPTED: 1, OrderState.PAID: 2}
R = TypeVar("R")


class RazorpayCredentials(CredentialModel):
    """The API keys and the secret of the webhook, which is a different one."""

    key_id: str = credential(N_("Key id"), help_text=N_("Starts with rzp_test_ or rzp_live_."), min_length=1)
    key_secret: SecretStr = credential(N_("Key secret"), min_length=1)
    webhook_secret: SecretStr | None = credential(
        N_("Webhook secret"), default=None, help_text=N_("Without it payments are found only by asking Razorpay.")
    )
    previous_webhook_secret: SecretStr | None = credential(
        N_("Previous webhook secret"),
        default=None,
        help_text=N_("After a change: late webhooks still carry the old one. Clear it after a day."),
    )


class Razorpay(Gateway[RazorpayCredentials]):
    """One Razorpay account."""

    code = "razorpay"
    label = "Razorpay"
    Credentials = RazorpayCredentials
    default_base_url = "https://api.razorpay.com"
    capabilities: ClassVar[Capabilities] = Capabilities(
        manual_capture=True, idempotent_refund=True, late_success=timedelta(days=3), settlement_lines=True
    )
    webhook_headers = frozenset({"x-razorpay-event-id", "x-razorpay-signature"})

    def __init__(
        self, credentials: RazorpayCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        self._secret = credentials.key_secret.get_secret_value()
        auth = basic_auth(credentials.key_id, self._secret)
        self._http = HttpClient(self.base_url, headers=auth, timeouts=self.timeouts)

    @classmethod
    def exponent(cls, currency: str) -> int:
        """Razorpay's own table; MGA and LYD, for one, do not follow other gateways or ISO 4217."""
        iso_exponent(currency)
        if currency in _ZERO_DECIMALS:
            return 0
        return 3 if currency in _THREE_DECIMALS else 2

    @classmethod
    def to_wire(cls, amount: Money) -> int:
        """The amount in Razorpay's smallest unit: above zero, and of three decimals the last must be 0."""
        units = super().to_wire(amount)
        if units <= 0:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_not_positive", "The amount must be above zero.")
        if amount.currency in _THREE_DECIMALS and units % 10:
            text = f"Razorpay takes two decimals of {amount.currency}."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_too_precise", text)
        return units

    def probe(self) -> str:
        """List one order: reading it needs valid keys and shows no personal data."""
        self._answered(self._http.get("/v1/orders", query={"count": 1}))
        return N_("Live mode") if self.credentials.key_id.startswith("rzp_live_") else N_("Test mode")

    def create_checkout(self, request: CheckoutRequest) -> Checkout:
        if not 0 < len(request.reference) <= 40:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_reference", "A reference has 1 to 40 characters.")
        body = {
            "amount": self.to_wire(request.amount),
            "currency": request.amount.currency,
            "receipt": request.reference,
            "notes": {name: value[:256] for name, value in list(request.notes.items())[:15]},
            "payment": _capture_rule(request.manual_capture),
        }
        response = self._http.post("/v1/orders", json=body)
        return self.resume_checkout(self._read(response, wire.read_order).order_id, request)

    def resume_checkout(self, order_id: str, request: CheckoutRequest) -> Checkout:
        optional = {
            "name": request.payee,
            "description": request.description,
            "prefill[name]": request.customer.name,
            "prefill[email]": request.customer.email,
            "prefill[contact]": request.customer.phone,
        }
        fields = {
            "key_id": self.credentials.key_id,
            "order_id": order_id,
            "callback_url": request.callback_url,
            "cancel_url": request.cancel_url,
            **{name: value for name, value in optional.items() if value},
        }
        return Checkout(order_id, "POST", f"{self.base_url}/v1/checkout/embedded", fields)

    def find_order(self, reference: str) -> GatewayOrder | None:
        """Of several orders with one receipt (an ambiguous call that was repeated) the one that got furthest."""
        response = self._http.get("/v1/orders", query={"receipt": reference, "count": PAGE}, attempts=ASK_TWICE)
        orders = [order for order in self._read_list(response, wire.read_order) if order.reference == reference]
        if not orders:
            return None
        return self.fetch_order(max(orders, key=lambda order: _ORDER_RANK[order.state]).order_id)

    def fetch_order(self, order_id: str) -> GatewayOrder:
        order = self._http.get("/v1/orders/{order_id}", ids={"order_id": order_id}, attempts=ASK_TWICE)
        attempts = self._http.get("/v1/orders/{order_id}/payments", ids={"order_id": order_id}, attempts=ASK_TWICE)
        payments = sorted(
            self._read_list(attempts, wire.read_payment),
            key=lambda payment: payment.created_at.timestamp() if payment.created_at else 0,
        )
        return self._read(order, lambda entity, money: wire.read_order(entity, money, tuple(payments)))

    def fetch_payment(self, payment_id: str) -> GatewayPayment:
        response = self._http.get("/v1/payments/{payment_id}", ids={"payment_id": payment_id}, attempts=ASK_TWICE)
        return self._read(response, wire.read_payment)

    def capture(self, payment_id: str, amount: Money, *, key: str = "", final: bool = True) -> GatewayPayment:
        """`amount` must equal the order's. The vendor refuses a second capture, so a refusal is checked by asking."""
        body = {"amount": self.to_wire(amount), "currency": amount.currency}
        response = self._http.post("/v1/payments/{payment_id}/capture", ids={"payment_id": payment_id}, json=body)
        if response.status == 400:
            payment = self.fetch_payment(payment_id)
            if payment.captured == amount:
                return payment
        return self._read(response, wire.read_payment)

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """`key` has at least ten letters, digits, "-" or "_"; the same key never pays twice."""
        response = self._http.post(
            "/v1/payments/{payment_id}/refund",
            ids={"payment_id": request.payment_id},
            json={"amount": self.to_wire(request.amount), "speed": "normal", "receipt": request.reference},
            headers={"X-Refund-Idempotency": request.key},
        )
        return self._read(response, wire.read_refund)

    def fetch_refund(self, refund_id: str) -> GatewayRefund:
        response = self._http.get("/v1/refunds/{refund_id}", ids={"refund_id": refund_id}, attempts=ASK_TWICE)
        return self._read(response, wire.read_refund)

    def refunds_of(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        found: list[GatewayRefund] = []
        for skip in range(0, 10 * PAGE, PAGE):
            query = {"count": PAGE, "skip": skip}
            ids = {"payment_id": payment_id}
            response = self._http.get("/v1/payments/{payment_id}/refunds", ids=ids, query=query, attempts=ASK_TWICE)
            page = self._read_list(response, wire.read_refund)
            found += page
            if len(page) < PAGE:
                break
        return tuple(found)

    def fetch_settlement_lines(self, first: date, last: date) -> list[SettlementLine]:
        """The combined report, month by month: the vendor's days are Indian ones, whatever the account's country."""
        lines = [line for month in wire.months(first, last) for line in self._report(month)]
        wanted = [line for line in lines if first <= wire.indian_day(line.settled_at) <= last]
        return sorted(wanted, key=lambda line: line.settled_at)

    def _report(self, period: Mapping[str, int]) -> list[SettlementLine]:
        found: list[SettlementLine] = []
        while True:
            query = {**period, "count": REPORT_PAGE, "skip": len(found)}
            response = self._http.get("/v1/settlements/recon/combined", query=query, attempts=ASK_TWICE)
            page = self._read_list(response, wire.read_settlement_line)
            found += page
            if len(page) < REPORT_PAGE:
                return found

    def verify_return(self, order_id: str, params: Mapping[str, str]) -> CheckoutReturn:
        """HMAC of `order_id|payment_id` with the key secret, over the order id that we stored."""
        if "error[code]" in params or "error[description]" in params:
            return self._failed_return(params)
        payment_id = params.get("razorpay_payment_id", "")
        if not payment_id or params.get("razorpay_order_id", order_id) != order_id:
            raise BadSignature("the payment is not for this order")
        check_hmac_sha256(f"{order_id}|{payment_id}".encode(), params.get("razorpay_signature"), [self._secret])
        return CheckoutReturn(True, payment_id)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        check_hmac_sha256(raw, _header(headers, "x-razorpay-signature"), self._webhook_secrets())
        return self.read_webhook(raw, headers)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        event_id = _header(headers, "x-razorpay-event-id") or f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return wire.read_notice(event_id, raw, self.from_wire)

    def _webhook_secrets(self) -> list[str]:
        secrets = (self.credentials.webhook_secret, self.credentials.previous_webhook_secret)
        return [secret.get_secret_value() for secret in secrets if secret]

    def _failed_return(self, params: Mapping[str, str]) -> CheckoutReturn:
        try:
            payment_id = json.loads(params.get("error[metadata]", "")).get("payment_id")
        except (ValueError, AttributeError, RecursionError):
            payment_id = params.get("error[metadata][payment_id]")
        code = params.get("error[reason]") or params.get("error[code]", "")
        text = self.safe_text(params.get("error[description]", ""))
        return CheckoutReturn(False, str(payment_id) if payment_id else None, code[:64], text)

    def _read(self, response: HttpResponse, read: Callable[[Any, wire.ToMoney], R]) -> R:
        entity = self._answered(response)
        try:
            return read(entity, self.from_wire)
        except ValueError:
            response.malformed()

    def _read_list(self, response: HttpResponse, read: Callable[[Any, wire.ToMoney], R]) -> list[R]:
        items = self._answered(response).get("items")
        if not isinstance(items, list):
            response.malformed()
        try:
            return [read(entity, self.from_wire) for entity in items]
        except ValueError:
            response.malformed()

    def _answered(self, response: HttpResponse) -> dict[str, Any]:
        """The document of a success. Raises ProviderError for everything else."""
        if response.ok or response.status < 400:
            return response.json_object() if response.ok else response.malformed()
        error = response.error_object()
        code = str(error.get("reason") or error.get("code") or f"http_{response.status}")[:64]
        text = self.safe_text(error.get("description") or f"HTTP {response.status}")
        raise ProviderError(_outcome(response, error), code, text, response.retry_after())


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def _capture_rule(manual: bool) -> dict[str, Any]:
    """Said per order, so that the account's own setting does not decide whether late money is taken."""
    if manual:
        return {"capture": "manual", "capture_options": {"manual_expiry_period": CAPTURE_MINUTES}}
    periods = {"automatic_expiry_period": CAPTURE_MINUTES, "manual_expiry_period": CAPTURE_MINUTES}
    return {"capture": "automatic", "capture_options": periods}


def _outcome(response: HttpResponse, error: Mapping[str, Any]) -> Outcome:
    """A fault on their side leaves a POST in doubt; a refusal does not. 409: the same refund key is still at work."""
    if response.status in (401, 403):
        return Outcome.PERMANENT_ACCOUNT
    if response.status in (409, 429):
        return Outcome.RETRY
    if response.status == 408 or response.status >= 500 or error.get("code") in ("GATEWAY_ERROR", "SERVER_ERROR"):
        return response.unclear
    return Outcome.PERMANENT_MESSAGE
