"""The hosted page without its looks: what pressing Pay, Fail or Cancel does, and what a bank does days later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe import customers, intents, sessions
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.instruments import BANK_REFUSED, DECLINED, DEFAULT_METHOD, INSTRUMENTS, Instrument
from app.sandbox.simulators.stripe.merchant import CODE, INTENT, SESSION, Event, Merchant, owner_of

RESULTS = ("success", "failure", "processing", "requires_action", "late_success", "late_failure", "expire")


@dataclass(frozen=True)
class Outcome:
    """The session and its intent (or setup intent) as they are now, and the events that told about it."""

    session: Entity
    entity: Entity
    events: list[Event] = field(default_factory=list)


def press(merchant: Merchant, session_id: str, result: str, *, method: str = DEFAULT_METHOD,
          refusal: dict[str, str] | None = None, webhook: bool = True) -> Outcome:  # fmt: skip
    """One button, one transaction. Raises SandboxError for an unknown result, WrongState for a page that is over."""
    if result not in RESULTS:
        raise SandboxError(f"result must be one of {', '.join(RESULTS)}")
    with merchant.sandbox.store.transaction():
        session = merchant.get(SESSION, session_id)
        try:
            outcome = _press(merchant, session, result, intents.known(method), refusal)
        except StripeError as error:
            raise WrongState(str(error)) from None
        if webhook and outcome.events:
            merchant.announce(session_id, *outcome.events)
    return outcome


def _press(
    merchant: Merchant, session: Entity, result: str, instrument: Instrument, refusal: dict[str, str] | None
) -> Outcome:
    if result in ("late_success", "late_failure") and _is_processing(merchant, session):
        return _bank_answers(merchant, session, result == "late_success")
    if result == "expire" and session["status"] == "complete":
        return _lapse(merchant, session)
    if session["status"] != "open":
        raise WrongState(f"the session is {session['status']}")
    if result == "expire":
        return Outcome(sessions.close(merchant, session), {"id": None, "status": "expired"})
    if session["mode"] == "setup":
        return _save(merchant, session, instrument, result)
    return _pay(merchant, session, instrument, result, refusal)


def _is_processing(merchant: Merchant, session: Entity) -> bool:
    intent = merchant.find(INTENT, session["payment_intent"] or "")
    return intent is not None and intent["status"] == "processing"


def _pay(
    merchant: Merchant, session: Entity, instrument: Instrument, result: str, refusal: dict[str, str] | None
) -> Outcome:
    session, intent, events = _attempted(merchant, session)
    if result == "requires_action":
        intent, more = intents.ask_owner(merchant, intent, session["url"])
    elif result in ("failure", "late_failure") or (instrument.decline and result != "processing"):
        intent, more = intents.fail(merchant, intent, instrument, refusal or instrument.decline or DECLINED)
    elif result == "processing" or instrument.delayed:
        delayed = instrument if instrument.delayed else INSTRUMENTS["bank_debit"]
        intent, more = intents.wait_for_bank(merchant, intent, delayed)
    else:
        intent, more = intents.succeed(merchant, intent, instrument)
        more += _kept(merchant, intent, instrument)
    events += more
    if intent["status"] in ("succeeded", "requires_capture", "processing"):
        session = _completed(merchant, session, paid=intent["status"] == "succeeded")
        events.append(("checkout.session.completed", session))
    return Outcome(session, intent, events)


def _attempted(merchant: Merchant, session: Entity) -> tuple[Entity, Entity, list[Event]]:
    """The session with its intent, which the first try makes."""
    intent = merchant.find(INTENT, session["payment_intent"] or "")
    if intent is not None:
        return session, intent, []
    intent = intents.new_intent(
        merchant, amount=session["amount_total"], currency=session["currency"], customer=session["customer"],
        _session=session["id"], **session["_intent"],
    )  # fmt: skip
    session = merchant.put({**session, "payment_intent": intent["id"]})
    return session, intent, [("payment_intent.created", intent)]


def _completed(merchant: Merchant, session: Entity, *, paid: bool) -> Entity:
    status = "paid" if paid else session["payment_status"]
    return merchant.put({**session, "status": "complete", "payment_status": status, "url": None})


def _kept(merchant: Merchant, intent: Entity, instrument: Instrument) -> list[Event]:
    if not (intent["customer"] and intent["setup_future_usage"]):
        return []
    return customers.save_method(merchant, intent["customer"], instrument)[1]


def _save(merchant: Merchant, session: Entity, instrument: Instrument, result: str) -> Outcome:
    """A page where an instrument is left, nothing paid."""
    fields = {"customer": session["customer"], "payment_method": None, "usage": "off_session"}
    setup = merchant.new("setup_intent", "seti", status="requires_payment_method", **fields)
    if result != "success" or instrument.decline or not session["customer"]:
        return Outcome(session, setup, [("setup_intent.setup_failed", merchant.put(setup))])
    method, events = customers.save_method(merchant, session["customer"], instrument)
    setup = merchant.put({**setup, "status": "succeeded", "payment_method": method["id"]})
    session = _completed(merchant, {**session, "setup_intent": setup["id"]}, paid=False)
    return Outcome(
        session, setup, [*events, ("setup_intent.succeeded", setup), ("checkout.session.completed", session)]
    )


def _bank_answers(merchant: Merchant, session: Entity, well: bool) -> Outcome:
    """Days later. A bank that refuses leaves a complete session without money."""
    intent, instrument = merchant.get(INTENT, session["payment_intent"]), INSTRUMENTS["bank_debit"]
    if well:
        intent, events = intents.succeed(merchant, intent, instrument)
        session = _completed(merchant, session, paid=intent["status"] == "succeeded")
        return Outcome(session, intent, [*events, ("checkout.session.async_payment_succeeded", session)])
    intent, events = intents.fail(merchant, intent, instrument, BANK_REFUSED)
    return Outcome(session, intent, [*events, ("checkout.session.async_payment_failed", session)])


def _lapse(merchant: Merchant, session: Entity) -> Outcome:
    """Nobody captured in time: the reservation goes back by itself."""
    intent = merchant.get(INTENT, session["payment_intent"])
    if intent["status"] != "requires_capture":
        raise WrongState(f"nothing is reserved on {session['id']}")
    intent, events = intents.release(merchant, intent, "automatic")
    return Outcome(session, intent, events)


def checkout(sandbox: Sandbox, session_id: str, command: dict[str, Any]) -> dict[str, Any]:
    """The control route. `callback` is what the browser brings back to the return address after a success."""
    try:
        merchant = owner_of(sandbox, SESSION, session_id)
    except StripeError:
        raise UnknownRecord(f"{CODE} knows no session {session_id}") from None
    webhook, result = bool(command.get("webhook", True)), str(command.get("result"))
    outcome = press(merchant, session_id, result, method=str(command.get("method", DEFAULT_METHOD)), webhook=webhook)
    done = outcome.session["status"] == "complete"
    return {
        "gateway": CODE, "orderId": session_id, "result": result, "paymentId": outcome.entity["id"],
        "status": outcome.entity["status"], "signature": None,
        "callbackUrl": sessions.success_address(outcome.session) if done else outcome.session["cancel_url"],
        "callback": {"session_id": session_id} if done else {},
        "webhooks": [name for name, _ in outcome.events] if webhook else [],
    }  # fmt: skip
