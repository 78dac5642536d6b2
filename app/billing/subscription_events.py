"""Events of plans and subscriptions (SPEC EVT-3)."""

from __future__ import annotations

from typing import Any, ClassVar

from app.events.base import Category, Event, Priority


class PlanEvent(Event):
    """What all events of a plan tell."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "plan_id"

    plan_id: str


class PlanCreated(PlanEvent):
    type: ClassVar[str] = "billing.plan.created"


class PlanUpdated(PlanEvent):
    type: ClassVar[str] = "billing.plan.updated"


class PlanDeleted(PlanEvent):
    """`archived`: somebody has or had the plan, so that it was withdrawn and stays readable."""

    type: ClassVar[str] = "billing.plan.deleted"

    archived: bool


class SubscriptionEvent(Event):
    """What all events of a subscription tell."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "subscription_id"

    subscription_id: str
    patient_id: str
    plan_id: str
    status: str

    @classmethod
    def about(cls, subscription: Any, **more: Any) -> Any:
        """The event of this kind for a subscription row."""
        return cls(
            subscription_id=subscription.id,
            patient_id=subscription.patient_id,
            plan_id=subscription.plan_id,
            status=subscription.status,
            **more,
        )


class SubscriptionCreated(SubscriptionEvent):
    type: ClassVar[str] = "billing.subscription.created"


class SubscriptionRenewed(SubscriptionEvent):
    """A paid period began: the first one, or another."""

    type: ClassVar[str] = "billing.subscription.renewed"

    period_number: int
    invoice_id: str | None


class SubscriptionCancelled(SubscriptionEvent):
    """`unpaid`: the clinic's reminders were in vain."""

    type: ClassVar[str] = "billing.subscription.cancelled"
    priority: ClassVar[Priority] = Priority.HIGH

    unpaid: bool


class SubscriptionUpdated(SubscriptionEvent):
    """`change` is a word: plan, quota, terms, renewal, past_due, expired."""

    type: ClassVar[str] = "billing.subscription.updated"

    change: str


class SubscriptionPaymentDue(SubscriptionEvent):
    """A period is billed, or still unpaid at a step of the clinic's schedule; step 0 is the bill itself."""

    type: ClassVar[str] = "billing.subscription.payment_due"

    invoice_id: str
    period_number: int
    step: int
