"""What the endpoints of plans, subscriptions and coverage take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, ConfigDict, Field, field_validator

from app.billing.models import BillingPeriod, SubscriptionStatus
from app.core.api import Body, ListQuery
from app.core.api_values import Id, Moment
from app.people.models import AppointmentType

SPOKEN = {"DAILY": "DAY", "WEEKLY": "WEEK", "MONTHLY": "MONTH", "YEARLY": "YEAR", "ANNUAL": "YEAR"}
MOST_VISITS = 10_000
LONGEST_TRIAL = 366


class PlanContent(Body):
    """A plan: `price` before tax per `period`; `quota` null means as many visits as one likes."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=2000)
    price: Decimal
    currency: str | None = Field(None, description="If given, it must be the clinic's.")
    period: BillingPeriod = Field(BillingPeriod.MONTH, validation_alias=AliasChoices("period", "interval"))
    trial_days: int = Field(0, ge=0, le=LONGEST_TRIAL)
    quota: int | None = Field(
        None, ge=1, le=MOST_VISITS, validation_alias=AliasChoices("quota", "appointmentQuota", "appointmentsIncluded")
    )
    covered_types: list[AppointmentType] = Field(
        default_factory=lambda: list(AppointmentType),
        min_length=1,
        max_length=10,
        validation_alias=AliasChoices("coveredTypes", "appointmentTypes"),
        description="By default all.",
    )
    tax_rate_id: Id | None = None
    hsn: str = Field("", max_length=10, description="HSN or SAC code of what is sold.")
    active: bool = Field(True, description="Whether it is on offer.")

    @field_validator("period", mode="before")
    @classmethod
    def _spoken(cls, value: Any) -> Any:
        return SPOKEN.get(value.upper(), value.upper()) if isinstance(value, str) else value


class PlanChanges(PlanContent):
    """Only what is named changes; who has the plan keeps price and quota until the next renewal."""

    name: str = Field("", max_length=120)
    price: Decimal | None = None  # type: ignore[assignment]


class PlanQuery(ListQuery):
    active: bool | None = None
    archived: bool = Field(False, description="Archived plans as well; staff only.")


class NewSubscription(Body):
    """For a patient (`patientId`, or `userId` of a user who is one); a PATIENT subscribes themselves."""

    plan_id: Id
    patient_id: Id | None = None
    user_id: Id | None = None
    auto_renew: bool = True


class SubscriptionChanges(Body):
    """Another plan, at once with the unused part given back, or from the next period on; whether it renews."""

    model_config = ConfigDict(extra="forbid")

    plan_id: Id | None = None
    at_period_end: bool = Field(False, description="The plan changes with the next period.")
    auto_renew: bool | None = None
    autopay_method_id: Id | None = Field(
        None, description="A saved method that is charged when the subscription falls due; null: none."
    )


class SubscriptionQuery(ListQuery):
    status: tuple[SubscriptionStatus, ...] = Field((), description="One or more, separated by commas.")
    patient_id: Id | None = None
    plan_id: Id | None = None

    @field_validator("status", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class CancelBody(Body):
    """Now, or with the period that is paid."""

    at_period_end: bool = Field(
        False, validation_alias=AliasChoices("atPeriodEnd", "cancelAtPeriodEnd"), description="With the paid period."
    )
    reason: str = Field("", max_length=300)
    credit_unused: bool = Field(False, description="The unused part becomes the patient's credit; staff only.")


class CanBookQuery(Body):
    appointment_type: AppointmentType
    doctor_id: Id | None = Field(None, description="Whose price it is if the visit is not covered.")


class CancelVisitBody(Body):
    """`reason` is a code of cancel reasons; other words are kept as the note."""

    reason: str = Field("", max_length=200)
    note: str = Field("", max_length=250)


class BookOnSubscription(Body):
    """A visit that a subscription pays for; without `subscriptionId` the one that covers it and ends first."""

    subscription_id: Id | None = None
    patient_id: Id | None = Field(None, description="By default the subscription's, or the PATIENT themselves.")
    doctor_id: Id
    type: AppointmentType = Field(validation_alias=AliasChoices("type", "appointmentType"))
    starts_at: Moment
    location_id: Id | None = None
    notes: str = Field("", max_length=2000)
