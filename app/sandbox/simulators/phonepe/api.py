"""The routes of PhonePe's API under /phonepe; each view's name is the operation that faults may pick."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from app.sandbox.simulators.phonepe import orders, refunds, settlements, tokens
from app.sandbox.simulators.phonepe.account import CODE
from app.sandbox.simulators.phonepe.errors import PhonePeError, answer
from app.sandbox.simulators.phonepe.merchant import Merchant

api = Blueprint(CODE, __name__, url_prefix="/phonepe")
api.register_error_handler(PhonePeError, answer)
OPEN_ENDPOINTS = frozenset({f"{CODE}.issue_token"})


@api.before_request
def authenticate() -> None:
    if request.endpoint not in OPEN_ENDPOINTS:
        tokens.authenticate()


def _merchant() -> Merchant:
    merchant: Merchant = g.merchant
    return merchant


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise PhonePeError("The request body could not be read as JSON.")
    return body


def _query() -> dict[str, str]:
    return request.args.to_dict()


@api.post("/v1/oauth/token")
def issue_token() -> dict[str, Any]:
    return tokens.issue_token(request.form.to_dict())


@api.post("/checkout/v2/pay")
def create_order() -> dict[str, Any]:
    return orders.create_order(_merchant(), _body(), request.host_url)


@api.get("/checkout/v2/order/<id>/status")
def order_status(id: str) -> dict[str, Any]:
    return orders.status_of(_merchant(), orders.order_named(_merchant(), id), _query())


@api.get("/checkout/v2/transaction/<id>/status")
def transaction_status(id: str) -> dict[str, Any]:
    order = orders.order_of_attempt(_merchant(), id)
    return orders.status_of(_merchant(), order, {"details": "true", **_query()})


@api.post("/payments/v2/refund")
def create_refund() -> dict[str, Any]:
    return refunds.create_refund(_merchant(), _body())


@api.get("/payments/v2/refund/<id>/status")
def refund_status(id: str) -> dict[str, Any]:
    refund = refunds.refund_named(_merchant(), id)
    return {"merchantId": _merchant().account.merchant_id, **refunds.describe(refund)}


@api.get("/settlements/v1/range")
def list_settlements() -> dict[str, Any]:
    return settlements.list_payouts(_merchant(), _query())


@api.get("/settlements/v1/<id>/status")
def settlement_status(id: str) -> dict[str, Any]:
    return settlements.payout_named(_merchant(), id)


@api.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def unknown_url(rest: str) -> Response:
    raise PhonePeError("Api Mapping Not Found", code="NOT_FOUND", status=404)
