"""PayPal's approval page."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, redirect, render_template, request
from flask_babel import format_currency
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.sandbox.errors import SandboxError
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.paypal.checkout import press, return_fields
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import CODE, owner_of
from app.sandbox.simulators.paypal.orders import OPEN

pages = Blueprint(f"{CODE}_pages", __name__, url_prefix="/paypal")
BUTTONS = ("success", "failure", "cancel")


@pages.errorhandler(PayPalError)
@pages.errorhandler(SandboxError)
def unknown(error: Exception) -> tuple[str, int]:
    return render_template("sandbox/checkout_error.html", reason=str(error)), 400


@pages.get("/checkoutnow")
def open_checkout() -> str:
    """Where the order's link leads: ?token=<order id>."""
    order_id = request.args.get("token", "")
    merchant = owner_of(current_sandbox(), "order", order_id)
    order, session = merchant.get("order", order_id), merchant.get("session", order_id)
    amount = order["purchase_units"][0]["amount"]
    return render_template(
        "sandbox/paypal_checkout.html", order=order, session=session, unit=order["purchase_units"][0],
        amount=format_currency(Decimal(amount["value"]), amount["currency_code"]), payable=order["status"] in OPEN,
    )  # fmt: skip


@pages.post("/checkoutnow/<order_id>/press")
def press_button(order_id: str) -> Response | tuple[str, int]:
    """Pay, Fail or Cancel; the browser goes back to the merchant."""
    merchant = owner_of(current_sandbox(), "order", order_id)
    result = request.form.get("result", "")
    if result not in BUTTONS:
        return unknown(SandboxError(_("There is no such button.")))
    press(merchant, order_id, result)
    session = merchant.get("session", order_id)
    address = session["cancel_url" if result == "cancel" else "return_url"]
    mark = "&" if urlsplit(address).query else "?"
    return redirect(f"{address}{mark}{urlencode(return_fields(order_id, result))}", 303)
