"""Stripe's hosted pages: the checkout of a session, and the bank's own page in its middle."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.sandbox.documents import Entity
from app.sandbox.errors import WrongState
from app.sandbox.money import shown_amount
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.stripe import amounts
from app.sandbox.simulators.stripe.checkout import press
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.instruments import DEFAULT_METHOD, INSTRUMENTS, NOT_CONFIRMED
from app.sandbox.simulators.stripe.merchant import CODE, INTENT, SESSION, Merchant, owner_of
from app.sandbox.simulators.stripe.sessions import success_address

pages = Blueprint(f"{CODE}_pages", __name__, url_prefix="/stripe/c/pay")
SessionPage = tuple[str, int] | str | Response


@pages.errorhandler(StripeError)
@pages.errorhandler(WrongState)
def refused(error: Exception) -> tuple[str, int]:
    return render_template("sandbox/checkout_error.html", reason=str(error)), 400


@pages.get("/<session_id>")
def open_page(session_id: str) -> SessionPage:
    merchant = owner_of(current_sandbox(), SESSION, session_id)
    return _page(merchant, merchant.get(SESSION, session_id))


def _page(merchant: Merchant, session: Entity, refusal: str = "") -> str:
    return render_template(
        "sandbox/stripe_checkout.html", session=session, refusal=refusal, methods=list(INSTRUMENTS),
        amount=_amount(session), back=success_address(session),
    )  # fmt: skip


def _amount(session: Entity) -> str:
    if session["amount_total"] is None:
        return ""
    currency = session["currency"]
    return shown_amount(session["amount_total"], currency.upper(), amounts.decimals(currency))


@pages.post("/<session_id>/press")
def press_button(session_id: str) -> SessionPage:
    """Pay, Fail or Cancel. A card of a bank that asks leads to the bank's page first."""
    merchant = owner_of(current_sandbox(), SESSION, session_id)
    session, result = merchant.get(SESSION, session_id), request.form.get("result")
    method = request.form.get("method", DEFAULT_METHOD)
    if result == "cancel" and session["cancel_url"]:
        return redirect(session["cancel_url"], 303)
    if result == "success" and method in INSTRUMENTS and INSTRUMENTS[method].asks and session["mode"] == "payment":
        press(merchant, session_id, "requires_action", method=method)
        return render_template("sandbox/stripe_bank.html", session=session, amount=_amount(session), method=method)
    return _after(merchant, session_id, "success" if result == "success" else "failure", method)


@pages.post("/<session_id>/bank")
def answer_bank(session_id: str) -> SessionPage:
    """What the payer told the bank."""
    merchant = owner_of(current_sandbox(), SESSION, session_id)
    confirmed = request.form.get("result") == "success"
    method = request.form.get("method", DEFAULT_METHOD)
    return _after(
        merchant, session_id, "success" if confirmed else "failure", method, None if confirmed else NOT_CONFIRMED
    )


def _after(
    merchant: Merchant, session_id: str, result: str, method: str, refusal: dict[str, str] | None = None
) -> SessionPage:
    """Back to the merchant when the page is done; a refused attempt leaves the payer on it."""
    outcome = press(merchant, session_id, result, method=method, refusal=refusal)
    if outcome.session["status"] == "complete":
        return redirect(success_address(outcome.session), 303)
    intent = merchant.find(INTENT, outcome.entity["id"] or "")
    error = (intent or {}).get("last_payment_error") or {}
    return _page(merchant, outcome.session, error.get("message") or _("Your card was declined."))
