"""Customers and the instruments that they left."""

from __future__ import annotations

from app.sandbox.documents import Entity
from app.sandbox.simulators.stripe import forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.instruments import INSTRUMENTS, TEST_METHODS, Instrument
from app.sandbox.simulators.stripe.merchant import Event, Merchant

METHOD = "payment_method"


def create_customer(merchant: Merchant, fields: forms.Fields) -> Entity:
    forms.only(fields, "name", "email", "phone", "description", "metadata")
    words = {name: forms.text(fields, name) for name in ("name", "email", "phone", "description")}
    return merchant.put(merchant.new("customer", "cus", metadata=forms.metadata(fields), **words))


def save_method(merchant: Merchant, customer: str, instrument: Instrument) -> tuple[Entity, list[Event]]:
    """The customer's instrument from a hosted page."""
    method = merchant.new(METHOD, "pm", customer=customer, metadata={}, **instrument.about)
    return merchant.put(method), [("payment_method.attached", method)]


def attach(merchant: Merchant, id: str, fields: forms.Fields) -> Entity:
    """`id` may be one of the vendor's test methods (`pm_card_visa`): each use makes a method of its own."""
    forms.only(fields, "customer")
    customer = forms.text(fields, "customer", required=True) or ""
    with merchant.sandbox.store.transaction():
        merchant.get("customer", customer, "customer")
        if id in TEST_METHODS:
            method, events = save_method(merchant, customer, INSTRUMENTS[TEST_METHODS[id]])
        else:
            method = merchant.put({**merchant.get(METHOD, id), "customer": customer})
            events = [("payment_method.attached", method)]
        merchant.announce(method["id"], *events)
    return method


def detach(merchant: Merchant, id: str) -> Entity:
    with merchant.sandbox.store.transaction():
        method = merchant.get(METHOD, id)
        if method["customer"] is None:
            text = "The payment method you provided is not attached to a customer so detachment is impossible."
            raise StripeError(text, code="payment_method_not_attached", param="payment_method")
        method = merchant.put({**method, "customer": None})
        merchant.announce(id, ("payment_method.detached", method))
    return method


def method_of(merchant: Merchant, id: str, customer: str | None) -> Entity:
    """A saved instrument of that customer. Raises StripeError for anybody else's."""
    method = merchant.get(METHOD, id, "payment_method")
    if customer is None or method["customer"] != customer:
        raise StripeError("The payment method does not belong to the customer.", param="payment_method")
    return method
