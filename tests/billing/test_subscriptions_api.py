"""Subscriptions over HTTP: what the endpoints answer, who may, and the whole way from a trial to a paid renewal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.core.ids import new_id
from app.core.tenant import tenant_scope
from app.messaging.models import Message
from tests.billing.conftest import Api, run_everything, work_until
from tests.factories.people import make_patient
from tests.factories.subscriptions import all_of, make_plan, make_subscription, pay_pending
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]
SHAPE = {
    "id", "patientId", "planId", "planName", "nextPlanId", "status", "price", "currency", "period", "quota", "used",
    "remaining", "unlimited", "coveredTypes", "periodNumber", "currentPeriodStart", "currentPeriodEnd", "nextRenewalAt",
    "trialEndsAt", "startedAt", "autoRenew", "autopayMethodId", "cancelAtPeriodEnd", "cancelReason", "pastDueSince",
    "endedAt", "createdAt",
}  # fmt: skip


def subscribe(caller: Api, plan: Any, **body: Any) -> tuple[int, Any]:
    return caller("POST", "/billing/subscriptions", {"planId": plan.id, **body})


def test_a_subscription_waits_for_its_first_payment_and_runs_from_then(sandbox: RunningSandbox, api: ApiAs) -> None:
    patient = make_patient(email="p@example.com")
    admin, mine = api("CLINIC_ADMIN"), api("PATIENT", patient_id=patient.id)
    status, made = subscribe(mine, make_plan("750.00", quota=3))
    assert (status, made["status"], made["patientId"]) == (201, "PAST_DUE", patient.id)
    assert (made["amountDue"], made["currentPeriodEnd"], made["quota"], made["used"]) == (750, None, 3, 0)
    assert set(made) == SHAPE | {"pendingInvoiceId", "amountDue"}
    path = f"/billing/subscriptions/{made['id']}"
    status, begun = mine("POST", f"{path}/process-payment", {"amount": 750})
    assert (status, begun["status"], begun["invoiceId"]) == (201, "PENDING", made["pendingInvoiceId"])
    sandbox.pay(begun["orderId"])
    work_until(lambda: admin("GET", path)[1]["status"] == "ACTIVE", "the payment begins the period")
    _status, running = mine("GET", path)
    assert (running["periodNumber"], running["amountDue"], running["pendingInvoiceId"]) == (1, 0, None)
    starts, ends = (datetime.fromisoformat(running[name]) for name in ("currentPeriodStart", "currentPeriodEnd"))
    assert 28 <= (ends - starts).days <= 31
    assert running["nextRenewalAt"] == running["currentPeriodEnd"]
    assert mine("POST", f"{path}/process-payment", {})[1]["error"]["code"] == "ALREADY_PAID"
    assert mine("GET", f"/billing/invoices/{begun['invoiceId']}")[1]["status"] == "PAID"


def test_renewing_is_billed_at_once_and_begins_with_its_payment(in_clinic: Any, api: ApiAs) -> None:
    subscription, finance = make_subscription(make_plan(quota=2)), api("FINANCE_BILLING")
    path = f"/billing/subscriptions/{subscription.id}"
    before = finance("GET", path)[1]
    status, billed = finance("POST", f"{path}/renew")
    assert (status, billed["status"], billed["amountDue"]) == (200, "ACTIVE", 1000)
    assert billed["currentPeriodEnd"] == before["currentPeriodEnd"]
    assert finance("POST", f"{path}/renew")[1]["pendingInvoiceId"] == billed["pendingInvoiceId"]
    pay_pending(subscription)
    renewed = finance("GET", path)[1]
    assert (renewed["periodNumber"], renewed["used"], renewed["amountDue"]) == (2, 0, 0)
    assert renewed["currentPeriodEnd"] > before["currentPeriodEnd"]


def test_a_new_subscription_is_confirmed_once_per_channel(sandbox: RunningSandbox, api: ApiAs) -> None:
    patient, admin = make_patient(email="p@example.com"), api("CLINIC_ADMIN")
    made = subscribe(admin, make_plan(name="Family care", trial_days=7), patientId=patient.id)[1]
    assert (made["status"], made["trialEndsAt"]) == ("TRIALING", made["currentPeriodEnd"])
    run_everything()
    sent = all_of(Message, Message.patient_id == patient.id, Message.template == "subscription_confirmed")
    assert sorted(item.channel for item in sent) == ["email", "whatsapp"]
    assert sandbox.messages(channel="email")[0]["subject"] == "Your subscription: Family care"
    status, again = admin("POST", f"/billing/subscriptions/{made['id']}/send-confirmation")
    assert (status, sorted(item["channel"] for item in again["messages"])) == (200, ["email", "whatsapp"])
    assert len(all_of(Message, Message.template == "subscription_confirmed")) == 4
    admin("POST", f"/billing/subscriptions/{made['id']}/cancel", {})
    status, refused = admin("POST", f"/billing/subscriptions/{made['id']}/send-confirmation")
    assert (status, refused["error"]["code"]) == (409, "WRONG_STATE")
    assert len(all_of(Message, Message.template == "subscription_confirmed")) == 4


def test_a_trial_is_paid_ahead_without_losing_a_day(in_clinic: Any, api: ApiAs) -> None:
    finance = api("FINANCE_BILLING")
    subscription = make_subscription(make_plan(trial_days=10), paid=False)
    path = f"/billing/subscriptions/{subscription.id}"
    trial = finance("GET", path)[1]
    assert finance("POST", f"{path}/process-payment", {"amount": 1})[1]["error"]["code"] == "WRONG_AMOUNT"
    finance("POST", f"{path}/renew")
    pay_pending(subscription)
    paid = finance("GET", path)[1]
    assert (paid["status"], paid["periodNumber"]) == ("ACTIVE", 1)
    days = datetime.fromisoformat(paid["currentPeriodEnd"]) - datetime.fromisoformat(trial["trialEndsAt"])
    assert 28 <= days.days <= 31


def test_nobody_has_two_trials_of_a_plan_nor_the_plan_twice(in_clinic: Any, api: ApiAs) -> None:
    admin, patient, plan = api("CLINIC_ADMIN"), make_patient(), make_plan(trial_days=5)
    first = subscribe(admin, plan, patientId=patient.id)[1]
    status, refused = subscribe(admin, plan, patientId=patient.id)
    assert (status, refused["error"]["code"]) == (409, "ALREADY_SUBSCRIBED")
    assert admin("POST", f"/billing/subscriptions/{first['id']}/cancel", {})[1]["status"] == "CANCELLED"
    again = subscribe(admin, plan, patientId=patient.id)[1]
    assert (again["status"], again["trialEndsAt"]) == ("PAST_DUE", None)


def test_a_free_plan_begins_at_once(in_clinic: Any, api: ApiAs) -> None:
    made = subscribe(api("CLINIC_ADMIN"), make_plan("0", quota=None), patientId=make_patient().id)[1]
    assert (made["status"], made["periodNumber"], made["unlimited"], made["remaining"]) == ("ACTIVE", 1, True, None)


def test_cancelling_takes_back_what_is_unpaid(in_clinic: Any, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    subscription = make_subscription(paid=False)
    path = f"/billing/subscriptions/{subscription.id}"
    invoice_id = admin("GET", path)[1]["pendingInvoiceId"]
    status, ended = admin("POST", f"{path}/cancel", {"reason": "Moved away"})
    assert (status, ended["status"], ended["cancelReason"], ended["amountDue"]) == (200, "CANCELLED", "Moved away", 0)
    assert admin("GET", f"/billing/invoices/{invoice_id}")[1]["status"] == "VOID"
    for deed in ("cancel", "renew", "reset-quota"):
        assert admin("POST", f"{path}/{deed}", {})[0] == 409, deed


def test_cancelling_with_the_period_leaves_it_until_then(in_clinic: Any, api: ApiAs) -> None:
    admin, subscription = api("CLINIC_ADMIN"), make_subscription()
    path = f"/billing/subscriptions/{subscription.id}"
    ending = admin("POST", f"{path}/cancel", {"atPeriodEnd": True})[1]
    assert (ending["status"], ending["cancelAtPeriodEnd"], ending["nextRenewalAt"]) == ("ACTIVE", True, None)
    kept = admin("PUT", path, {"autoRenew": True})[1]
    assert (kept["cancelAtPeriodEnd"], kept["nextRenewalAt"]) == (False, kept["currentPeriodEnd"])


def test_lists_and_the_active_one(in_clinic: Any, api: ApiAs) -> None:
    patient, admin = make_patient(), api("CLINIC_ADMIN")
    assert admin("GET", f"/billing/subscriptions/user/{patient.id}/active")[0] == 404
    running = make_subscription(patient_id=patient.id)
    waiting = make_subscription(patient_id=patient.id, paid=False)
    listed = admin("GET", f"/billing/subscriptions/user/{patient.id}")[1]["items"]
    assert [item["id"] for item in listed] == [waiting.id, running.id]
    assert set(listed[0]) == SHAPE
    assert admin("GET", f"/billing/subscriptions/user/{patient.id}/active")[1]["id"] == running.id
    by_status = admin("GET", "/billing/subscriptions?status=ACTIVE,TRIALING&count=true")[1]
    assert ([item["id"] for item in by_status["items"]], by_status["count"]) == ([running.id], 1)
    member = api("PATIENT", patient_id=patient.id)
    me = member("GET", "/auth/me")[1]["id"]
    assert len(admin("GET", f"/billing/subscriptions/user/{me}")[1]["items"]) == 2


def test_a_patient_sees_and_changes_their_own_only(in_clinic: Any, api: ApiAs) -> None:
    theirs, stranger = make_subscription(), api("PATIENT", patient_id=make_patient().id)
    path = f"/billing/subscriptions/{theirs.id}"
    assert stranger("GET", "/billing/subscriptions")[1]["items"] == []
    for method, call in (
        ("GET", path),
        ("GET", f"{path}/usage-stats"),
        ("GET", f"{path}/appointments"),
        ("GET", f"{path}/can-book-appointment?appointmentType=IN_PERSON"),
        ("GET", f"/billing/subscriptions/user/{theirs.patient_id}"),
        ("GET", f"/billing/subscriptions/user/{theirs.patient_id}/active"),
        ("PUT", path),
        ("POST", f"{path}/cancel"),
        ("POST", f"{path}/renew"),
        ("POST", f"{path}/process-payment"),
        ("POST", f"{path}/book-appointment/{new_id()}"),
    ):
        assert stranger(method, call, {} if method != "GET" else None)[0] == 404, call
    assert subscribe(stranger, make_plan(), patientId=theirs.patient_id)[0] == 404
    assert stranger("POST", f"{path}/reset-quota")[0] == 403
    mine = api("PATIENT", patient_id=theirs.patient_id)
    assert mine("POST", f"{path}/cancel", {"creditUnused": True})[0] == 403
    assert mine("POST", f"{path}/cancel", {})[1]["status"] == "CANCELLED"


def test_another_clinics_plan_and_subscription_do_not_exist(clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    with tenant_scope(other_clinic.id):
        plan_id, subscription_id = make_plan().id, make_subscription().id
    with tenant_scope(clinic.id):
        body = {"planId": plan_id, "patientId": make_patient().id}
    admin = api("CLINIC_ADMIN")
    status, answer = admin("POST", "/billing/subscriptions", body)
    assert (status, answer["error"]["fields"]) == (422, {"planId": "There is no such plan."})
    assert admin("GET", f"/billing/plans/{plan_id}")[0] == 404
    assert admin("POST", f"/billing/subscriptions/{subscription_id}/cancel", {})[0] == 404


@pytest.mark.parametrize("role", ["RECEPTIONIST", "DOCTOR", "NURSE", "ACCOUNTANT", "SYSTEM_AUDITOR"])
def test_who_may_not_subscribe_others(in_clinic: Any, api: ApiAs, role: str) -> None:
    assert subscribe(api(role), make_plan(), patientId=make_patient().id)[0] == 403


def test_plans_are_made_changed_and_archived_once_in_use(in_clinic: Any, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    body = {"name": "Gold", "price": 1499.5, "period": "monthly", "trialDays": 14, "quota": 4,
            "coveredTypes": ["VIDEO_CALL", "IN_PERSON"]}  # fmt: skip
    status, plan = admin("POST", "/billing/plans", body)
    assert (status, plan["price"], plan["currency"], plan["period"]) == (201, 1499.5, "INR", "MONTH")
    assert (plan["quota"], plan["unlimited"], plan["coveredTypes"]) == (4, False, ["IN_PERSON", "VIDEO_CALL"])
    path = f"/billing/plans/{plan['id']}"
    assert admin("GET", "/billing/plans")[1]["items"] == [plan]
    changed = admin("PUT", path, {"price": 1600, "quota": None})[1]
    assert (changed["price"], changed["unlimited"], changed["name"], changed["trialDays"]) == (1600, True, "Gold", 14)
    assert admin("GET", "/billing/plans")[1]["items"] == [changed]
    made = subscribe(admin, type("P", (), plan), patientId=make_patient().id)[1]
    assert made["status"] == "TRIALING"
    status, refused = admin("PUT", path, {"period": "YEAR"})
    assert (status, refused["error"]["code"]) == (409, "PLAN_IN_USE")
    assert admin("DELETE", path)[0] == 204
    archived = admin("GET", path)[1]
    assert (archived["archived"], archived["active"]) == (True, False)
    assert admin("GET", "/billing/plans")[1]["items"] == []
    assert [item["id"] for item in admin("GET", "/billing/plans?archived=true")[1]["items"]] == [plan["id"]]
    assert admin("PUT", path, {"price": 1})[1]["error"]["code"] == "PLAN_ARCHIVED"
    assert subscribe(admin, type("P", (), plan), patientId=make_patient().id)[1]["error"]["code"] == "PLAN_NOT_ON_SALE"
    unused = make_plan()
    assert admin("DELETE", f"/billing/plans/{unused.id}")[0] == 204
    assert admin("GET", f"/billing/plans/{unused.id}")[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": -1}, "price"),
        ({"price": 1.001}, "price"),
        ({"currency": "USD"}, "currency"),
        ({"period": "FORTNIGHT"}, "period"),
        ({"quota": 0}, "quota"),
        ({"trialDays": -1}, "trialDays"),
        ({"coveredTypes": []}, "coveredTypes"),
        ({"coveredTypes": ["DANCE"]}, "coveredTypes.0"),
        ({"taxRateId": "019b0000-0000-7000-8000-000000000000"}, "taxRateId"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_plan_is_told(in_clinic: Any, api: ApiAs, change: dict[str, Any], field: str) -> None:
    status, answer = api("CLINIC_ADMIN")("POST", "/billing/plans", {"name": "Gold", "price": 1, **change})
    assert status == 422, answer
    assert list(answer["error"]["fields"]) == [field]


def test_a_patient_sees_what_is_on_offer(in_clinic: Any, api: ApiAs) -> None:
    offered, switched_off = make_plan(), make_plan(active=False)
    patient = api("PATIENT", patient_id=make_patient().id)
    assert [item["id"] for item in patient("GET", "/billing/plans")[1]["items"]] == [offered.id]
    assert patient("GET", f"/billing/plans/{switched_off.id}")[0] == 404
    assert patient("POST", "/billing/plans", {"name": "Mine", "price": 0})[0] == 403
