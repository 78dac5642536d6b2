"""Instruments that Stripe keeps for a customer: left on a hosted page, listed, removed, charged off-session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from app.core.http import HttpResponse
from app.core.money import Money
from app.core.providers import ProviderError
from app.payments.gateways import stripe_wire as wire
from app.payments.gateways.base import Checkout, Customer, GatewayPayment
from app.payments.gateways.saved_methods import SavedCharge, SavedMethod, SavesMethods
from app.payments.gateways.stripe_client import CHARGE, StripeClient, understood
from app.payments.gateways.stripe_forms import with_session_id

_GONE = ("resource_missing", "payment_method_not_attached", "payment_method_unexpected_state")


class StripeSavedMethods(SavesMethods):
    """The part of the gateway that is about customers."""

    _client: StripeClient
    to_wire: Callable[[Money], int]
    from_wire: Callable[[int, str], Money]

    def create_customer(self, reference: str, customer: Customer) -> str:
        given = {"name": customer.name, "email": customer.email, "phone": customer.phone}
        form = {name: value for name, value in given.items() if value}
        form[f"metadata[{wire.REFERENCE}]"] = reference
        # A customer too many is nobody's harm: the call may be repeated.
        response = self._client.answered(self._client.post("/v1/customers", form, harmless=True))
        return _text_id(response, response.json_object())

    def start_saving(self, customer_id: str, *, return_url: str, cancel_url: str, key: str) -> Checkout:
        form = {
            "mode": "setup",
            "customer": customer_id,
            "payment_method_types[0]": "card",
            "success_url": with_session_id(return_url),
            "cancel_url": cancel_url,
        }
        response = self._client.answered(self._client.post("/v1/checkout/sessions", form, key=f"save-{key}"))
        session = understood(response, lambda: wire.Session.model_validate(response.json_object()))
        if session.url is None:
            response.malformed()
        return Checkout(session.id, "GET", session.url, {})

    def saved_methods(self, customer_id: str) -> tuple[SavedMethod, ...]:
        found = self._client.each("/v1/customers/{id}/payment_methods", ids={"id": customer_id})
        return tuple(_saved(response, entity, customer_id) for response, entity in found)

    def forget_method(self, method_id: str) -> None:
        response = self._client.post("/v1/payment_methods/{id}/detach", {}, ids={"id": method_id}, harmless=True)
        try:
            self._client.answered(response)
        except ProviderError as error:
            if error.code not in _GONE:
                raise

    def charge_saved(self, charge: SavedCharge) -> GatewayPayment:
        """402 carries the intent that failed: a bank that wants its customer present says `authentication_required`."""
        form = {
            "amount": str(self.to_wire(charge.amount)),
            "currency": charge.amount.currency.lower(),
            "customer": charge.customer_id,
            "payment_method": charge.method_id,
            "off_session": "true",
            "confirm": "true",
            "description": charge.description or charge.reference,
            f"metadata[{wire.REFERENCE}]": charge.reference,
            "expand[]": CHARGE,
        }
        response = self._client.post("/v1/payment_intents", form, key=charge.key)
        intent = response.error_object().get("payment_intent") if response.status == 402 else None
        if intent is None:
            intent = self._client.answered(response).json_object()
        return understood(response, lambda: wire.read_payment(intent, self.from_wire))

    def find_charge(self, customer_id: str, reference: str) -> GatewayPayment | None:
        wanted = self._client.each("/v1/payment_intents", expand=f"data.{CHARGE}", query={"customer": customer_id})
        for response, entity in wanted:
            if (entity.get("metadata") or {}).get(wire.REFERENCE) == reference:
                return understood(response, partial(wire.read_payment, entity, self.from_wire))
        return None


def _saved(response: HttpResponse, entity: dict[str, Any], customer_id: str) -> SavedMethod:
    kind = str(entity.get("type") or "")
    about = entity.get(kind)
    about = about if isinstance(about, dict) else {}
    year, month = about.get("exp_year"), about.get("exp_month")
    return SavedMethod(
        method_id=_text_id(response, entity),
        customer_id=customer_id,
        kind=kind,
        brand=str(about.get("brand") or about.get("bank_name") or about.get("vpa") or ""),
        last4=str(about.get("last4") or ""),
        expires=(year, month) if isinstance(year, int) and isinstance(month, int) else None,
    )


def _text_id(response: HttpResponse, entity: dict[str, Any]) -> str:
    found = entity.get("id")
    if not isinstance(found, str) or not found:
        response.malformed()
    return found
