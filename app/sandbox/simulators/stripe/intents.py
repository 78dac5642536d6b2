"""Payment intents and their charges: tried, reserved, taken, let go."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.simulators.stripe import amounts, balance, customers, forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.instruments import INSTRUMENTS, NEEDS_OWNER, Instrument, instrument_with
from app.sandbox.simulators.stripe.merchant import INTENT, SESSION, Event, Merchant, shown

CREATE = (
    "amount", "currency", "customer", "payment_method", "off_session", "confirm", "description", "metadata",
    "capture_method", "payment_method_types", "automatic_payment_methods", "receipt_email", "setup_future_usage",
)  # fmt: skip
REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")
HOLD_SECONDS = 7 * 86400


def new_intent(merchant: Merchant, **fields: Any) -> Entity:
    intent = merchant.new(
        INTENT, "pi", amount_capturable=0, amount_received=0, canceled_at=None, cancellation_reason=None,
        client_secret=f"secret_{random_text(12)}", last_payment_error=None, latest_charge=None, next_action=None,
        payment_method_types=["card"], status="requires_payment_method",
        **{"customer": None, "description": None, "payment_method": None, "setup_future_usage": None, **fields},
    )  # fmt: skip
    return merchant.put(intent)


def create_intent(merchant: Merchant, fields: forms.Fields) -> Entity:
    """Only for a saved instrument, charged at once while nobody is there. Raises the decline after it is kept."""
    forms.only(fields, *CREATE)
    currency = amounts.currency_of(fields)
    amount = amounts.amount_of(fields, "amount", currency)
    customer, method = forms.text(fields, "customer"), forms.text(fields, "payment_method")
    if forms.text(fields, "confirm") != "true" or not method:
        raise StripeError("The sandbox confirms intents of saved payment methods only.", param="confirm")
    with merchant.sandbox.store.transaction():
        saved = customers.method_of(merchant, method, customer)
        intent = new_intent(
            merchant, amount=amount, currency=currency, customer=customer, metadata=forms.metadata(fields),
            description=forms.text(fields, "description"), payment_method=saved["id"], _saved=True,
            capture_method=forms.choice(fields, "capture_method", ("automatic", "automatic_async", "manual"),
                                        "automatic"),
        )  # fmt: skip
        instrument = instrument_with(saved)
        refusal = NEEDS_OWNER if instrument.asks else instrument.decline
        if refusal is None:
            intent, events = succeed(merchant, intent, instrument)
        else:
            intent, events = fail(merchant, intent, instrument, refusal)
        merchant.announce(intent["id"], ("payment_intent.created", intent), *events)
    if refusal is not None:
        raise StripeError(
            **_declined(refusal), status=402, charge=intent["latest_charge"], payment_intent=shown(intent)
        )
    return intent


def _declined(refusal: dict[str, str]) -> dict[str, Any]:
    return {name: value for name, value in refusal.items() if name != "type"} | {"type": "card_error"}


def _new_charge(merchant: Merchant, intent: Entity, instrument: Instrument, **fields: Any) -> Entity:
    details = instrument.about
    if instrument.type == "card":
        details = {**details, "card": {**instrument.details, "capture_before": clock.timestamp() + HOLD_SECONDS}}
    charge = merchant.new(
        "charge", "ch", amount=intent["amount"], amount_captured=0, amount_refunded=0, balance_transaction=None,
        captured=False, currency=intent["currency"], customer=intent["customer"], description=intent["description"],
        disputed=False, metadata=intent["metadata"],
        payment_intent=intent["id"], payment_method_details=details, refunded=False,
        **{"paid": True, "status": "succeeded", "failure_code": None, "failure_message": None, **fields},
    )  # fmt: skip
    return merchant.put(charge, parent=intent["id"])


def succeed(merchant: Merchant, intent: Entity, instrument: Instrument) -> tuple[Entity, list[Event]]:
    """The bank said yes: the money is reserved, and taken at once unless capture is manual."""
    charge = _new_charge(merchant, intent, instrument)
    manual = intent["capture_method"] == "manual"
    intent = merchant.put(
        {**intent, "latest_charge": charge["id"], "last_payment_error": None, "next_action": None,
         "status": "requires_capture", "amount_capturable": intent["amount"]}
    )  # fmt: skip
    if manual:
        return intent, [("charge.succeeded", charge), ("payment_intent.amount_capturable_updated", intent)]
    intent, charge = _take(merchant, intent, intent["amount"])
    return intent, [("charge.succeeded", charge), ("payment_intent.succeeded", intent)]


def _take(merchant: Merchant, intent: Entity, amount: int) -> tuple[Entity, Entity]:
    """What is not taken goes back, which the charge counts as refunded."""
    charge = merchant.get("charge", intent["latest_charge"])
    released = charge["amount"] - amount
    entry = balance.book_charge(merchant, charge, amount)
    charge = merchant.put(
        {**charge, "captured": True, "amount_captured": amount, "amount_refunded": released,
         "balance_transaction": entry["id"]}
    )  # fmt: skip
    taken = {**intent, "status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    return merchant.put(taken), charge


def fail(
    merchant: Merchant, intent: Entity, instrument: Instrument, refusal: dict[str, str]
) -> tuple[Entity, list[Event]]:
    """A refused attempt: the intent stays payable."""
    charge = _new_charge(
        merchant, intent, instrument, paid=False, status="failed", failure_code=refusal["code"],
        failure_message=refusal["message"],
    )  # fmt: skip
    error = {**refusal, "charge": charge["id"]}
    intent = merchant.put(
        {**intent, "status": "requires_payment_method", "latest_charge": charge["id"], "last_payment_error": error,
         "next_action": None}
    )  # fmt: skip
    return intent, [("charge.failed", charge), ("payment_intent.payment_failed", intent)]


def ask_owner(merchant: Merchant, intent: Entity, url: str) -> tuple[Entity, list[Event]]:
    """The bank wants its customer to confirm (3-D Secure)."""
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": None}}
    intent = merchant.put({**intent, "status": "requires_action", "next_action": action})
    return intent, [("payment_intent.requires_action", intent)]


def wait_for_bank(merchant: Merchant, intent: Entity, instrument: Instrument) -> tuple[Entity, list[Event]]:
    """A delayed method: nobody knows for days."""
    charge = _new_charge(merchant, intent, instrument, paid=False, status="pending")
    intent = merchant.put({**intent, "status": "processing", "latest_charge": charge["id"], "last_payment_error": None})
    return intent, [("charge.pending", charge), ("payment_intent.processing", intent)]


def capture_intent(merchant: Merchant, id: str, fields: forms.Fields) -> Entity:
    """Once, all of it or a part."""
    forms.only(fields, "amount_to_capture", "final_capture", "metadata")
    with merchant.sandbox.store.transaction():
        intent = merchant.get(INTENT, id)
        if intent["status"] != "requires_capture":
            raise _wrong_state(intent, "captured", ("requires_capture",))
        amount = intent["amount_capturable"]
        if "amount_to_capture" in fields:
            amount = amounts.amount_of(fields, "amount_to_capture", intent["currency"], least=False)
        if amount > intent["amount_capturable"]:
            text = "The provided amount_to_capture is larger than the amount_capturable."
            raise StripeError(text, code="amount_too_large", param="amount_to_capture")
        intent, charge = _take(merchant, intent, amount)
        events = [("charge.captured", charge), ("payment_intent.succeeded", intent)]
        merchant.announce(lane_of(intent), *events)
        _pay_session(merchant, intent)
    return intent


def _pay_session(merchant: Merchant, intent: Entity) -> None:
    session = merchant.find(SESSION, intent.get("_session") or "")
    if session is not None:
        merchant.put({**session, "payment_status": "paid"})


def cancel_intent(merchant: Merchant, id: str, fields: forms.Fields) -> Entity:
    forms.only(fields, "cancellation_reason")
    reason = forms.choice(fields, "cancellation_reason", REASONS, "requested_by_customer")
    with merchant.sandbox.store.transaction():
        intent = merchant.get(INTENT, id)
        session = merchant.find(SESSION, intent.get("_session") or "")
        if session is not None and session["status"] == "open":
            text = "You cannot cancel this PaymentIntent: it belongs to a Checkout Session. Expire the session instead."
            raise StripeError(text, code="payment_intent_unexpected_state")
        if intent["status"] not in CANCELLABLE:
            raise _wrong_state(intent, "canceled", CANCELLABLE)
        intent, events = release(merchant, intent, reason)
        merchant.announce(lane_of(intent), *events)
    return intent


def release(merchant: Merchant, intent: Entity, reason: str) -> tuple[Entity, list[Event]]:
    """The intent is over; money that was reserved on it goes back."""
    events: list[Event] = []
    if intent["status"] == "requires_capture":
        charge = merchant.get("charge", intent["latest_charge"])
        charge = merchant.put({**charge, "amount_refunded": charge["amount"], "refunded": True})
        events.append(("charge.expired" if reason == "automatic" else "charge.refunded", charge))
    intent = merchant.put(
        {**intent, "status": "canceled", "cancellation_reason": reason, "canceled_at": clock.timestamp(),
         "amount_capturable": 0, "next_action": None}
    )  # fmt: skip
    return intent, [*events, ("payment_intent.canceled", intent)]


def _wrong_state(intent: Entity, verb: str, wanted: tuple[str, ...]) -> StripeError:
    text = f"This PaymentIntent could not be {verb} because it has a status of {intent['status']}. Only a PaymentIntent"
    text += f" with one of the following statuses may be {verb}: {', '.join(wanted)}."
    return StripeError(text, code="payment_intent_unexpected_state", payment_intent=shown(intent))


def lane_of(intent: Entity) -> str:
    """The events of one payment stay in order."""
    return str(intent.get("_session") or intent["id"])


def known(method: str) -> Instrument:
    """Raises StripeError."""
    if method not in INSTRUMENTS:
        raise StripeError(f"Invalid payment method: {method}", param="payment_method")
    return INSTRUMENTS[method]
