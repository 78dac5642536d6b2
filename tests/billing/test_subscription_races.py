"""Two deeds on one subscription at the same moment: one comes first, and nothing is paid, given or ended twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from app.billing.models import CreditNote, Invoice, Plan, Subscription, SubscriptionPeriod
from app.billing.services import collect_at_desk, credit_balance
from app.billing.services.dunning import take_step
from app.billing.services.plan_changes import change_plan_at_once
from app.billing.services.renewals import pending_invoice
from app.billing.services.subscriptions import cancel_subscription, renew_subscription
from app.core import clock
from app.core.errors import AppError
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from tests.factories.subscriptions import all_of, make_plan, make_subscription, reread

ROUNDS = 5


def at_once(app: Any, clinic_id: str, *deeds: Callable[[], Any]) -> list[str]:
    """Each deed in a thread and a transaction of its own, all starting together: 'done', or the code of its refusal."""
    begin = Barrier(len(deeds))

    def run(deed: Callable[[], Any]) -> str:
        with app.app_context(), tenant_scope(clinic_id):
            begin.wait()
            try:
                with unit_of_work():
                    deed()
            except AppError as refusal:
                return refusal.code
            return "done"

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def pay(invoice_id: str) -> None:
    collect_at_desk(db.session.get_one(Invoice, invoice_id), "CASH")


def owed(subscription: Subscription) -> str:
    with unit_of_work():
        invoice = pending_invoice(reread(subscription))
        assert invoice is not None
        return invoice.id


def test_paying_and_being_cancelled_for_not_paying(app: Any, in_clinic: Any) -> None:
    for _ in range(ROUNDS):
        subscription = make_subscription(paid=False)
        subscription_id, invoice_id = subscription.id, owed(subscription)
        with clock.travel(timedelta(days=14, minutes=1)):
            paid, _stepped = at_once(
                app, in_clinic.id, lambda i=invoice_id: pay(i), lambda s=subscription_id: take_step(s)
            )
            (invoice,) = all_of(Invoice, Invoice.id == invoice_id)
            ended = (reread(subscription).status, invoice.status, paid == "done")
            assert ended in (("ACTIVE", "PAID", True), ("CANCELLED", "VOID", False))
            assert not credit_balance(subscription.patient_id)


def test_renewing_twenty_times_bills_once(app: Any, in_clinic: Any) -> None:
    subscription_id = make_subscription().id
    answers = at_once(app, in_clinic.id, *[lambda: renew_subscription(subscription_id)] * 20)
    assert answers == ["done"] * 20
    assert len(all_of(SubscriptionPeriod)) == len(all_of(Invoice)) == 2


def test_changing_the_plan_and_cancelling_gives_the_unused_part_back_once(app: Any, in_clinic: Any) -> None:
    for _ in range(ROUNDS):
        subscription, cheap = make_subscription(make_plan("1000.00")), make_plan("100.00")
        subscription_id, patient_id = subscription.id, subscription.patient_id
        plan_id = cheap.id
        answers = at_once(
            app,
            in_clinic.id,
            lambda s=subscription_id, p=plan_id: change_plan_at_once(s, db.session.get_one(Plan, p)),
            lambda s=subscription_id: cancel_subscription(s, give_unused_back=True),
        )
        assert reread(subscription).status == "CANCELLED"
        assert answers[1] == "done" and answers[0] in ("done", "WRONG_STATE")
        assert str(credit_balance(patient_id)) == "1000.00 INR"
        notes = all_of(CreditNote, CreditNote.patient_id == patient_id)
        assert [note.total_minor for note in notes] == ([100_000, 10_000] if answers[0] == "done" else [100_000])
