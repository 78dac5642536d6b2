"""What billing's endpoints take. Amounts are numbers in major units, exact to the currency's decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from flask_babel import gettext as _
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from app.billing.models import InvoiceStatus
from app.core.amounts import read_money
from app.core.api import Body, ListQuery
from app.core.api_values import Day, Id
from app.core.errors import Invalid
from app.core.money import Money
from app.payments.models import TenderKind
from app.people.models import AppointmentType
from app.tenancy.queries import settings_in_scope

Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=3)]


def _check_one_discount(amount: Decimal | None, percent: Decimal | None) -> None:
    if amount is not None and percent is not None:
        raise ValueError(_("Give either discount or discountPercent."))


class LineBody(Body):
    """A line: `unitPrice` before tax; `discount` is an amount off the whole line."""

    description: str = Field("", max_length=200, description="By default the service's name.")
    service_id: Id | None = None
    unit_price: Decimal
    quantity: Decimal = Field(Decimal(1), gt=0, le=1_000_000, decimal_places=3)
    discount: Decimal | None = None
    discount_percent: Percent | None = Field(None, description="Instead of `discount`: per cent of the line.")
    tax_rate_id: Id | None = Field(None, description="By default the service's tax.")

    @model_validator(mode="after")
    def _one_discount(self) -> LineBody:
        _check_one_discount(self.discount, self.discount_percent)
        return self


class InvoiceContent(Body):
    discount: Decimal | None = Field(None, description="Off the whole invoice, before tax.")
    discount_percent: Percent | None = Field(None, description="Instead of `discount`: per cent of the lines' sum.")
    discount_reason: str = Field(
        "", max_length=300, description="Needed above the role's limit; somebody else then approves the draft."
    )
    due_on: Day | None = None
    notes: str = Field("", max_length=2000)
    currency: str | None = Field(None, description="If given, it must be the clinic's.")

    @model_validator(mode="after")
    def _one_whole_discount(self) -> InvoiceContent:
        _check_one_discount(self.discount, self.discount_percent)
        return self


class NewInvoice(InvoiceContent):
    patient_id: Id
    appointment_id: Id | None = None
    lines: list[LineBody] = Field(min_length=1, max_length=100)
    open: bool = Field(False, description="Number it and book it at once.")


class InvoiceChanges(InvoiceContent):
    """A draft anew; lines that are left out stay. A status or a sum cannot be set."""

    model_config = ConfigDict(extra="forbid")

    lines: list[LineBody] | None = Field(None, min_length=1, max_length=100)


class InvoiceQuery(ListQuery):
    status: tuple[InvoiceStatus, ...] = Field((), description="One or more, separated by commas.")
    patient_id: Id | None = None
    from_: Day | None = Field(None, alias="from", description="Made on or after this date of the clinic.")
    to: Day | None = Field(None, description="Made on or before this date.")
    overdue: bool = False

    @field_validator("status", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class AmountBody(Body):
    """If amount or currency are given, they must be what is due: the server prices."""

    amount: Decimal | None = None
    currency: str | None = None


class PayBody(AmountBody):
    provider: str | None = Field(None, max_length=30, description="By default the clinic's primary gateway.")


class PayVisitBody(PayBody):
    appointment_type: AppointmentType | None = Field(None, description="If given, it must be the visit's.")


class TenderBody(AmountBody):
    tender: TenderKind = Field(TenderKind.CASH, validation_alias=AliasChoices("tender", "method"))
    reference: str = Field("", max_length=80, description="Of the UPI transfer, card slip or cheque.")


class PartBody(Body):
    """What of a payment is for one invoice; by default all that is due of it."""

    invoice_id: Id
    amount: Decimal | None = None


class NewPayment(PayBody):
    """For an invoice, a visit, or several invoices of one patient; with a `tender` it is taken at the desk, without one
    on the gateway's hosted page.
    """

    invoice_id: Id | None = None
    appointment_id: Id | None = None
    allocations: list[PartBody] | None = Field(None, min_length=1, max_length=50, description="Several invoices.")
    tender: TenderKind | None = Field(None, validation_alias=AliasChoices("tender", "method"))
    reference: str = Field("", max_length=80, description="Of the UPI transfer, card slip or cheque.")

    @model_validator(mode="after")
    def _for_one_thing(self) -> NewPayment:
        given = [item for item in (self.invoice_id, self.appointment_id, self.allocations) if item is not None]
        if len(given) != 1:
            raise ValueError(_("Give invoiceId, appointmentId or allocations."))
        return self


class ReasonBody(Body):
    reason: str = Field(min_length=1, max_length=300)


class CreditLineBody(Body):
    """What is credited of a line: a quantity, or an amount with its tax."""

    line_id: Id
    quantity: Decimal | None = Field(None, gt=0, le=1_000_000, decimal_places=3)
    amount: Decimal | None = None


class CreditBody(ReasonBody):
    """Either an amount, shared over what is left of all lines, or lines."""

    amount: Decimal | None = None
    lines: list[CreditLineBody] | None = Field(None, min_length=1, max_length=100)
    release_paid: bool = Field(False, description="With lines: what was paid of them becomes the patient's credit.")
    currency: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> CreditBody:
        if (self.amount is None) == (self.lines is None):
            raise ValueError(_("Give either amount or lines."))
        return self


def amount_of(value: Decimal | None, currency: str | None = None, field: str = "amount") -> Money | None:
    """The amount in the clinic's currency. Raises Invalid for another currency, or what it cannot hold exactly."""
    expected = settings_in_scope().currency
    if currency is not None and currency.upper() != expected:
        raise Invalid(fields={"currency": _("The clinic bills in %(currency)s.", currency=expected)})
    if value is None:
        return None
    amount = read_money(value, expected, field)
    if amount.minor < 0:
        raise Invalid(fields={field: _("An amount is not negative.")})
    return amount
