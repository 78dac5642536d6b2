"""Finance's home: figures that equal the ledger, and decisions about refunds, unknown payments and webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice
from app.core import clock
from app.core.errors import ProviderUnavailable
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.providers import Timeouts
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.desk.queries.money import owed_by_patients, takings_of_days, takings_on
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.ledger.services import credit, debit, post
from app.payments.gateways.razorpay import Razorpay
from app.payments.models import Payment, Refund, WebhookEvent
from app.payments.services import request_refund, start_checkout
from app.scheduling.models import Appointment
from tests.daytime import ZONE_NAME
from tests.desk.conftest import Screen, words
from tests.factories.billing import collect, make_invoice, make_priced_visit
from tests.factories.payments import make_gateway_account, make_payment
from tests.factories.people import make_patient
from tests.sandbox_server import running_sandbox


@pytest.fixture
def finance(screen_of: Any) -> Screen:
    screen: Screen = screen_of("FINANCE_BILLING")
    return screen


@pytest.fixture
def asked(desk: Screen, visit: Appointment) -> Refund:
    """A visit paid in cash, of which the desk asks 300 back."""
    payment = collect(visit).payment
    form = {"paymentId": payment.id, "amount": "300", "reason": "Follow-up was free"}
    assert desk.send(f"/desk/visits/{visit.id}/refund", **form).status_code == 200
    return db.session.scalars(select(Refund)).one()


def fresh(row: Any) -> Any:
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def test_takings_equal_the_ledger_by_tender(finance: Screen) -> None:
    collect(make_priced_visit(), "300")
    collect(make_priced_visit(), "500", tender="UPI", reference="1")
    tenders = {item.code: item.net for item in takings_on(clock.today(ZONE_NAME))}
    assert tenders == {"CASH": Money(30000, "INR"), "UPI_CLEARING": Money(50000, "INR")}
    assert tenders["CASH"] == balance(AccountCode.CASH)
    page = words(finance.page("/finance/"))
    assert "Taken today ₹ 800.00 Cash ₹ 300.00 · UPI ₹ 500.00" in page


def test_a_refund_is_taken_off_the_days_takings(finance: Screen, asked: Refund) -> None:
    finance.send(f"/finance/refunds/{asked.id}/approve")
    [cash] = takings_on(clock.today(ZONE_NAME))
    assert (cash.came.minor, cash.went.minor, cash.net.minor) == (80000, 30000, 50000)


def test_the_chart_has_every_day_also_those_without_money(finance: Screen) -> None:
    with clock.travel(-timedelta(days=3)):
        collect(make_priced_visit(), "200")
    days = takings_of_days(30)
    assert len(days) == 30
    assert [(day.on, day.minor) for day in days if day.minor] == [(clock.today(ZONE_NAME) - timedelta(days=3), 20000)]
    assert "Takings per day" in words(finance.page("/finance/"))


def test_open_and_overdue_invoices_are_counted(finance: Screen) -> None:
    make_invoice("500.00")
    with clock.travel(-timedelta(days=40)):
        make_invoice("700.00")
    make_invoice("900.00", opened=False)
    owed = owed_by_patients()
    assert (owed.count, owed.total.minor, owed.overdue_count, owed.overdue.minor) == (2, 120000, 1, 70000)
    assert "Overdue ₹ 700.00 1 invoice" in words(finance.page("/finance/"))


def test_an_approved_refund_leaves_credit_note_and_ledger(finance: Screen, visit: Appointment, asked: Refund) -> None:
    answer = finance.send(f"/finance/refunds/{asked.id}/approve")
    assert fresh(asked).status == "SETTLED"
    assert fresh(asked).decided_by_id == finance.user.id
    note = db.session.scalars(select(CreditNote)).one()
    assert (note.total_minor, note.reason) == (30000, "Follow-up was free")
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.paid_minor, invoice.credited_minor) == (50000, 30000)
    assert balance(AccountCode.CASH) == Money(50000, "INR")
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)
    assert "No refund waits" in words(answer)


def test_a_rejected_refund_frees_the_amount(finance: Screen, asked: Refund) -> None:
    finance.send(f"/finance/refunds/{asked.id}/reject")
    assert fresh(asked).status == "REJECTED"
    assert db.session.scalars(select(Payment)).one().refundable == Money(80000, "INR")


def test_a_decision_is_made_once(finance: Screen, asked: Refund) -> None:
    finance.send(f"/finance/refunds/{asked.id}/approve")
    answer = finance.send(f"/finance/refunds/{asked.id}/reject")
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#refund-problem"
    assert fresh(asked).status == "SETTLED"


def test_the_rule_of_two_persons_is_explained_and_kept(finance: Screen, in_clinic: Any, visit: Appointment) -> None:
    """Money that goes back to another instrument needs a second person (SPEC PAY-5)."""
    payment = collect(visit).payment
    me = Membership(in_clinic.id, "", "FINANCE_BILLING")
    with acting_as(Principal(finance.user.id, "me", "Me", new_id(), (me,), me)), unit_of_work():
        refund = request_refund(payment, Money(30000, "INR"), "Asked by finance itself", destination="UPI")
    assert "You asked for this refund: another person must approve it." in words(finance.page("/finance/"))
    answer = finance.send(f"/finance/refunds/{refund.id}/approve")
    assert (answer.status_code, "Another person must approve this refund." in words(answer)) == (403, True)
    assert fresh(refund).status == "REQUESTED"


@pytest.mark.parametrize("role", ["RECEPTIONIST", "ACCOUNTANT", "SYSTEM_AUDITOR", "DOCTOR"])
def test_only_finance_decides(screen_of: Any, asked: Refund, role: str) -> None:
    assert screen_of(role).send(f"/finance/refunds/{asked.id}/approve").status_code == 403
    assert fresh(asked).status == "REQUESTED"


def test_readers_see_the_figures_without_buttons(screen_of: Any, asked: Refund) -> None:
    page = screen_of("ACCOUNTANT").page("/finance/")
    assert "Follow-up was free" in words(page)
    assert "/approve" not in page.text


def test_check_now_asks_the_gateway(finance: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox() as sandbox:
        sandbox.account(
            "razorpay",
            keyId="rzp_test_Console1",
            keySecret="console-key-secret",
            webhookSecret="console-webhook-secret",
            webhookUrl="http://127.0.0.1:9/nowhere",
        )
        make_gateway_account(sandbox.razorpay_url)
        payment = make_payment(Money(60000, "INR"))
        sandbox.fault("razorpay", "timeout", 1)
        with pytest.raises(ProviderUnavailable), monkeypatch.context() as hasty:  # for the call that hangs
            hasty.setattr(Razorpay, "default_timeouts", Timeouts(connect=30, read=2))
            start_checkout(payment.id)
        assert fresh(payment).status == "UNKNOWN"
        assert "₹ 600.00" in words(finance.page("/finance/"))
        answer = finance.send(f"/finance/payments/{payment.id}/check")
        assert answer.status_code == 200
        assert sandbox.calls("razorpay")
    assert fresh(payment).status == "PENDING"
    assert "Every payment is clear" in words(answer)


def test_a_parked_webhook_can_be_replayed(finance: Screen) -> None:
    account_id = make_gateway_account("http://127.0.0.1:9")
    with unit_of_work():
        webhook = WebhookEvent(
            gateway="razorpay",
            account_id=account_id,
            event_id="evt_1",
            event="payment.captured",
            raw=b"{}",
            status="PARKED",
            error="the order is unknown",
        )
        db.session.add(webhook)
    assert "Razorpay payment.captured Parked" in words(finance.page("/finance/"))
    answer = finance.send(f"/finance/webhooks/{webhook.id}/replay")
    assert "The inbox is clean" in words(answer)
    assert fresh(webhook).status == "RECEIVED"


@pytest.mark.parametrize("role", ["RECEPTIONIST", "DOCTOR", "NURSE", "PATIENT"])
def test_the_figures_are_finances(screen_of: Any, role: str) -> None:
    assert screen_of(role).page("/finance/").status_code == 403


def test_a_few_absurd_amounts_take_no_page_away(finance: Screen, caller: Any) -> None:
    """Sums above what one document may come to: every home, report and figure still answers."""
    huge = Money(9 * 10**14, "INR")
    with unit_of_work():
        for _time in range(3):
            lines = [debit(AccountCode.RECEIVABLE, huge, make_patient().id), credit(AccountCode.REVENUE, huge)]
            post("invoice", lines, source=("invoice", new_id()))
    assert balance(AccountCode.REVENUE) == huge * 3
    assert finance.page("/finance/").status_code == 200
    for path in ("/billing/analytics/revenue", "/payments/metrics"):
        assert caller("FINANCE_BILLING").get(path).status_code == 200, path
