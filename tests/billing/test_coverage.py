"""Visits on a subscription: the quota is spent and returned with the visit, once, whatever happens at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.billing.models import Coverage, Invoice, Subscription
from app.billing.services import find_invoice_of_visit, invoice_for_visit
from app.billing.services.plan_changes import change_plan_at_once
from app.billing.services.subscriptions import cancel_subscription, renew_subscription, reset_quota
from app.core.errors import AppError
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import approve_appointment, cancel_appointment, check_in, complete, start
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.billing.conftest import Api
from tests.factories.access import bearer, make_clinic, make_member
from tests.factories.billing import make_priced_doctor, make_priced_visit
from tests.factories.people import make_patient
from tests.factories.scheduling import begin_now, local, make_open_doctor, tomorrow
from tests.factories.subscriptions import (
    all_of,
    covered,
    make_plan,
    make_subscription,
    make_visit,
    owed_invoice,
    pay_pending,
    reread,
)
from tests.live_server import running_server

ApiAs = Callable[..., Api]
THREADS, QUOTA = 20, 5


def can_book(caller: Api, subscription: Subscription, type: str = "IN_PERSON", **query: str) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in {"appointmentType": type, **query}.items())
    return caller("GET", f"/billing/subscriptions/{subscription.id}/can-book-appointment?{asked}")[1]


def book(caller: Api, subscription: Subscription, visit: Appointment) -> tuple[int, Any]:
    return caller("POST", f"/billing/subscriptions/{subscription.id}/book-appointment/{visit.id}")


def cancel(caller: Api, visit: Appointment, **body: str) -> tuple[int, Any]:
    return caller("POST", f"/billing/subscriptions/cancel-appointment/{visit.id}", body)


def test_a_covered_visit_needs_no_payment_and_is_confirmed(in_clinic: Any, api: ApiAs) -> None:
    desk, subscription = api("RECEPTIONIST"), make_subscription(make_plan(quota=2))
    assert can_book(desk, subscription) == {
        "allowed": True, "requiresPayment": False, "paymentAmount": 0, "currency": "INR", "remaining": 2,
        "reason": None,
    }  # fmt: skip
    visit = make_visit(subscription, make_priced_doctor("800.00"))
    status, booked = book(desk, subscription, visit)
    assert (status, booked["status"], booked["coverage"], booked["remaining"]) == (200, "CONFIRMED", "COVERED", 1)
    assert book(desk, subscription, visit) == (200, booked)
    refused = desk("POST", f"/billing/appointments/{visit.id}/process-payment", {})
    assert (refused[0], refused[1]["error"]["code"]) == (409, "COVERED")
    (item,) = desk("GET", f"/billing/subscriptions/{subscription.id}/appointments")[1]["items"]
    assert (item["appointmentId"], item["coverage"], item["periodNumber"]) == (visit.id, "COVERED", 1)
    usage = desk("GET", f"/billing/subscriptions/{subscription.id}/usage-stats")[1]
    assert (usage["used"], usage["remaining"], usage["percentUsed"]) == (1, 1, 50.0)
    assert (usage["byType"], usage["visits"]) == (
        {"IN_PERSON": 1},
        {"covered": 1, "returned": 0, "byStatus": {"CONFIRMED": 1}},
    )


def test_cancelling_returns_the_place_once_whoever_cancels(in_clinic: Any, api: ApiAs) -> None:
    desk, subscription = api("RECEPTIONIST"), make_subscription()
    first, second = make_visit(subscription), make_visit(subscription)
    for visit in (first, second):
        book(desk, subscription, visit)
    assert reread(subscription).used == 2
    status, gone = cancel(desk, first)
    assert (status, gone["status"], gone["coverage"], gone["used"]) == (200, "CANCELLED", "RETURNED", 1)
    assert cancel(desk, first) == (200, gone)
    assert desk("POST", f"/appointments/{second.id}/cancel", {"reason": "PATIENT_UNWELL"})[0] == 200
    assert reread(subscription).used == 0
    assert [item.status for item in all_of(Coverage)] == ["RETURNED", "RETURNED"]
    assert cancel(desk, make_visit(subscription))[1]["error"]["code"] == "NOT_COVERED"


def test_a_late_cancellation_uses_the_place_up_where_the_clinic_says_so(in_clinic: Any, api: ApiAs) -> None:
    with unit_of_work():
        update_clinic(db.session.get_one(Clinic, in_clinic.id), {"late_cancel_hours": 168})
    desk, subscription = api("RECEPTIONIST"), make_subscription()
    late, ours = (make_visit(subscription, starts_at=local(tomorrow(), hour)) for hour in (10, 11))
    for visit in (late, ours):
        book(desk, subscription, visit)
    assert cancel(desk, late)[1]["coverage"] == "FORFEITED"
    assert cancel(desk, ours, reason="DOCTOR_UNAVAILABLE")[1]["coverage"] == "RETURNED"
    assert reread(subscription).used == 1


@pytest.mark.parametrize("reason", ["TYPE_NOT_COVERED", "QUOTA_EXHAUSTED", "PAYMENT_DUE", "NOT_ACTIVE"])
def test_what_is_not_covered_is_said_with_its_price(in_clinic: Any, api: ApiAs, reason: str) -> None:
    desk, doctor = api("RECEPTIONIST"), make_priced_doctor("800.00", percent="18")
    plan = make_plan("300.00", quota=1, types=["VIDEO_CALL"] if reason == "TYPE_NOT_COVERED" else ["IN_PERSON"])
    subscription = make_subscription(plan, paid=reason != "PAYMENT_DUE")
    if reason == "QUOTA_EXHAUSTED":
        covered(subscription, make_visit(subscription))
    if reason == "NOT_ACTIVE":
        with unit_of_work():
            cancel_subscription(subscription.id)
    answer = can_book(desk, subscription, doctorId=doctor.id)
    assert (answer["allowed"], answer["requiresPayment"], answer["reason"]) == (False, True, reason)
    assert answer["paymentAmount"] == (300 if reason == "PAYMENT_DUE" else 944)
    status, refused = book(desk, subscription, make_visit(subscription, doctor))
    assert (status, refused["error"]["code"]) == (409, reason)


def test_a_visit_after_the_end_is_not_covered(in_clinic: Any, api: ApiAs) -> None:
    subscription = make_subscription(make_plan(period="DAY"))
    visit = make_visit(subscription, starts_at=local(tomorrow(), 23))
    with unit_of_work():
        cancel_subscription(subscription.id, at_period_end=True)
    refused = book(api("RECEPTIONIST"), subscription, visit)[1]
    assert refused["error"]["code"] == "ENDS_BEFORE_VISIT"


def test_booking_and_covering_in_one_call(in_clinic: Any, api: ApiAs) -> None:
    doctor, subscription = make_open_doctor(), make_subscription(make_plan(quota=1))
    mine = api("PATIENT", patient_id=subscription.patient_id)
    body = {"doctorId": doctor.id, "type": "VIDEO_CALL", "startsAt": local(tomorrow(), 10).isoformat()}
    status, booked = mine("POST", "/appointments/subscriptions", {**body, "subscriptionId": subscription.id})
    assert (status, booked["status"], booked["remaining"]) == (201, "CONFIRMED", 0)
    later = {**body, "startsAt": local(tomorrow(), 11).isoformat()}
    status, refused = mine("POST", "/appointments/subscriptions", {**later, "subscriptionId": subscription.id})
    assert (status, refused["error"]["code"]) == (409, "QUOTA_EXHAUSTED")
    assert mine("POST", "/appointments/subscriptions", later)[1]["error"]["code"] == "NOT_COVERED"
    assert [item.id for item in all_of(Appointment)] == [booked["id"]]
    stranger = api("PATIENT", patient_id=make_patient().id)
    assert stranger("POST", "/appointments/subscriptions", {**later, "subscriptionId": subscription.id})[0] == 404


def test_another_patients_visit_is_not_covered(in_clinic: Any, api: ApiAs) -> None:
    subscription, other = make_subscription(), make_subscription()
    status, refused = book(api("RECEPTIONIST"), subscription, make_visit(other))
    assert (status, refused["error"]["code"]) == (409, "OTHER_PATIENT")
    visit = make_visit(subscription)
    covered(subscription, visit)
    twin = make_subscription(patient_id=subscription.patient_id)
    assert book(api("RECEPTIONIST"), twin, visit)[1]["error"]["code"] == "ALREADY_COVERED"
    stranger = api("PATIENT", patient_id=make_patient().id)
    assert cancel(stranger, visit)[0] == 404


def test_an_unpaid_invoice_of_the_visit_is_void_and_a_paid_one_stands(in_clinic: Any, api: ApiAs) -> None:
    desk, subscription = api("RECEPTIONIST"), make_subscription()
    visit = make_priced_visit(patient_id=subscription.patient_id)
    with unit_of_work():
        invoice_id = invoice_for_visit(visit).id
    assert book(desk, subscription, visit)[0] == 200
    assert reread(db.session.get_one(Invoice, invoice_id)).status == "VOID"
    paid = make_priced_visit(patient_id=subscription.patient_id)
    assert desk("POST", "/billing/payments", {"appointmentId": paid.id, "tender": "CASH"})[0] == 201
    assert book(desk, subscription, paid)[1]["error"]["code"] == "ALREADY_PAID"
    assert reread(subscription).used == 1


def test_completing_a_covered_visit_bills_nothing(in_clinic: Any) -> None:
    subscription = make_subscription()
    visit = make_visit(subscription, make_priced_doctor("800.00"))
    covered(subscription, visit)
    begin_now(reread(visit))
    for step in (check_in, start, complete):
        with unit_of_work():
            step(lock_appointment(visit.id))
    assert reread(visit).status == "COMPLETED"
    assert find_invoice_of_visit(visit.id) is None


def test_a_covered_request_is_confirmed_by_its_approval(clinic: Any, api: ApiAs) -> None:
    with tenant_scope(clinic.id):
        with unit_of_work():
            update_clinic(db.session.get_one(Clinic, clinic.id), {"approval_required": True})
        subscription, doctor = make_subscription(), make_priced_doctor()
        patient_id, subscription_id, doctor_id = subscription.patient_id, subscription.id, doctor.id
    mine = api("PATIENT", patient_id=patient_id)
    body = {"doctorId": doctor_id, "type": "VIDEO_CALL", "subscriptionId": subscription_id}
    asked = [
        mine("POST", "/appointments/subscriptions", {**body, "startsAt": local(tomorrow(), hour).isoformat()})[1]
        for hour in (10, 11)
    ]
    assert [item["status"] for item in asked] == ["REQUESTED", "REQUESTED"]
    with tenant_scope(clinic.id):
        with unit_of_work():
            approve_appointment(lock_appointment(asked[0]["id"]))
        assert reread(db.session.get_one(Appointment, asked[0]["id"])).status == "CONFIRMED"
    assert api("DOCTOR")("POST", f"/appointments/{asked[1]['id']}/decline", {})[0] == 200
    with tenant_scope(clinic.id):
        assert reread(db.session.get_one(Subscription, subscription_id)).used == 1


def test_the_database_itself_keeps_the_quota(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(quota=1))
    for used in (-1, 2):
        with pytest.raises(IntegrityError, match="ck_subscription_quota"), unit_of_work():
            db.session.execute(
                text("update subscription set used = :used where id = :id"), {"used": used, "id": subscription.id}
            )


def test_of_twenty_bookings_at_once_on_a_quota_of_five_five_are_covered(app: Any, in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(quota=QUOTA))
    base, doctor = f"/api/v1/billing/subscriptions/{subscription.id}/book-appointment", make_open_doctor()
    visits = [make_visit(subscription, doctor).id for _ in range(THREADS)]
    headers = bearer(make_member(in_clinic.id, "RECEPTIONIST"), in_clinic.id)
    begin = Barrier(THREADS)
    with running_server(app) as address:

        def desk(visit_id: str) -> tuple[int, str]:
            begin.wait()
            answer = requests.post(f"{address}{base}/{visit_id}", headers=headers)
            return answer.status_code, answer.json().get("error", {}).get("code", "")

        with ThreadPoolExecutor(THREADS) as pool:
            answers = Counter(pool.map(desk, visits))
        assert answers == {(200, ""): QUOTA, (409, "QUOTA_EXHAUSTED"): THREADS - QUOTA}
        assert reread(subscription).used == QUOTA
        confirmed = db.session.scalars(select(Appointment.id).where(Appointment.status == "CONFIRMED")).all()

        def caller(visit_id: str) -> int:
            begin.wait()
            path = f"/api/v1/billing/subscriptions/cancel-appointment/{visit_id}"
            return requests.post(address + path, headers=headers, json={}).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(caller, [confirmed[n % QUOTA] for n in range(THREADS)])) == {200}
    assert reread(subscription).used == 0


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["book", "book", "book", "cancel", "cancel", "reset", "renew", "pay", "swap", "end"]),
        st.integers(0, 9),
    ),
    max_size=25,
)


class Ward:
    """Does random deeds on one subscription and keeps nothing but the visits."""

    def __init__(self, quota: int, trial: bool) -> None:
        types = ["IN_PERSON"]
        self.plans = [make_plan("300.00", quota=quota, types=types), make_plan("500.00", quota=quota + 1, types=types)]
        plan = make_plan("300.00", quota=quota, types=types, trial_days=10) if trial else self.plans[0]
        self.subscription = make_subscription(plan, paid=not trial)
        self.doctor = make_open_doctor()
        self.visits: list[Appointment] = []

    def do(self, deed: str, which: int) -> None:
        with suppress(AppError):
            getattr(self, f"_{deed}")(which)

    def _book(self, _which: int) -> None:
        visit = make_visit(self.subscription, self.doctor)
        covered(self.subscription, visit)
        self.visits.append(visit)

    def _cancel(self, which: int) -> None:
        if self.visits:
            with unit_of_work():
                cancel_appointment(lock_appointment(self.visits[which % len(self.visits)].id), "PATIENT_REQUEST")

    def _reset(self, _which: int) -> None:
        with unit_of_work():
            reset_quota(self.subscription.id)

    def _renew(self, _which: int) -> None:
        with unit_of_work():
            renew_subscription(self.subscription.id)

    def _pay(self, _which: int) -> None:
        if owed_invoice(self.subscription) is not None:
            pay_pending(self.subscription)

    def _swap(self, which: int) -> None:
        with unit_of_work():
            change_plan_at_once(self.subscription.id, self.plans[which % 2])

    def _end(self, which: int) -> None:
        if which == 0:
            with unit_of_work():
                cancel_subscription(self.subscription.id)

    def check(self) -> None:
        subscription = reread(self.subscription)
        counted = db.session.scalar(
            select(func.count()).where(Coverage.subscription_id == subscription.id, Coverage.counted.is_(True))
        )
        assert 0 <= subscription.used <= subscription.quota
        assert subscription.used == counted


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=st.integers(1, 3), trial=st.booleans(), deeds=DEEDS)
def test_the_quota_holds_whatever_is_done_in_whatever_order(
    app_context: Any, quota: int, trial: bool, deeds: list[tuple[str, int]]
) -> None:
    with tenant_scope(make_clinic().id):
        ward = Ward(quota, trial)
        for deed, which in deeds:
            ward.do(deed, which)
            ward.check()
