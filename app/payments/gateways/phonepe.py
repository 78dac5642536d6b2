"""PhonePe: Standard Checkout v2 over plain HTTP, and v1 callbacks for merchants who still get them.

Not the vendor's SDK: it forces old `requests` and `urllib3` on the whole installation, fetches a token in its
constructor, runs threads that do not survive a fork and refuses unknown payment modes. Facts (developer.phonepe.com;
the SDK 3.0.1 run against a local server; the settlement list: its page "Date Range Based Settlement IDs"):

- INR only, whole paise, at least 100, for orders and refunds alike. Money is always taken at once.
- There is no idempotency header: our ids of orders and refunds are the keys, and a second one is refused.
- The page of an order is told once, in the answer that opens it, and lives an hour at most. An order whose answer was
  lost can therefore be paid by nobody, and another one takes its place.
- Nothing lists payments or refunds: both are asked for by our own id. What a dashboard refunds is learnt from notices.
- The default header of a webhook, SHA-256 of `user:password`, never changes and says nothing about the body: such a
  notice is a hint. The HMAC option (header names known from public integrations only) and v1's X-VERIFY cover the body.
- The browser comes back with nothing that is signed. Failed orders stay failed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpResponse
from app.core.money import Money
from app.core.providers import N_, BadSignature, Outcome, ProviderError, Timeouts, check_hmac_sha256
from app.payments.gateways import phonepe_wire as wire
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
    OrderState,
    RefundRequest,
    SettlementLine,
)
from app.payments.gateways.phonepe_client import ClientKeys, PhonePeClient, is_missing

LIVE = "https://api.phonepe.com/apis/pg"
LEAST_PAISE = 100
PAGE_SECONDS = 3600  # the longest that the vendor allows; the shortest is 300
LONGEST_MESSAGE = 100
ASK_TWICE = 2
PAYOUT_PAGE = 40  # the most that the vendor lists at once
MOST_PAYOUTS = 4000
SIGNATURE, X_VERIFY = "x-phonepe-checksum-signature", "x-verify"
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,63}")


class PhonePeCredentials(CredentialModel):
    """The API client of the dashboard, and what proves its webhooks: one of three schemes, the HMAC option the best."""

    client_id: str = credential(N_("Client id"), min_length=1)
    client_secret: SecretStr = credential(N_("Client secret"), min_length=1)
    client_version: int = credential(N_("Client version"), default=1, ge=1, le=9999)
    hmac_secret: SecretStr | None = credential(
        N_("Webhook secret (HMAC)"),
        default=None,
        help_text=N_("The best choice: it protects the whole notice. Then the user name and password are not used."),
    )
    previous_hmac_secret: SecretStr | None = credential(
        N_("Previous webhook secret (HMAC)"),
        default=None,
        help_text=N_("After a change: late webhooks still carry the old one. Clear it after a day."),
    )
    webhook_username: str | None = credential(
        N_("Webhook user name"),
        default=None,
        help_text=N_("Without HMAC: notices are then only hints, and PhonePe is asked each time."),
    )
    webhook_password: SecretStr | None = credential(N_("Webhook password"), default=None)
    salt_key: SecretStr | None = credential(
        N_("Salt key"), default=None, help_text=N_("Only for callbacks of the old version 1 (X-VERIFY).")
    )
    salt_index: str = credential(N_("Salt index"), default="1", pattern=r"^\d{1,4}$")


class PhonePe(Gateway[PhonePeCredentials]):
    """One PhonePe merchant."""

    code = "phonepe"
    label = "PhonePe"
    Credentials = PhonePeCredentials
    default_base_url = LIVE
    capabilities: ClassVar[Capabilities] = Capabilities(
        idempotent_refund=True,
        lists_refunds=False,
        one_order_per_reference=True,
        signed_return=False,
        signed_webhook=False,
    )
    webhook_headers: ClassVar[frozenset[str]] = frozenset({SIGNATURE, "x-phonepe-checksum-key-id", X_VERIFY})

    def __init__(
        self, credentials: PhonePeCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        secret = credentials.client_secret.get_secret_value()
        keys = ClientKeys(credentials.client_id, credentials.client_version, secret)
        self._client = PhonePeClient(self.base_url, keys, self.timeouts, self.safe_text)

    @property
    def signs_webhooks(self) -> bool:
        """Only where a scheme is set up that covers the body; a notice of the other scheme has no snapshot then."""
        return bool(_plain(self.credentials.hmac_secret) or _plain(self.credentials.salt_key))

    @classmethod
    def to_wire(cls, amount: Money) -> int:
        """Whole paise, at least 100. Raises ProviderError, also for another currency than INR."""
        if amount.currency != wire.CURRENCY:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "currency_not_supported", "PhonePe takes INR only.")
        if amount.minor < LEAST_PAISE:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_too_small", "PhonePe takes at least INR 1.00.")
        return amount.minor

    def probe(self) -> str:
        """Ask for a new token: only a right client id, secret and version get one."""
        self._client.ask_token()
        return N_("Live mode") if self.base_url == LIVE else N_("Test mode")

    # ---- orders ----

    def create_checkout(self, request: CheckoutRequest) -> Checkout:
        """`reference` becomes the order's id: letters, digits, "-" and "_", up to 40 characters, never used before."""
        self._check_request(request)
        flow: dict[str, Any] = {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": request.callback_url}}
        if request.description.strip():
            flow["message"] = request.description.strip()[:LONGEST_MESSAGE]
        body = {
            "merchantOrderId": request.reference,
            "amount": self.to_wire(request.amount),
            "expireAfter": PAGE_SECONDS,
            "paymentFlow": flow,
        }
        response = self._client.call(lambda http: http.post("/checkout/v2/pay", json=body))
        page_url = self._client.read(response, wire.Opened.model_validate).redirect_url
        if not page_url.startswith(("https://", "http://")):
            response.malformed()
        return Checkout(request.reference, "GET", page_url, {})

    def resume_checkout(self, order_id: str, request: CheckoutRequest) -> Checkout:
        """The page that was told when the order was opened; a paid order leads back to us."""
        state = self.fetch_order(order_id).state
        if state is OrderState.PAID:
            return Checkout(order_id, "GET", request.callback_url, {})
        if state is OrderState.EXPIRED or not request.page_url:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, ORDER_EXPIRED, "This order can no longer be paid.")
        return Checkout(order_id, "GET", request.page_url, {})

    def find_order(self, reference: str) -> GatewayOrder | None:
        response = self._order_status(reference)
        return (
            None if is_missing(response) else self._client.read(response, lambda body: wire.read_order(body, reference))
        )

    def fetch_order(self, order_id: str) -> GatewayOrder:
        return self._client.read(self._order_status(order_id), lambda body: wire.read_order(body, order_id))

    def fetch_payment(self, payment_id: str) -> GatewayPayment:
        """One attempt at an order."""
        order = self._order_of(payment_id)
        found = next((payment for payment in order.payments if payment.payment_id == payment_id), None)
        if found is None:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_found", "PhonePe does not know this payment.")
        return found

    def capture(self, payment_id: str, amount: Money, *, key: str = "", final: bool = True) -> GatewayPayment:
        """Standard Checkout reserves nothing, so that there is never anything to capture."""
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_supported", "PhonePe takes the money at once.")

    # ---- refunds ----

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Always pending first. Our reference is the key: a refusal is checked by asking for a refund of that name."""
        self._check_reference(request.reference)
        order_id = self._order_of(request.payment_id).order_id
        amount = self.to_wire(request.amount)
        body = {"merchantRefundId": request.reference, "originalMerchantOrderId": order_id, "amount": amount}
        response = self._client.call(lambda http: http.post("/payments/v2/refund", json=body))
        if 400 <= response.status < 500 and response.status not in (401, 403, 429):
            known = self.find_refund(request.payment_id, request.reference)
            if known is not None and (known.order_id, known.amount) == (order_id, request.amount):
                return known
        started = self._client.read(response, wire.Started.model_validate)
        if started.amount != amount:
            response.malformed()
        return wire.read_refund({**body, "state": started.state})

    def fetch_refund(self, refund_id: str) -> GatewayRefund:
        return self._client.read(self._refund_status(refund_id), lambda body: wire.read_refund(body, refund_id))

    def refunds_of(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """PhonePe lists none (see `Capabilities.lists_refunds`)."""
        return ()

    def find_refund(self, payment_id: str, reference: str) -> GatewayRefund | None:
        response = self._refund_status(reference)
        return (
            None
            if is_missing(response)
            else self._client.read(response, lambda body: wire.read_refund(body, reference))
        )

    def fetch_settlement_lines(self, first: date, last: date) -> list[SettlementLine]:
        """Whole payouts only: PhonePe tells neither the orders in one nor its fees. Not older than six months."""
        since = datetime.combine(first, time(), wire.INDIA)
        until = datetime.combine(last + timedelta(days=1), time(), wire.INDIA)
        lines = [wire.read_payout(self._payout(item), item) for item in self._payouts(since, until)]
        return sorted(lines, key=lambda line: line.settled_at)

    def _payouts(self, since: datetime, until: datetime) -> list[wire.Listed]:
        found: list[wire.Listed] = []
        for offset in range(0, MOST_PAYOUTS, PAYOUT_PAGE):
            period = {"from": _milliseconds(since), "to": _milliseconds(until) - 1}
            query = {**period, "limit": PAYOUT_PAGE, "offset": offset}
            page = self._asked_payouts(query)
            found += page.settlements
            if not page.has_next:
                break
        return [item for item in found if item.state == "PROCESSED"]

    def _asked_payouts(self, query: Mapping[str, int]) -> wire.Payouts:
        response = self._client.call(lambda http: http.get("/settlements/v1/range", query=query, attempts=ASK_TWICE))
        return self._client.read(response, wire.Payouts.model_validate)

    def _payout(self, item: wire.Listed) -> wire.Settlement:
        path, ids = "/settlements/v1/{settlement_id}/status", {"settlement_id": item.settlement_id}
        response = self._client.call(lambda http: http.get(path, ids=ids, attempts=ASK_TWICE))
        return self._client.read(response, wire.Settlement.model_validate)

    # ---- what PhonePe and the browser bring ----

    def verify_return(self, order_id: str, params: Mapping[str, str]) -> CheckoutReturn:
        """Nothing is signed, and nothing of it is read."""
        return CheckoutReturn(False, None)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        """By the scheme that the account has: X-VERIFY for a v1 body, else HMAC, else user name and password."""
        if wire.v1_response(raw) is not None:
            self._check_x_verify(raw, headers)
        elif _plain(self.credentials.hmac_secret):
            check_hmac_sha256(raw, _header(headers, SIGNATURE), self._hmac_secrets())
        else:
            self._check_user(headers)
        return self.read_webhook(raw, headers)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        """What it says counts only as far as a signature covers it now: after a change of secrets it is a hint."""
        v1 = wire.v1_response(raw) is not None
        try:
            if v1:
                self._check_x_verify(raw, headers)
            else:
                check_hmac_sha256(raw, _header(headers, SIGNATURE), self._hmac_secrets())
            protected = True
        except BadSignature:
            protected = False
        return wire.read_v1_notice(raw, protected=protected) if v1 else wire.read_notice(raw, protected=protected)

    def _hmac_secrets(self) -> list[str]:
        return [_plain(self.credentials.hmac_secret), _plain(self.credentials.previous_hmac_secret)]

    def _check_user(self, headers: Mapping[str, str]) -> None:
        user, password = self.credentials.webhook_username, _plain(self.credentials.webhook_password)
        expected = hashlib.sha256(f"{user}:{password}".encode()).hexdigest()
        given = (_header(headers, "authorization") or "").encode("utf-8", "replace")
        if not user or not password or not hmac.compare_digest(expected.encode(), given):
            raise BadSignature("the user name and password are not this account's")

    def _check_x_verify(self, raw: bytes, headers: Mapping[str, str]) -> None:
        """SHA-256 of the base64 text and the salt key, in either case, then `###` and the index of the key."""
        salt = _plain(self.credentials.salt_key)
        digest, _, index = (_header(headers, X_VERIFY) or "").partition("###")
        expected = hashlib.sha256(f"{wire.v1_response(raw)}{salt}".encode()).hexdigest()
        same = hmac.compare_digest(expected.encode(), digest.lower().encode("utf-8", "replace"))
        if not salt or index != self.credentials.salt_index or not same:
            raise BadSignature("the salt key of this account did not make this checksum")

    # ---- calls ----

    def _order_status(self, order_id: str) -> HttpResponse:
        query, ids = {"details": "true", "errorContext": "true"}, {"order_id": order_id}
        path = "/checkout/v2/order/{order_id}/status"
        return self._client.call(lambda http: http.get(path, ids=ids, query=query, attempts=ASK_TWICE))

    def _order_of(self, payment_id: str) -> GatewayOrder:
        path, ids = "/checkout/v2/transaction/{payment_id}/status", {"payment_id": payment_id}
        return self._client.read(
            self._client.call(lambda http: http.get(path, ids=ids, attempts=ASK_TWICE)), wire.read_order
        )

    def _refund_status(self, refund_id: str) -> HttpResponse:
        path, ids = "/payments/v2/refund/{refund_id}/status", {"refund_id": refund_id}
        return self._client.call(lambda http: http.get(path, ids=ids, attempts=ASK_TWICE))

    def _check_request(self, request: CheckoutRequest) -> None:
        if request.manual_capture:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_supported", "PhonePe reserves no money.")
        self._check_reference(request.reference)

    def _check_reference(self, reference: str) -> None:
        if not _REFERENCE.fullmatch(reference):
            text = "A reference has 1 to 63 letters, digits, hyphens or underscores."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_reference", text)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)
