"""The routes of Stripe's API under /stripe/v1; each view's name is the operation that faults may pick."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, request

from app.sandbox.documents import Entity
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.stripe import balance, customers, disputes, forms, intents, keys, lists, refunds, sessions
from app.sandbox.simulators.stripe.errors import NOT_FOUND, StripeError, answer
from app.sandbox.simulators.stripe.merchant import CODE, INTENT, SESSION, Merchant, account_with_key

api = Blueprint(CODE, __name__, url_prefix="/stripe/v1")
api.register_error_handler(StripeError, answer)
View = Callable[..., Entity]


def claimed_account() -> str:
    account = account_with_key(current_sandbox(), _given_key())
    return account.account_id if account else ""


def _given_key() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic" and request.authorization:
        return request.authorization.username or ""
    return key if scheme == "Bearer" else ""


@api.before_request
def authenticate() -> None:
    """`Authorization: Bearer sk_...`, or the key as the user of HTTP Basic."""
    key = _given_key()
    if not key:
        raise StripeError("You did not provide an API key.", status=401)
    account = account_with_key(current_sandbox(), key)
    if account is None:
        raise StripeError(f"Invalid API Key provided: {key[:8]}****", status=401)
    g.merchant = Merchant(account, current_sandbox())


def _merchant() -> Merchant:
    merchant: Merchant = g.merchant
    return merchant


def _fields() -> forms.Fields:
    """The body, which is a form whatever the SDK; JSON is refused as the vendor refuses it."""
    if request.is_json:
        raise StripeError("Invalid request (check that your POST content type is application/x-www-form-urlencoded).")
    return forms.nested(request.form.items(multi=True))


def _query() -> forms.Fields:
    return forms.nested(request.args.items(multi=True))


def _path() -> str:
    """As the vendor tells it: without the prefix under which the sandbox answers."""
    return request.path.removeprefix(f"/{CODE}")


def _shown(entity: Entity, fields: forms.Fields) -> Entity:
    return lists.expanded(_merchant(), entity, lists.expansions(fields))


def change(rule: str) -> Callable[[View], Callable[..., Response]]:
    """A POST: once per idempotency key, its answer expanded as it asks."""

    def register(view: View) -> Callable[..., Response]:
        @wraps(view)
        def carry_out(**ids: Any) -> Response:
            fields = _fields()
            return keys.once(_merchant(), view.__name__, lambda: _shown(view(fields=fields, **ids), fields))

        api.post(rule)(carry_out)
        return carry_out

    return register


@change("/checkout/sessions")
def create_session(fields: forms.Fields) -> Entity:
    return sessions.create_session(_merchant(), fields, request.host_url)


@change("/checkout/sessions/<id>/expire")
def expire_session(id: str, fields: forms.Fields) -> Entity:
    return sessions.expire_session(_merchant(), id)


@change("/payment_intents")
def create_intent(fields: forms.Fields) -> Entity:
    return intents.create_intent(_merchant(), fields)


@change("/payment_intents/<id>/capture")
def capture_intent(id: str, fields: forms.Fields) -> Entity:
    return intents.capture_intent(_merchant(), id, fields)


@change("/payment_intents/<id>/cancel")
def cancel_intent(id: str, fields: forms.Fields) -> Entity:
    return intents.cancel_intent(_merchant(), id, fields)


@change("/refunds")
def create_refund(fields: forms.Fields) -> Entity:
    return refunds.create_refund(_merchant(), fields)


@change("/customers")
def create_customer(fields: forms.Fields) -> Entity:
    return customers.create_customer(_merchant(), fields)


@change("/payment_methods/<id>/attach")
def attach_method(id: str, fields: forms.Fields) -> Entity:
    return customers.attach(_merchant(), id, fields)


@change("/payment_methods/<id>/detach")
def detach_method(id: str, fields: forms.Fields) -> Entity:
    return customers.detach(_merchant(), id)


@change("/disputes/<id>")
def answer_dispute(id: str, fields: forms.Fields) -> Entity:
    return disputes.answer_dispute(_merchant(), id, fields)


@change("/disputes/<id>/close")
def close_dispute(id: str, fields: forms.Fields) -> Entity:
    return disputes.close_dispute(_merchant(), id)


@api.get("/balance")
def fetch_balance() -> Entity:
    return balance.totals(_merchant())


@api.get("/customers/<customer>/payment_methods")
def list_customer_methods(customer: str) -> Entity:
    _merchant().get("customer", customer)
    query = {**_query(), "customer": customer}
    return lists.page(_merchant(), "payment_method", query, url=_path(), equal=("customer", "type"))


FETCHED = {
    "session": ("checkout/sessions", SESSION, ("payment_intent", "customer", "status")),
    "intent": ("payment_intents", INTENT, ("customer",)),
    "charge": ("charges", "charge", ("payment_intent", "customer")),
    "refund": ("refunds", "refund", ("payment_intent", "charge")),
    "customer": ("customers", "customer", ("email",)),
    "method": ("payment_methods", "payment_method", ("customer", "type")),
    "setup_intent": ("setup_intents", "setup_intent", ("customer",)),
    "dispute": ("disputes", "dispute", ("payment_intent", "charge")),
    "payout": ("payouts", "payout", ("status",)),
    "balance_transaction": ("balance_transactions", "balance_transaction", ("payout", "source", "type", "currency")),
    "event": ("events", "event", ("type",)),
}  # fmt: skip


def _register_reading(name: str, path: str, kind: str, equal: tuple[str, ...]) -> None:
    def fetch(id: str) -> Entity:
        return _shown(_merchant().get(kind, id), _query())

    def listing() -> Entity:
        return lists.page(_merchant(), kind, _query(), url=_path(), equal=equal)

    api.add_url_rule(f"/{path}/<id>", f"fetch_{name}", fetch)
    api.add_url_rule(f"/{path}", f"list_{name}s", listing)


for _name, _about in FETCHED.items():
    _register_reading(_name, *_about)


@api.route("/<path:rest>", methods=["GET", "POST", "DELETE"])
def unknown_url(rest: str) -> Response:
    raise StripeError(f"Unrecognized request URL ({request.method}: {request.path}).", status=NOT_FOUND)
