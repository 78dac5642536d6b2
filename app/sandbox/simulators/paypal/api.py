"""The routes of PayPal's REST API under /paypal; each view's name is the operation that faults may pick."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, abort, g, request

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.paypal import disputes, orders, payments, refunds, signing, statement
from app.sandbox.simulators.paypal.errors import PayPalError, TokenRefused, answer, answer_token
from app.sandbox.simulators.paypal.merchant import CODE, Merchant, PayPalAccount

api = Blueprint(CODE, __name__, url_prefix="/paypal")
api.register_error_handler(PayPalError, answer)
api.register_error_handler(TokenRefused, answer_token)
TOKEN_SECONDS = 32_400
TOKENS = f"{CODE}.token"
FAULTS = ("token_revoked",)
OPEN_TO_ALL = ("issue_token", "fetch_certificate")
Made = tuple[Entity, int]


def claimed_client_id() -> str:
    given = request.authorization
    if given is None:
        return ""
    return given.username or current_sandbox().documents.owner(TOKENS, given.token or "") or ""


@api.before_request
def authenticate() -> None:
    """A bearer token that was given out and has not run out."""
    operation = (request.endpoint or "").rpartition(".")[2]
    if operation in OPEN_TO_ALL:
        return
    given, sandbox = request.authorization, current_sandbox()
    token = sandbox.documents.get(TOKENS, (given.token or "") if given and given.type == "bearer" else "")
    account = sandbox.accounts.find(CODE, token["client_id"]) if token else None
    if token is None or token["until"] < clock.seconds() or not isinstance(account, PayPalAccount):
        raise TokenRefused()
    if sandbox.faults.take(CODE, FAULTS, (operation,)) is not None:
        sandbox.documents.delete(TOKENS, token["id"])
        raise TokenRefused()
    g.merchant = Merchant(account, sandbox)


def _merchant() -> Merchant:
    merchant: Merchant = g.merchant
    return merchant


def _body() -> dict[str, Any]:
    """PayPal wants JSON of every POST, an empty object at least."""
    if not request.is_json:
        raise PayPalError("UNSUPPORTED_MEDIA_TYPE", "The request payload is not supported.", status=400)
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise PayPalError("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.", status=400)
    return body


def _key() -> str | None:
    return request.headers.get("PayPal-Request-Id")


@api.post("/v1/oauth2/token")
def issue_token() -> Entity:
    given = request.authorization
    account = current_sandbox().accounts.find(CODE, (given.username or "") if given else "")
    secret = (given.password or "") if given else ""
    if not isinstance(account, PayPalAccount) or not hmac.compare_digest(
        account.client_secret.encode(), secret.encode()
    ):
        raise TokenRefused("invalid_client", "Client Authentication failed")
    if request.form.get("grant_type") != "client_credentials":
        raise PayPalError("unsupported_grant_type", "Grant Type is NULL", status=400)
    token = {"id": f"A21AA{random_text(40)}", "client_id": account.client_id, "until": clock.seconds() + TOKEN_SECONDS}
    with current_sandbox().store.transaction():
        current_sandbox().documents.put(TOKENS, token, account=account.client_id)
    return {
        "scope": "https://uri.paypal.com/services/payments/payment", "access_token": token["id"],
        "token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": TOKEN_SECONDS,
        "nonce": random_text(20),
    }  # fmt: skip


@api.get("/v1/notifications/certs/<name>")
def fetch_certificate(name: str) -> Response:
    """The certificate of the webhooks, and the root of this sandbox that it hangs on."""
    signer = signing.identity(current_sandbox().store)
    pem = {signer.name: signer.certificate, "ROOT": signer.root}.get(name)
    return Response(pem or abort(404), content_type="application/x-pem-file")


@api.post("/v2/checkout/orders")
def create_order() -> Made:
    merchant, body = _merchant(), _body()
    return merchant.once(_key(), lambda: orders.open_order(merchant, body), lambda id: orders.show_order(merchant, id))


@api.get("/v2/checkout/orders/<id>")
def fetch_order(id: str) -> Entity:
    return orders.show_order(_merchant(), id)


@api.post("/v2/checkout/orders/<id>/capture")
def capture_order(id: str) -> Made:
    return _take_order(id, "CAPTURE")


@api.post("/v2/checkout/orders/<id>/authorize")
def authorize_order(id: str) -> Made:
    return _take_order(id, "AUTHORIZE")


def _take_order(id: str, intent: str) -> Made:
    merchant, _ = _merchant(), _body()
    return merchant.once(
        _key(), lambda: orders.take_order(merchant, id, intent), lambda id: orders.show_order(merchant, id)
    )


@api.get("/v2/payments/authorizations/<id>")
def fetch_authorization(id: str) -> Entity:
    return payments.show(_merchant(), "authorization", id)


@api.post("/v2/payments/authorizations/<id>/capture")
def capture_authorization(id: str) -> Made:
    merchant, body = _merchant(), _body()
    return merchant.once(
        _key(),
        lambda: payments.capture_authorization(merchant, id, body),
        lambda id: payments.show(merchant, "capture", id),
    )


@api.post("/v2/payments/authorizations/<id>/reauthorize")
def reauthorize(id: str) -> Made:
    merchant, body = _merchant(), _body()
    return merchant.once(
        _key(),
        lambda: payments.reauthorize(merchant, id, body),
        lambda id: payments.show(merchant, "authorization", id),
    )


@api.post("/v2/payments/authorizations/<id>/void")
def void_authorization(id: str) -> Made | tuple[str, int]:
    """The vendor's specification knows no key here."""
    merchant, _ = _merchant(), _body()
    with merchant.sandbox.store.transaction():
        payments.void_authorization(merchant, id)
    if request.headers.get("Prefer") == "return=representation":
        return payments.show(merchant, "authorization", id), 200
    return "", 204


@api.get("/v2/payments/captures/<id>")
def fetch_capture(id: str) -> Entity:
    return payments.show(_merchant(), "capture", id)


@api.post("/v2/payments/captures/<id>/refund")
def refund_capture(id: str) -> Made:
    merchant, body = _merchant(), _body()
    return merchant.once(
        _key(), lambda: refunds.refund_capture(merchant, id, body), lambda id: payments.show(merchant, "refund", id)
    )


@api.get("/v2/payments/refunds/<id>")
def fetch_refund(id: str) -> Entity:
    return payments.show(_merchant(), "refund", id)


@api.get("/v1/reporting/transactions")
def search_transactions() -> Entity:
    return statement.transactions(_merchant(), request.args.to_dict())


@api.get("/v1/customer/disputes")
def list_disputes() -> Entity:
    return {"items": [disputes.show_dispute(item) for item in _merchant().every("dispute")], "links": []}


@api.get("/v1/customer/disputes/<id>")
def fetch_dispute(id: str) -> Entity:
    return disputes.show_dispute(_merchant().get("dispute", id))


@api.post("/v1/customer/disputes/<id>/accept-claim")
def accept_claim(id: str) -> Entity:
    return disputes.accept_claim(_merchant(), id)
