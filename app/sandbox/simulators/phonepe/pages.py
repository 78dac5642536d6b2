"""PhonePe's hosted page: opened by the address that an order's answer tells, left by way of its redirect URL."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.sandbox.errors import UnknownRecord, WrongState
from app.sandbox.money import shown_amount
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.phonepe.account import CODE
from app.sandbox.simulators.phonepe.attempts import DEFAULT_METHOD, METHODS
from app.sandbox.simulators.phonepe.checkout import press
from app.sandbox.simulators.phonepe.merchant import Merchant, merchant_of
from app.sandbox.simulators.phonepe.orders import KIND

pages = Blueprint(f"{CODE}_pages", __name__)


@pages.errorhandler(UnknownRecord)
@pages.errorhandler(WrongState)
def refused(error: Exception) -> tuple[str, int]:
    return render_template("sandbox/checkout_error.html", reason=_("This order can no longer be paid.")), 400


@pages.get("/phonepe/page/<order_id>")
def open_page(order_id: str) -> str:
    return _page(_owner(order_id), order_id)


@pages.post("/phonepe/page/<order_id>/press")
def press_button(order_id: str) -> str | Response:
    """Pay and Cancel bring the payer back with nothing but the visit; after Fail another try is offered here."""
    merchant, result = _owner(order_id), request.form.get("result")
    order = merchant.get(KIND, order_id)
    if result == "cancel":
        return redirect(order["redirectUrl"], 303)
    method = request.form.get("method", DEFAULT_METHOD)
    press(merchant, order_id, "success" if result == "success" else "failure", method)
    if merchant.get(KIND, order_id)["state"] == "PENDING":
        return _page(merchant, order_id, failed=True)
    return redirect(order["redirectUrl"], 303)


def _owner(order_id: str) -> Merchant:
    client_id = current_sandbox().documents.owner(f"{CODE}.{KIND}", order_id)
    return merchant_of(current_sandbox(), client_id or "")


def _page(merchant: Merchant, order_id: str, failed: bool = False) -> str:
    order = merchant.get(KIND, order_id)
    return render_template(
        "sandbox/phonepe.html", order=order, methods=list(METHODS), failed=failed,
        amount=shown_amount(order["amount"], order["currency"]),
    )  # fmt: skip
