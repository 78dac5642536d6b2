"""Saved payment methods: a patient's own instruments, kept by the gateway."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from pydantic import Field

from app.core.api import Api, Body, endpoint
from app.core.errors import Invalid
from app.core.principal import own_patient_id
from app.payments.api.shapes import checked_id
from app.payments.models import PaymentMethod
from app.payments.services import saved_methods as services


class MethodQuery(Body):
    patient_id: str | None = Field(None, description="Staff say whose; a patient has their own.")


class SaveBody(Body):
    provider: str | None = Field(None, description="By default the clinic's first gateway that keeps instruments.")


class LabelBody(Body):
    label: str = Field(max_length=60)


class PaymentMethodApi(Api):
    """Instruments that patients left at a gateway. Card data never reach the console."""

    openapi_tag = "Payments"

    @endpoint("GET", "/payment-methods", resource="payment_method", action="read", query=MethodQuery)
    def methods(self, query: MethodQuery) -> dict[str, Any]:
        """A patient's saved instruments, the default first."""
        patient_id = own_patient_id() or (checked_id(query.patient_id, "patientId") if query.patient_id else None)
        if patient_id is None:
            raise Invalid(fields={"patientId": _("Say whose.")})
        return {"items": [_show(method) for method in services.methods_of(patient_id)]}

    @endpoint(
        "POST", "/payment-methods",
        resource="payment_method", action="create", body=SaveBody, status=201, steps=True, idempotent=True,
    )  # fmt: skip
    def save(self, body: SaveBody) -> dict[str, Any]:
        """Begin to save an instrument: send the browser to `checkoutUrl`."""
        patient_id = own_patient_id()
        if patient_id is None:
            raise Invalid(fields={"patientId": _("Only patients save instruments.")})
        page = services.begin_saving(patient_id, body.provider)
        return {"checkoutUrl": page.url, "method": page.method}

    @endpoint(
        "PUT", "/payment-methods/<id:payment_method_id>", resource="payment_method", action="update", body=LabelBody
    )
    def rename(self, payment_method_id: str, body: LabelBody) -> dict[str, Any]:
        """Give an instrument a name of one's own."""
        method = services.get_method(payment_method_id)
        services.label_method(method, body.label)
        return _show(method)

    @endpoint(
        "DELETE", "/payment-methods/<id:payment_method_id>",
        resource="payment_method", action="delete", status=204, steps=True,
    )  # fmt: skip
    def remove(self, payment_method_id: str) -> None:
        """Remove an instrument, at the gateway too."""
        services.remove_method(payment_method_id)

    @endpoint("POST", "/payment-methods/<id:payment_method_id>/set-default", resource="payment_method", action="update")
    def make_default(self, payment_method_id: str) -> dict[str, Any]:
        """Make an instrument the one that is offered first."""
        method = services.get_method(payment_method_id)
        services.set_default(method)
        return _show(method)


def _show(method: PaymentMethod) -> dict[str, Any]:
    expires = f"{method.expires_year}-{method.expires_month:02d}" if method.expires_month else None
    return {
        "id": method.id,
        "provider": method.provider,
        "kind": method.kind,
        "brand": method.brand or None,
        "last4": method.last4 or None,
        "expires": expires,
        "label": method.label or None,
        "isDefault": method.is_default,
    }
