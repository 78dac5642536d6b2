"""Razorpay's hosted pages: the embedded checkout and a payment link's own page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.errors import WrongState
from app.sandbox.ids import prefixed
from app.sandbox.money import shown_amount
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.razorpay import links
from app.sandbox.simulators.razorpay.checkout import DEFAULT_METHOD, SESSION, Outcome, press
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant, RazorpayAccount, owner_of
from app.sandbox.simulators.razorpay.payments import METHODS
from app.sandbox.simulators.razorpay.rules import THREE_DECIMALS, ZERO_DECIMALS

pages = Blueprint(f"{CODE}_pages", __name__)
SHOWN = ("name", "description", "callback_url", "cancel_url")
WEB_ADDRESS = re.compile(r"https?://\S+")
SessionPage = tuple[str, int] | str | Response


class Refused(Exception):
    """The form cannot be shown as a payment page; the text is for the person in front of it."""


@pages.errorhandler(Refused)
def refused(error: Refused) -> tuple[str, int]:
    return render_template("sandbox/checkout_error.html", reason=str(error)), 400


@pages.errorhandler(RazorpayError)
def unknown(error: RazorpayError) -> tuple[str, int]:
    return render_template("sandbox/checkout_error.html", reason=str(error)), 400


@pages.post("/razorpay/v1/checkout/embedded")
def open_checkout() -> SessionPage:
    """The form that the merchant's page posts: key_id, order_id, callback_url, cancel_url, prefill[...] ..."""
    form = request.form
    account = current_sandbox().accounts.find(CODE, form.get("key_id", ""))
    if not isinstance(account, RazorpayAccount):
        raise Refused(_("The api key provided is invalid."))
    merchant = Merchant(account, current_sandbox())
    order = merchant.get("order", form.get("order_id", ""))
    _check_form(form, order)
    with merchant.sandbox.store.transaction():
        session = merchant.put(_new_session(form), kind=SESSION, parent=order["id"])
    return _checkout_page(order, session)


def _check_form(form: Mapping[str, str], order: Entity) -> None:
    if form.get("amount", str(order["amount"])) != str(order["amount"]):
        raise Refused(_("The amount differs from the order's amount."))
    if form.get("currency", order["currency"]) != order["currency"]:
        raise Refused(_("The currency differs from the order's currency."))
    for name in ("callback_url", "cancel_url"):
        address = form.get(name, "")
        if (address or name == "callback_url") and not WEB_ADDRESS.fullmatch(address):
            raise Refused(_("%(name)s must be a web address.", name=name))


def _new_session(form: Mapping[str, str]) -> Entity:
    prefill = {name: form.get(f"prefill[{name}]", "") for name in ("name", "email", "contact")}
    session = {name: form.get(name, "") for name in SHOWN}
    prefill["description"] = session["description"]
    return {"id": prefixed("chk"), "created_at": clock.timestamp(), **session, "prefill": prefill}


def _checkout_page(order: Entity, session: Entity, failed: bool = False) -> str:
    return render_template(
        "sandbox/checkout.html", order=order, session=session, methods=list(METHODS), failed=failed,
        amount=shown_amount(order["amount"], order["currency"], _decimals(order["currency"])),
        paid=order["status"] == "paid",
    )  # fmt: skip


def _decimals(currency: str) -> int:
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


@pages.post("/razorpay/v1/checkout/<session_id>/press")
def press_button(session_id: str) -> SessionPage:
    """Pay, Fail or Cancel; the answer brings the browser back to the merchant."""
    merchant = owner_of(current_sandbox(), SESSION, session_id)
    session = merchant.get(SESSION, session_id)
    if request.form.get("result") == "cancel" and session["cancel_url"]:
        return redirect(session["cancel_url"], 303)
    order_id = _order_of(merchant, session_id)
    outcome = _press(merchant, order_id, session["prefill"])
    return render_template("sandbox/handover.html", address=session["callback_url"], fields=outcome.fields)


def _order_of(merchant: Merchant, session_id: str) -> str:
    order_id = merchant.sandbox.documents.parent(f"{CODE}.{SESSION}", session_id)
    return merchant.get("order", order_id or "")["id"]  # type: ignore[no-any-return]


def _press(merchant: Merchant, order_id: str, prefill: dict[str, str]) -> Outcome:
    result = "success" if request.form.get("result") == "success" else "failure"
    try:
        return press(
            merchant, order_id, result, prefill=prefill, method=request.form.get("method", DEFAULT_METHOD)
        )  # fmt: skip
    except WrongState as error:
        raise Refused(str(error)) from None


@pages.get("/razorpay/l/<id>")
def open_link(id: str) -> SessionPage:
    """The page behind a payment link's short_url."""
    merchant = owner_of(current_sandbox(), links.KIND, id)
    return _link_page(merchant, links.get_link(merchant, id))


@pages.post("/razorpay/l/<id>/press")
def press_link(id: str) -> SessionPage:
    merchant = owner_of(current_sandbox(), links.KIND, id)
    link = links.get_link(merchant, id)
    if link["status"] != "created":
        raise Refused(_("This payment link is %(status)s.", status=link["status"]))
    customer = {name: str(value) for name, value in link["customer"].items()}
    outcome = _press(merchant, link["order_id"], {**customer, "description": link["description"]})
    if outcome.payment["status"] == "failed":
        return _link_page(merchant, link, failed=True)
    address = links.return_url(merchant, links.get_link(merchant, id), outcome.payment["id"])
    return redirect(address, 303) if address else redirect(request.path.removesuffix("/press"), 303)


def _link_page(merchant: Merchant, link: Entity, failed: bool = False) -> str:
    order = merchant.get("order", link["order_id"])
    return render_template(
        "sandbox/link.html", order=order, link=link, methods=list(METHODS), failed=failed,
        amount=shown_amount(order["amount"], order["currency"], _decimals(order["currency"])),
    )  # fmt: skip
