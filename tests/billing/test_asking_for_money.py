"""Who paid while the words waited is not asked: a retry, quiet hours or a checkout lie between the two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.billing.jobs.collecting import follow_payment_plans, remind_of_overdue_invoices
from app.billing.models import Subscription
from app.billing.services.subscriptions import invoice_to_pay
from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.conditions import OVERTAKEN
from app.messaging.delivery import send
from app.messaging.models import Message, MessageStatus
from tests.billing.conftest import Api, run_everything
from tests.factories.billing import collect, make_invoice, reload
from tests.factories.people import make_patient
from tests.factories.subscriptions import make_plan, make_subscription, pay_pending


def reachable() -> Any:
    return make_patient(phone="+919800012345", email="kavya@example.com")


def asked(clinic_id: str, template: str) -> list[tuple[str, str]]:
    """Try to send what waits; how each ended, and the reason."""
    wanted = select(Message.id).where(Message.template == template).order_by(Message.id)
    for message_id in db.session.scalars(wanted).all():
        send(clinic_id, message_id)
    db.session.rollback()
    return [
        (row.status, row.reason)
        for row in db.session.scalars(select(Message).where(Message.template == template).order_by(Message.id))
    ]


def test_a_paid_invoice_is_not_asked_for_any_more(in_clinic: Any) -> None:
    paid, owed = make_invoice("75.00", patient=reachable()), make_invoice("75.00", patient=reachable())
    with clock.travel(to=clock.now() + timedelta(days=16)):
        remind_of_overdue_invoices()
        collect(paid)
        ends = asked(in_clinic.id, "invoice_overdue")
    assert ends.count((MessageStatus.SUPPRESSED, OVERTAKEN)) == 2
    assert len([status for status, _reason in ends if status != MessageStatus.SUPPRESSED]) == 2
    assert reload(owed).reminded_days


def test_an_instalment_that_was_paid_is_not_asked_for_though_the_others_are_owed(
    in_clinic: Any, api: Callable[..., Api]
) -> None:
    invoice = make_invoice("900.00", patient=reachable())
    assert api("FINANCE_BILLING")("POST", "/payment-plans", {"invoiceId": invoice.id, "instalments": 3})[0] == 201
    follow_payment_plans()
    collect(invoice, "300.00")
    assert asked(in_clinic.id, "instalment_due") == [(MessageStatus.SUPPRESSED, OVERTAKEN)] * 2


def test_who_is_at_the_checkout_is_asked_only_if_they_leave_it(in_clinic: Any) -> None:
    for pays in (True, False):
        subscription = make_subscription(make_plan(trial_days=14), patient_id=reachable().id, paid=False)
        _go_to_checkout(subscription)
        run_everything()
        waiting = select(Message).where(Message.template == "subscription_due", Message.status == MessageStatus.QUEUED)
        assert len(db.session.scalars(waiting).all()) == 2  # not gone out yet
        if pays:
            pay_pending(subscription)
        with clock.travel(to=clock.now() + timedelta(minutes=31)):
            ends = asked(in_clinic.id, "subscription_due")
        assert [reason == OVERTAKEN for _status, reason in ends[-2:]] == [pays, pays]


def _go_to_checkout(subscription: Subscription) -> None:
    with unit_of_work():
        assert invoice_to_pay(subscription.id).amount_due
