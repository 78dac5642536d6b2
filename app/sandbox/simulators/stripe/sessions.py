"""Checkout Sessions: what a hosted page is about, until it is paid, complete or expired."""

from __future__ import annotations

import re
from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.simulators.stripe import amounts, forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.merchant import CODE, SESSION, Merchant

COMMON = (
    "mode", "success_url", "cancel_url", "client_reference_id", "customer", "customer_email", "metadata", "expires_at",
    "payment_method_types", "locale", "currency",
)  # fmt: skip
OF_PAYMENT = ("line_items", "payment_intent_data", "submit_type")
OF_INTENT = ("capture_method", "metadata", "description", "setup_future_usage", "receipt_email")
NO_PAYMENT: dict[str, Any] = {"amount_total": None, "currency": None, "_title": "", "_intent": {}}
LONGEST_REFERENCE = 200
DAY = 86400
SHORTEST, LONGEST = 30 * 60 - 60, DAY + 60
WEB_ADDRESS = re.compile(r"https?://\S+")


def create_session(merchant: Merchant, fields: forms.Fields, host: str) -> Entity:
    """Raises StripeError for anything the vendor would refuse."""
    mode = forms.choice(fields, "mode", ("payment", "setup"), "")
    forms.only(fields, *COMMON, *(OF_PAYMENT if mode == "payment" else ("setup_intent_data",)))
    about = (
        _payment(fields) if mode == "payment" else {"amount_total": None, "currency": None, "_title": "", "_intent": {}}
    )
    expires_at = forms.whole(fields, "expires_at") or clock.timestamp() + DAY
    if not SHORTEST <= expires_at - clock.timestamp() <= LONGEST:
        raise StripeError("The expires_at timestamp must be between 30 minutes and 24 hours away.", param="expires_at")
    customer, email = _customer(merchant, fields)
    with merchant.sandbox.store.transaction():
        session = merchant.new(
            SESSION, "cs", cancel_url=_address(fields, "cancel_url"), success_url=_address(fields, "success_url", True),
            client_reference_id=_reference(fields), customer=customer, customer_email=email, expires_at=expires_at,
            metadata=forms.metadata(fields), mode=mode, payment_intent=None, payment_method_types=["card"],
            payment_status="unpaid" if mode == "payment" else "no_payment_required", setup_intent=None, status="open",
            amount_subtotal=about["amount_total"], **about,
        )  # fmt: skip
        session["id"] = f"cs_{'live' if merchant.account.livemode else 'test'}_{random_text(40)}"
        session["url"] = f"{host.rstrip('/')}/{CODE}/c/pay/{session['id']}"
        merchant.sandbox.timers.set(
            CODE, "expire_session", {"session_id": session["id"]}, seconds=expires_at - clock.timestamp()
        )
        return merchant.put(session)


def _payment(fields: forms.Fields) -> dict[str, Any]:
    """One line of one amount is what the sandbox sums up; prices of a catalogue it does not know."""
    items = forms.inner(fields, "line_items")
    if list(items) != ["0"]:
        raise StripeError("You must provide one line item.", param="line_items")
    price = forms.inner(forms.inner(items, "0"), "price_data")
    quantity = forms.whole(forms.inner(items, "0"), "quantity") or 1
    currency = amounts.currency_of(price)
    title = forms.text(forms.inner(price, "product_data"), "name", required=True)
    intent = forms.inner(fields, "payment_intent_data")
    forms.only(intent, *OF_INTENT)
    about = {
        "capture_method": forms.choice(
            intent, "capture_method", ("automatic", "automatic_async", "manual"), "automatic_async"
        ),
        "metadata": forms.metadata(intent), "description": forms.text(intent, "description"),
        "setup_future_usage": forms.text(intent, "setup_future_usage"),
    }  # fmt: skip
    amount = amounts.amount_of(price, "unit_amount", currency) * quantity
    return {"amount_total": amount, "currency": currency, "_title": title, "_intent": about}


def _customer(merchant: Merchant, fields: forms.Fields) -> tuple[str | None, str | None]:
    customer, email = forms.text(fields, "customer"), forms.text(fields, "customer_email")
    if customer and email:
        raise StripeError("You may only specify one of these parameters: customer, customer_email.", param="customer")
    if customer:
        merchant.get("customer", customer, "customer")
    if email and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", email):
        raise StripeError(f"Invalid email address: {email}", code="email_invalid", param="customer_email")
    return customer, email


def _reference(fields: forms.Fields) -> str | None:
    reference = forms.text(fields, "client_reference_id")
    if reference and len(reference) > LONGEST_REFERENCE:
        raise StripeError("Invalid string: client_reference_id is too long", param="client_reference_id")
    return reference


def _address(fields: forms.Fields, name: str, required: bool = False) -> str | None:
    address = forms.text(fields, name, required=required)
    if address and not WEB_ADDRESS.fullmatch(address):
        raise StripeError("Not a valid URL", code="url_invalid", param=name)
    return address


def success_address(session: Entity) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def expire_session(merchant: Merchant, id: str) -> Entity:
    """Only an open one: nobody can pay it afterwards. An intent that it made is over, too."""
    with merchant.sandbox.store.transaction():
        session = merchant.get(SESSION, id)
        if session["status"] != "open":
            text = "Only Checkout Sessions with a status in ['open'] can be expired."
            raise StripeError(f"{text} This one is {session['status']}.")
        return close(merchant, session)


def close(merchant: Merchant, session: Entity) -> Entity:
    from app.sandbox.simulators.stripe.intents import release

    session = merchant.put({**session, "status": "expired", "url": None})
    events = [("checkout.session.expired", session)]
    if session["payment_intent"]:
        _, more = release(merchant, merchant.get("payment_intent", session["payment_intent"]), "abandoned")
        events = [*more, *events]
    merchant.announce(session["id"], *events)
    return session


def expire_when_due(merchant: Merchant, id: str) -> None:
    """The timer's part: a session that is no longer open stays as it is."""
    if merchant.get(SESSION, id)["status"] == "open":
        expire_session(merchant, id)
