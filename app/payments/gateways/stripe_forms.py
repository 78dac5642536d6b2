"""What Stripe is asked for, as the bracketed form fields of its API."""

from __future__ import annotations

from app.payments.gateways.base import CheckoutRequest
from app.payments.gateways.stripe_wire import REFERENCE

_MOST_NOTES = 40
_LONGEST_NOTE = 500
_LONGEST_NAME = 250


def with_session_id(url: str, session_id: str = "{CHECKOUT_SESSION_ID}") -> str:
    """The return address with the session in its query; Stripe fills the placeholder in."""
    return f"{url}{'&' if '?' in url else '?'}session_id={session_id}"


def checkout_form(request: CheckoutRequest, units: int) -> dict[str, str]:
    """One line of one amount. Our reference goes on the session and, with the intent, on whatever comes of it."""
    title = (request.description or request.payee or request.reference)[:_LONGEST_NAME]
    notes = list(request.notes.items())[:_MOST_NOTES]
    return {
        "mode": "payment",
        "client_reference_id": request.reference,
        "success_url": with_session_id(request.callback_url),
        "cancel_url": request.cancel_url,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": request.amount.currency.lower(),
        "line_items[0][price_data][unit_amount]": str(units),
        "line_items[0][price_data][product_data][name]": title,
        "payment_intent_data[capture_method]": "manual" if request.manual_capture else "automatic",
        "payment_intent_data[description]": title,
        f"payment_intent_data[metadata][{REFERENCE}]": request.reference,
        f"metadata[{REFERENCE}]": request.reference,
        **{f"metadata[{name}]": value[:_LONGEST_NOTE] for name, value in notes},
        **_payer(request),
    }


def _payer(request: CheckoutRequest) -> dict[str, str]:
    """Stripe takes an existing customer or an address to fill in, not both."""
    form = {"payment_intent_data[setup_future_usage]": "off_session"} if request.save_method else {}
    if request.customer_id:
        form["customer"] = request.customer_id
    elif request.customer.email:
        form["customer_email"] = request.customer.email
    return form
