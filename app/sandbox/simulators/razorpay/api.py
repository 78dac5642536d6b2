"""The routes of Razorpay's API under /razorpay/v1; each view's name is the operation that faults may pick."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from werkzeug.datastructures import Authorization

from app.sandbox.documents import Entity
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.razorpay import disputes, links, orders, payments, refunds, rules, settlements
from app.sandbox.simulators.razorpay.errors import RazorpayError, answer, authentication_failed
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant, RazorpayAccount

api = Blueprint(CODE, __name__, url_prefix="/razorpay/v1")
api.register_error_handler(RazorpayError, answer)


def claimed_key_id() -> str:
    return (request.authorization.username or "") if request.authorization else ""


@api.before_request
def authenticate() -> None:
    """HTTP Basic with the key's id and secret; the vendor wants the scheme spelled `Basic`."""
    given: Authorization | None = request.authorization
    if given is None or not request.headers["Authorization"].startswith("Basic "):
        raise authentication_failed("Please provide your api key for authentication purposes.")
    account = current_sandbox().accounts.find(CODE, given.username or "")
    if not isinstance(account, RazorpayAccount):
        raise authentication_failed("The api key provided is invalid")
    if not hmac.compare_digest(account.key_secret.encode(), (given.password or "").encode()):
        raise authentication_failed()
    g.merchant = Merchant(account, current_sandbox())


def _merchant() -> Merchant:
    merchant: Merchant = g.merchant
    return merchant


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True) if request.is_json else dict(request.form)
    if not isinstance(body, dict):
        if request.get_data():
            raise RazorpayError("The request body could not be parsed as JSON.")
        return {}
    return body


def _query() -> dict[str, str]:
    return request.args.to_dict()


def _collection(items: list[Entity]) -> Response:
    return jsonify({"entity": "collection", "count": len(items), "items": items})


@api.post("/orders")
def create_order() -> Entity:
    return orders.create_order(_merchant(), _body())


@api.get("/orders")
def list_orders() -> Response:
    return _collection(orders.list_orders(_merchant(), _query()))


@api.get("/orders/<id>")
def fetch_order(id: str) -> Entity:
    return _merchant().get("order", id)


@api.patch("/orders/<id>")
def edit_order(id: str) -> Entity:
    return orders.edit_notes(_merchant(), "order", id, _body())


@api.get("/orders/<id>/payments")
def list_order_payments(id: str) -> Response:
    _merchant().get("order", id)
    return _collection(_merchant().children("payment", id))


@api.get("/payments")
def list_payments() -> Response:
    return _collection(_merchant().list("payment", rules.page_of(_query())))


@api.get("/payments/<id>")
def fetch_payment(id: str) -> Entity:
    return _merchant().get("payment", id)


@api.patch("/payments/<id>")
def edit_payment(id: str) -> Entity:
    return orders.edit_notes(_merchant(), "payment", id, _body())


@api.post("/payments/<id>/capture")
def capture_payment(id: str) -> Entity:
    return payments.capture_payment(_merchant(), id, _body())


@api.post("/payments/<id>/refund")
def refund_payment(id: str) -> Entity:
    return refunds.refund_payment(_merchant(), id, _body(), request.headers.get("X-Refund-Idempotency"))


@api.get("/payments/<id>/refunds")
def list_payment_refunds(id: str) -> Response:
    _merchant().get("payment", id)
    return _collection(_merchant().children("refund", id, rules.page_of(_query())))


@api.get("/payments/<payment_id>/refunds/<id>")
def fetch_payment_refund(payment_id: str, id: str) -> Entity:
    refund = _merchant().get("refund", id)
    if refund["payment_id"] != payment_id:
        raise RazorpayError("The id provided does not exist")
    return refund


@api.get("/refunds")
def list_refunds() -> Response:
    return _collection(_merchant().list("refund", rules.page_of(_query())))


@api.get("/refunds/<id>")
def fetch_refund(id: str) -> Entity:
    return _merchant().get("refund", id)


@api.patch("/refunds/<id>")
def edit_refund(id: str) -> Entity:
    return orders.edit_notes(_merchant(), "refund", id, _body())


@api.post("/payment_links")
def create_payment_link() -> Entity:
    return links.create_link(_merchant(), _body(), request.host_url)


@api.get("/payment_links")
def list_payment_links() -> dict[str, list[Entity]]:
    return {"payment_links": links.list_links(_merchant(), _query())}


@api.get("/payment_links/<id>")
def fetch_payment_link(id: str) -> Entity:
    return links.get_link(_merchant(), id)


@api.post("/payment_links/<id>/cancel")
def cancel_payment_link(id: str) -> Entity:
    return links.cancel_link(_merchant(), id)


@api.get("/settlements")
def list_settlements() -> Response:
    return _collection(_merchant().list("settlement", rules.page_of(_query())))


@api.get("/settlements/<id>")
def fetch_settlement(id: str) -> Entity:
    return _merchant().get("settlement", id)


@api.get("/settlements/recon/combined")
def settlement_recon() -> Response:
    return _collection(settlements.combined_report(_merchant(), _query()))


@api.get("/disputes")
def list_disputes() -> Response:
    return _collection(_merchant().list("dispute", rules.page_of(_query())))


@api.get("/disputes/<id>")
def fetch_dispute(id: str) -> Entity:
    return _merchant().get("dispute", id)


@api.post("/disputes/<id>/accept")
def accept_dispute(id: str) -> Entity:
    return disputes.accept_dispute(_merchant(), id)


@api.patch("/disputes/<id>/contest")
def contest_dispute(id: str) -> Entity:
    return disputes.contest_dispute(_merchant(), id, _body())


@api.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def unknown_url(rest: str) -> Response:
    raise RazorpayError("The requested URL was not found on the server.", status=404, reason="NA")
