"""The examples of the money endpoints in OpenAPI: what they show was asked and answered like that."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from app.core import clock
from app.payments.services import ask_gateway, start_checkout
from app.payments.services.saved_methods import begin_saving, take_saved
from tests.api_examples import Examples, endpoint_of
from tests.billing.conftest import Api, run_everything
from tests.daytime import ZONE_NAME
from tests.factories.access import set_settings
from tests.factories.billing import collect, make_invoice, make_priced_doctor, make_priced_visit
from tests.factories.bulk import make_held_visits
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.payments import CREDENTIALS, WEBHOOK_SECRET, make_payment, make_tender, rupees
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow
from tests.factories.subscriptions import make_plan, make_subscription
from tests.payments.gateway_accounts import STRIPE, GatewayClinic
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import answer, scripted_server

ApiAs = Callable[..., Api]


@pytest.fixture(scope="module")
def ask() -> Examples:
    return Examples()


@pytest.fixture
def reachable(in_clinic: Any) -> Any:
    return make_patient(first_name="Kavya", last_name="Rao", phone="+919800012345", email="kavya@example.com")


@pytest.fixture
def stripe(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    with scripted_server() as inbox:
        inbox.will(answer(200, {}))
        GatewayClinic(STRIPE, sandbox, inbox).connect()
        yield sandbox
        sandbox.reset()
        sandbox.account("stripe", **STRIPE.fields, webhookUrl=None)


def test_invoices(ask: Examples, sandbox: RunningSandbox, api: ApiAs, reachable: Any) -> None:
    admin, tax = api("CLINIC_ADMIN"), make_tax(name="GST 18 %", percent=18)
    dressing = {"description": "Wound dressing", "unitPrice": 450, "quantity": 2, "taxRateId": tax.id}
    sling = {"description": "Arm sling", "unitPrice": 320, "discountPercent": 10}
    wanted = {
        "patientId": reachable.id,
        "lines": [dressing, sling],
        "discount": 50,
        "discountReason": "Senior citizen",
        "notes": "Dressing again on Monday",
    }
    made = ask(admin, "POST", "/billing/invoices", wanted)
    due = (clock.today(ZONE_NAME) + timedelta(days=14)).isoformat()
    ask(admin, "PUT", "/billing/invoices/{invoice_id}", {"dueOn": due, "notes": "Pays with the next visit"},
        invoice_id=made["id"])  # fmt: skip
    ask(admin, "POST", "/billing/invoices/{invoice_id}/open", invoice_id=made["id"])
    for step in ("generate-pdf", "send", "send-whatsapp", "pay-link"):
        ask(admin, "POST", f"/billing/invoices/{{invoice_id}}/{step}", invoice_id=made["id"])
    ask(admin, "POST", "/billing/invoices/{invoice_id}/mark-paid", {"tender": "UPI", "reference": "UTR 612345678901"},
        invoice_id=made["id"])  # fmt: skip
    ask(admin, "GET", "/billing/invoices/{invoice_id}", invoice_id=made["id"])
    ask(admin, "GET", "/billing/invoices", query=f"?status=PAID&patientId={reachable.id}&count=true")
    ask(admin, "GET", "/billing/invoices/user/{user_id}", user_id=reachable.id)


def test_corrections_of_invoices(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    admin, finance = api("CLINIC_ADMIN"), api("FINANCE_BILLING")
    path = "/billing/invoices/{invoice_id}"
    ask(admin, "POST", f"{path}/void", {"reason": "Written for the wrong patient"}, invoice_id=make_invoice().id)
    corrected = admin("GET", f"/billing/invoices/{make_invoice('900.00').id}")[1]
    lines = [{"lineId": corrected["lines"][0]["id"], "quantity": 1}]
    ask(admin, "POST", f"{path}/credit", {"lines": lines, "reason": "Not used"}, invoice_id=corrected["id"])
    lost = make_invoice("300.00")
    asked = ask(finance, "POST", f"{path}/write-off", {"reason": "Moved away, cannot be reached"}, invoice_id=lost.id)
    ask(admin, "GET", "/billing/approvals", query="?status=REQUESTED")
    approve = "/billing/approvals/{invoice_approval_id}"
    ask(admin, "POST", f"{approve}/approve", {"note": "Three reminders were sent"}, invoice_approval_id=asked["id"])
    ask(admin, "POST", f"{path}/reinstate", {"reason": "The patient came back"}, invoice_id=lost.id)
    again = finance("POST", f"/billing/invoices/{make_invoice().id}/write-off", {"reason": "Lost"})[1]
    ask(admin, "POST", f"{approve}/reject", {"note": "Remind once more"}, invoice_approval_id=again["id"])


def test_paying(ask: Examples, sandbox: RunningSandbox, api: ApiAs) -> None:
    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    wanted = {"provider": "razorpay", "amount": 800, "currency": "INR", "appointmentType": "IN_PERSON"}
    begun = ask(desk, "POST", "/billing/appointments/{appointment_id}/process-payment", wanted,
                appointment_id=make_priced_visit("800.00").id)  # fmt: skip
    sandbox.pay(begun["orderId"], webhook=False)
    named = {"paymentId": begun["paymentId"], "orderId": begun["orderId"], "provider": "razorpay"}
    ask(desk, "POST", "/billing/payments/callback", named)
    back = desk.raw("POST", f"/api/payments/callback?{urlencode(named)}")
    ask.hold(endpoint_of("POST /api/payments/callback"), {"query": named, "answer": back.get_json()})
    ask(desk, "POST", "/billing/invoices/{invoice_id}/pay", {"provider": "razorpay", "amount": 500},
        invoice_id=make_invoice("500.00").id)  # fmt: skip
    taken = {"invoiceId": make_invoice("650.00").id, "tender": "CARD_TERMINAL", "amount": 650, "reference": "Slip 4711"}
    paid = ask(desk, "POST", "/billing/payments", taken)
    path = "/billing/payments/{payment_id}"
    ask(admin, "PUT", path, {"reference": "Slip 4712", "notes": "Typed wrongly at first"}, payment_id=paid["paymentId"])
    ask(admin, "GET", path, payment_id=paid["paymentId"])
    ask(admin, "GET", "/billing/payments", query="?status=COMPLETED&limit=2&count=true")
    patient_id = admin("GET", f"/billing/payments/{paid['paymentId']}")[1]["patientId"]
    ask(admin, "GET", "/billing/payments/user/{user_id}", user_id=patient_id)
    ask(admin, "POST", f"{path}/void", payment_id=make_payment().id)
    ask(admin, "GET", "/payments/metrics", query="?days=30")
    ask(admin, "GET", "/payments/health")


def test_a_reserved_amount_and_a_webhook(ask: Examples, sandbox: RunningSandbox, api: ApiAs, in_clinic: Any) -> None:
    payment = make_payment(rupees("800"), manual_capture=True)
    order_id = start_checkout(payment.id).order_id
    sandbox.pay(order_id, webhook=False)
    ask_gateway(payment.id)
    finance = api("FINANCE_BILLING")
    ask(finance, "POST", "/billing/payments/{payment_id}/capture", {"amount": 800}, payment_id=payment.id)
    notice = {"event": "order.paid", "payload": {"order": {"entity": {"id": order_id}}}}
    raw = orjson.dumps(notice)
    signature = hmac.new(WEBHOOK_SECRET.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": payment.id}
    address = f"/api/payments/razorpay/webhook?clinicId={in_clinic.id}"
    told = finance.raw("POST", address, data=raw, headers=headers, content_type="application/json")
    assert told.status_code == 200
    ask.hold(endpoint_of("POST /api/payments/{gateway}/webhook"), {"request": notice, "answer": told.get_json()})


def test_refunds(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    path, refund = "/billing/payments/{payment_id}/refund", "/billing/refunds/{refund_id}"
    wanted = {"amount": 200, "currency": "INR", "reason": "The visit was shorter", "destination": "ORIGINAL"}
    asked = ask(desk, "POST", path, wanted, payment_id=make_tender("UPI", rupees("800")).id)
    ask(admin, "GET", "/billing/refunds", query="?status=REQUESTED&limit=2")
    ask(admin, "POST", f"{refund}/approve", {"note": "Agreed with the doctor"}, refund_id=asked["id"])
    ask(admin, "GET", refund, refund_id=asked["id"])
    other = desk("POST", path.format(payment_id=make_tender("UPI", rupees("800")).id), wanted)[1]
    ask(admin, "POST", f"{refund}/reject", {"note": "The visit was held"}, refund_id=other["id"])


def test_saved_methods(ask: Examples, stripe: RunningSandbox, api: ApiAs, reachable: Any) -> None:
    mine, staff = api("PATIENT", patient_id=reachable.id), api("CLINIC_ADMIN")
    ask(mine, "POST", "/payment-methods", {"provider": "stripe"})
    stripe.pay(begin_saving(reachable.id, "stripe").order_id, gateway="stripe", webhook=False)
    account = next(item for item in staff("GET", "/billing/config")[1]["payment"]["fallback"])
    take_saved(reachable.id, account["id"])
    found = ask(mine, "GET", "/payment-methods")
    path, method_id = "/payment-methods/{payment_method_id}", found["items"][0]["id"]
    ask(mine, "PUT", path, {"label": "Family card"}, payment_method_id=method_id)
    ask(mine, "POST", f"{path}/set-default", payment_method_id=method_id)
    ask(mine, "DELETE", path, payment_method_id=method_id)


def test_plans(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    wanted = {
        "name": "Family care",
        "description": "Five visits a month for the whole family",
        "price": 1500,
        "currency": "INR",
        "period": "MONTH",
        "trialDays": 14,
        "quota": 5,
        "coveredTypes": ["IN_PERSON", "VIDEO_CALL"],
    }
    plan = ask(admin, "POST", "/billing/plans", wanted)
    ask(admin, "GET", "/billing/plans", query="?active=true")
    ask(admin, "GET", "/billing/plans/{plan_id}", plan_id=plan["id"])
    ask(admin, "PUT", "/billing/plans/{plan_id}", {"price": 1650, "quota": 6}, plan_id=plan["id"])
    ask(admin, "DELETE", "/billing/plans/{plan_id}", plan_id=plan["id"])


def test_subscriptions(ask: Examples, sandbox: RunningSandbox, api: ApiAs, reachable: Any) -> None:
    admin, path = api("CLINIC_ADMIN"), "/billing/subscriptions/{subscription_id}"
    wanted = {"planId": make_plan(name="Family care").id, "patientId": make_patient().id, "autoRenew": True}
    begun = ask(admin, "POST", "/billing/subscriptions", wanted)
    ask(admin, "POST", f"{path}/process-payment", {"provider": "razorpay"}, subscription_id=begun["id"])
    running = make_subscription(make_plan("1200.00", name="Single care"), patient_id=reachable.id).id
    ask(admin, "GET", "/billing/subscriptions", query="?status=ACTIVE")
    ask(admin, "GET", "/billing/subscriptions/user/{user_id}", user_id=reachable.id)
    ask(admin, "GET", "/billing/subscriptions/user/{user_id}/active", user_id=reachable.id)
    ask(admin, "GET", path, subscription_id=running)
    ask(admin, "POST", f"{path}/reset-quota", subscription_id=running)
    ask(admin, "POST", f"{path}/send-confirmation", subscription_id=running)
    ask(admin, "POST", f"{path}/renew", subscription_id=running)
    ask(admin, "GET", "/billing/analytics/subscriptions", query="?months=2")
    ask(admin, "PUT", path, {"autoRenew": False}, subscription_id=running)
    ask(admin, "POST", f"{path}/cancel", {"atPeriodEnd": False, "reason": "Moves to Pune", "creditUnused": True},
        subscription_id=running)  # fmt: skip


def test_visits_on_a_subscription(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    admin, path = api("CLINIC_ADMIN"), "/billing/subscriptions/{subscription_id}"
    running, doctor = make_subscription(), make_priced_doctor()
    ask(admin, "GET", f"{path}/can-book-appointment", query="?appointmentType=IN_PERSON", subscription_id=running.id)
    booked = {
        "subscriptionId": running.id,
        "doctorId": doctor.id,
        "type": "IN_PERSON",
        "startsAt": local(tomorrow(), 11).isoformat(),
        "notes": "Fever since Sunday",
    }
    ask(admin, "POST", "/appointments/subscriptions", booked)
    visit = make_appointment(doctor, patient_id=running.patient_id, starts_at=local(tomorrow(), 15))
    ask(admin, "POST", f"{path}/book-appointment/{{appointment_id}}", subscription_id=running.id,
        appointment_id=visit.id)  # fmt: skip
    ask(admin, "GET", f"{path}/appointments", subscription_id=running.id)
    ask(admin, "GET", f"{path}/usage-stats", subscription_id=running.id)
    ask(admin, "POST", "/billing/subscriptions/cancel-appointment/{appointment_id}",
        {"reason": "PATIENT_REQUEST", "note": "Feels well again"}, appointment_id=visit.id)  # fmt: skip


def test_terms_of_a_visit(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    desk = api("RECEPTIONIST")
    set_settings(in_clinic.id, deposit_percent=30, late_cancel_fee_percent=25, no_show_fee_percent=50)
    visit = make_priced_visit("800.00")
    ask(desk, "GET", "/doctors/{doctor_id}/booking-terms", query="?type=IN_PERSON", doctor_id=visit.doctor_id)
    ask(desk, "GET", "/appointments/{appointment_id}/cancellation-terms", appointment_id=visit.id)


def test_payment_plans(ask: Examples, sandbox: RunningSandbox, api: ApiAs, reachable: Any) -> None:
    finance, path = api("FINANCE_BILLING"), "/payment-plans/{payment_plan_id}"
    invoice = make_invoice("9000.00", patient=reachable)
    wanted = {"invoiceId": invoice.id, "instalments": 3, "interval": "MONTH", "notes": "Pays after each salary"}
    plan = ask(finance, "POST", "/payment-plans", wanted)
    ask(finance, "GET", "/payment-plans", query="?status=ACTIVE")
    ask(finance, "GET", path, payment_plan_id=plan["id"])
    ask(finance, "POST", f"{path}/process", payment_plan_id=plan["id"])
    later = (clock.today(ZONE_NAME) + timedelta(days=7)).isoformat()
    ask(finance, "PUT", path, {"nextDueOn": later, "notes": "Salary comes late"}, payment_plan_id=plan["id"])


def test_bulk_invoices(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    finance, path = api("FINANCE_BILLING"), "/billing/bulk-invoices/{bulk_invoice_run_id}"
    doctor, today = make_open_doctor(), clock.today(ZONE_NAME)
    make_held_visits(2, doctor)
    span = {"kind": "VISITS", "from": (today - timedelta(days=7)).isoformat(), "to": today.isoformat()}
    run = ask(finance, "POST", "/billing/bulk-invoices", span)
    run_everything()
    ask(finance, "GET", "/billing/bulk-invoices", query="?limit=1")
    ask(finance, "GET", path, bulk_invoice_run_id=run["id"])
    ask(finance, "GET", f"{path}/items", bulk_invoice_run_id=run["id"])
    make_price(make_service(), "700.00", doctor_id=doctor.id)
    again = ask(finance, "POST", f"{path}/retry", bulk_invoice_run_id=run["id"])
    ask(finance, "POST", f"{path}/cancel", bulk_invoice_run_id=again["id"])


def test_patients_credit(ask: Examples, in_clinic: Any, api: ApiAs, reachable: Any) -> None:
    finance, path = api("FINANCE_BILLING"), "/billing/credit/{user_id}"
    wanted = {"patientId": reachable.id, "amount": 2000, "tender": "UPI", "reference": "UTR 612345678902"}
    ask(finance, "POST", "/billing/deposits", wanted)
    ask(finance, "GET", path, user_id=reachable.id)
    invoice = make_invoice("600.00", patient=reachable)
    ask(finance, "POST", f"{path}/apply", {"invoiceIds": [invoice.id], "amount": 600}, user_id=reachable.id)
    ask(finance, "POST", f"{path}/refund", {"amount": 400, "reason": "No more visits planned"}, user_id=reachable.id)


def test_a_cheque_that_came_back(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    taken = collect(make_invoice("1200.00"), None, "CHEQUE", reference="Cheque 004711")
    path = "/billing/payments/{payment_id}/cheque-returned"
    ask(
        api("FINANCE_BILLING"),
        "POST",
        path,
        {"reason": "Funds insufficient", "charge": 118},
        payment_id=taken.payment.id,
    )
    mistaken = {"reason": "Cheque 004712 was meant"}
    ask(api("FINANCE_BILLING"), "POST", f"{path}/undo", mistaken, payment_id=taken.payment.id)


def test_payment_accounts(ask: Examples, sandbox: RunningSandbox, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    ask(admin, "POST", "/billing/config/test", {})
    ask(admin, "GET", "/billing/config")
    credentials = {**CREDENTIALS, "key_secret": "the secret of the key", "webhook_secret": "the webhooks' secret"}
    primary = {"provider": "razorpay", "label": "Main", "enabled": True, "credentials": credentials}
    ask(admin, "PUT", "/billing/config", {"payment": {"primary": primary, "fallback": []}})


def test_reports(ask: Examples, in_clinic: Any, api: ApiAs) -> None:
    finance = api("FINANCE_BILLING")
    collect(make_priced_visit("800.00"))
    refund = finance("POST", f"/billing/payments/{collect(make_invoice()).payment.id}/refund",
                     {"amount": 100, "reason": "Priced wrongly", "destination": "CASH"})[1]  # fmt: skip
    api("CLINIC_ADMIN")("POST", f"/billing/refunds/{refund['id']}/approve", {})
    ask(finance, "GET", "/billing/analytics/revenue")
    ask(finance, "GET", "/reports/revenue", query="?groupBy=method")
    ask(finance, "GET", "/reports/transactions", query="?limit=2")
    ask(finance, "GET", "/reports/refunds", query="?limit=2")
