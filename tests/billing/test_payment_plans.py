"""Instalments: the schedule, what pays them, notices by the clinic's days, default; under a moved clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.billing.jobs.collecting import follow_payment_plans, remind_of_overdue_invoices
from app.billing.models import Invoice, PaymentPlan
from app.billing.services import credit_invoice, lock_invoice, void_invoice
from app.billing.services.payment_plans import due_dates, instalment_amounts
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.messaging.models import Message
from app.payments.models import Payment
from tests.billing.conftest import Api, run_everything
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, reload, rupees
from tests.factories.history import archive
from tests.factories.payments import make_gateway_account
from tests.factories.people import make_patient

ApiAs = Callable[..., Api]
PLANS = "/payment-plans"


@pytest.fixture
def nobody(app: Any) -> Api:
    return Api(app.test_client())


def today() -> date:
    return clock.today(ZONE_NAME)


def planned(finance: Api, invoice: Invoice, instalments: int = 3, **more: Any) -> dict[str, Any]:
    status, plan = finance("POST", PLANS, {"invoiceId": invoice.id, "instalments": instalments, **more})
    assert status == 201, plan
    return dict(plan)


def told(template: str = "instalment_due") -> list[tuple[str, str]]:
    """Channel and amount of what was sent, in order."""
    messages = db.session.scalars(select(Message).where(Message.template == template).order_by(Message.id))
    return [(message.channel, message.variables["amount"]) for message in messages]


def reachable(**overrides: Any) -> Any:
    return make_patient(**{"phone": "+919800012345", "email": "kavya@example.com", **overrides})


@pytest.mark.parametrize(
    ("minor", "currency", "count", "expected"),
    [
        (100_00, "INR", 3, [3334, 3333, 3333]),
        (10, "JPY", 4, [4, 2, 2, 2]),
        (1_000, "KWD", 7, [148, 142, 142, 142, 142, 142, 142]),
        (3, "USD", 3, [1, 1, 1]),
    ],
)
def test_parts_are_equal_and_the_rest_comes_first(minor: int, currency: str, count: int, expected: list[int]) -> None:
    assert [part.minor for part in instalment_amounts(Money(minor, currency), count)] == expected


def test_months_are_counted_from_the_first_date() -> None:
    dates = due_dates(date(2027, 1, 31), "MONTH", 4)
    assert dates == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    assert due_dates(date(2027, 1, 31), "FORTNIGHT", 2)[1] == date(2027, 2, 14)


def test_whatever_settles_the_invoice_pays_the_instalments_in_order(in_clinic: Any, api: ApiAs) -> None:
    finance, invoice = api("FINANCE_BILLING"), make_invoice("1000.00")
    collect(invoice, "100.00")
    plan = planned(finance, invoice)
    assert [(item["amount"], item["status"]) for item in plan["instalments"]] == [
        (300, "DUE"), (300, "PLANNED"), (300, "PLANNED"),
    ]  # fmt: skip
    collect(invoice, "400.00")
    shown = finance("GET", f"{PLANS}/{plan['id']}")[1]
    assert [item["paid"] for item in shown["instalments"]] == [300, 100, 0]
    with unit_of_work():
        credit_invoice(lock_invoice(invoice.id), rupees("200"), "Goodwill")
    collect(invoice)
    shown = finance("GET", f"{PLANS}/{plan['id']}")[1]
    assert (shown["status"], shown["outstanding"], shown["nextDueOn"]) == ("COMPLETED", 0, None)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"instalments": 1}, 422),
        ({"instalments": 37}, 422),
        ({"firstDueOn": "2020-01-01"}, 422),
        ({"interval": "DAY"}, 422),
        ({"invoiceId": "019b0000-0000-7000-8000-000000000000"}, 404),
    ],
    ids=range(5),
)
def test_what_is_no_plan_is_told(in_clinic: Any, api: ApiAs, change: dict[str, Any], status: int) -> None:
    body = {"invoiceId": make_invoice("10.00").id, "instalments": 3, **change}
    assert api("FINANCE_BILLING")("POST", PLANS, body)[0] == status


def test_an_invoice_has_one_running_plan_and_must_be_open(in_clinic: Any, api: ApiAs) -> None:
    finance, invoice = api("FINANCE_BILLING"), make_invoice("90.00")
    planned(finance, invoice)
    for other in (invoice, make_invoice("10.00", opened=False)):
        status, answer = finance("POST", PLANS, {"invoiceId": other.id, "instalments": 2})
        assert (status, answer["error"]["code"] in ("PLAN_EXISTS", "NOTHING_DUE")) == (409, True)
    assert api("RECEPTIONIST")("POST", PLANS, {"invoiceId": invoice.id, "instalments": 2})[0] == 403


def test_a_plan_is_changed_postponed_and_cancelled(in_clinic: Any, api: ApiAs) -> None:
    finance, invoice = api("FINANCE_BILLING"), make_invoice("90.00")
    plan = planned(finance, invoice)
    collect(invoice, "30.00")
    later = today() + timedelta(days=10)
    changed = finance("PUT", f"{PLANS}/{plan['id']}", {"nextDueOn": str(later), "notes": "On holiday"})[1]
    assert [item["dueOn"] for item in changed["instalments"]][:2] == [str(today()), str(later)]
    assert finance("PUT", f"{PLANS}/{plan['id']}", {"status": "COMPLETED"})[0] == 422
    assert finance("PUT", f"{PLANS}/{plan['id']}", {"total": 1})[0] == 422
    assert finance("PUT", f"{PLANS}/{plan['id']}", {"status": "CANCELLED"})[0] == 422
    cancelled = finance("PUT", f"{PLANS}/{plan['id']}", {"status": "CANCELLED", "reason": "Pays at once"})[1]
    assert (cancelled["status"], cancelled["cancelReason"]) == ("CANCELLED", "Pays at once")
    assert finance("POST", f"{PLANS}/{plan['id']}/process")[0] == 409
    planned(finance, reload(invoice), 2)


def test_a_void_invoice_takes_its_plan_with_it(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("90.00")
    plan = planned(api("FINANCE_BILLING"), invoice)
    with unit_of_work():
        void_invoice(lock_invoice(invoice.id), "Wrong patient")
    assert db.session.get_one(PaymentPlan, plan["id"]).status == "CANCELLED"


def test_processing_sends_a_link_that_asks_for_the_instalment(in_clinic: Any, api: ApiAs, nobody: Api) -> None:
    make_gateway_account()
    finance, invoice = api("FINANCE_BILLING"), make_invoice("100.00", patient=reachable())
    plan = planned(finance, invoice)
    status, done = finance("POST", f"{PLANS}/{plan['id']}/process")
    assert (status, done["amount"]) == (200, 33.34)
    assert [channel for channel, _amount in told()] == ["whatsapp", "email"]
    path = urlsplit(done["payUrl"]).path
    page = nobody.raw("GET", path).text
    assert "33.34" in page and "1 / 3" in page
    assert nobody.raw("POST", path).status_code == 303
    (payment,) = db.session.scalars(select(Payment))
    assert (str(payment.amount), payment.invoice_id) == ("33.34 INR", invoice.id)
    collect(invoice, "33.34")
    assert "Nothing is due" in nobody.raw("GET", path).text


def test_notices_go_out_once_per_step_then_the_plan_defaults_and_comes_back(in_clinic: Any, api: ApiAs) -> None:
    finance, invoice = api("FINANCE_BILLING"), make_invoice("900.00", patient=reachable())
    plan = planned(finance, invoice)
    sent = []
    for day in (0, 0, 1, 2, 3, 6, 14, 15):
        with clock.travel(by=timedelta(days=day)):
            for _ in range(2):
                follow_payment_plans()
        sent.append(len(told()))
    # Steps are days 0, 1, 3, 5 and 7: on the sixth day five was missed and told, on the fourteenth seven.
    assert sent == [2, 2, 4, 4, 6, 8, 10, 10]
    assert {amount for _channel, amount in told()} == {"₹\xa0300.00"}
    stored = db.session.get_one(PaymentPlan, plan["id"])
    assert stored.status == "DEFAULTED" and stored.defaulted_at is not None
    assert len(db.session.scalars(select(EventRecord).where(EventRecord.type.like("%defaulted"))).all()) == 1
    with clock.travel(by=timedelta(days=15)):
        run_everything()
        collect(invoice, "300.00")
    assert db.session.get_one(PaymentPlan, plan["id"], populate_existing=True).status == "ACTIVE"


def test_a_payment_between_two_looks_silences_the_notice(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("900.00", patient=reachable())
    planned(api("FINANCE_BILLING"), invoice)
    collect(invoice, "300.00")
    follow_payment_plans()
    assert told() == []


def test_overdue_invoices_are_reminded_of_once_per_step_and_channel(in_clinic: Any) -> None:
    invoice = make_invoice("75.00", patient=reachable())
    due_in = (reload(invoice).due_on - today()).days  # type: ignore[operator]
    sent = []
    for late in (0, 1, 1, 2, 4, 8, 40):
        with clock.travel(by=timedelta(days=due_in + late)):
            for _ in range(2):
                remind_of_overdue_invoices()
        sent.append(len(told("invoice_overdue")))
    # Steps are days 1, 3, 5, 7 and 14; what was first seen later is a person's.
    assert sent == [0, 2, 2, 2, 4, 6, 6]
    assert [channel for channel, _amount in told("invoice_overdue")[:2]] == ["whatsapp", "email"]


def test_an_archived_clinic_reminds_nobody(in_clinic: Any) -> None:
    make_invoice("75.00", patient=reachable())
    archive([in_clinic.id])
    with clock.travel(by=timedelta(days=16)):
        remind_of_overdue_invoices()
    assert told("invoice_overdue") == []


def test_nobody_is_reminded_of_what_is_paid_void_planned_or_unwanted(in_clinic: Any, api: ApiAs) -> None:
    paid, void, planned_one = (make_invoice("75.00", patient=reachable()) for _ in range(3))
    peaceful = make_invoice("75.00", patient=reachable(preferred_channel="NONE"))
    collect(paid)
    planned(api("FINANCE_BILLING"), planned_one, firstDueOn=str(today() + timedelta(days=90)))
    with unit_of_work():
        void_invoice(lock_invoice(void.id), "Wrong patient")
    with clock.travel(by=timedelta(days=16)):
        remind_of_overdue_invoices()
    assert told("invoice_overdue") == []
    assert reload(peaceful).reminded_days == 1


def test_a_patient_sees_their_own_plans(in_clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    finance, mine, other = api("FINANCE_BILLING"), make_patient(), make_patient()
    plans = [planned(finance, make_invoice("90.00", patient=patient)) for patient in (mine, other)]
    me = api("PATIENT", patient_id=mine.id)
    assert [item["id"] for item in me("GET", PLANS)[1]["items"]] == [plans[0]["id"]]
    assert me("GET", f"{PLANS}/{plans[1]['id']}")[0] == 404
    assert me("POST", f"{PLANS}/{plans[0]['id']}/process")[0] == 403
    stranger = api("FINANCE_BILLING", clinic_id=other_clinic.id)
    assert stranger("GET", f"{PLANS}/{plans[0]['id']}")[0] == 404
    assert stranger("POST", f"{PLANS}/{plans[0]['id']}/process")[0] == 404
    assert len(finance("GET", f"{PLANS}?status=ACTIVE")[1]["items"]) == 2
