"""The main job over the API, from log-in to the invoice in the patient's hands, on the processes of `make run`."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

import pytest
import requests
from pypdf import PdfReader

from tests.waiting import wait_until
from tests.walk.house import TOTAL
from tests.walk.installation import Installation
from tests.walk.patient_app import SECONDS, Form, PatientApp

PATIENCE = 60


def papers_of(installation: Installation, person: dict[str, Any], channel: str = "whatsapp") -> list[dict[str, Any]]:
    """The messages with a document that reached the person."""
    to = person["phone"] if channel == "whatsapp" else person["email"]
    return [item for item in installation.sandbox.messages(to=to, channel=channel) if item["attachments"]]


def test_a_paid_video_visit_ends_with_the_invoice_on_the_telephone(
    installation: Installation, house: dict[str, Any], person: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    patient = PatientApp(installation.address, person)
    assert patient.get("/auth/me")["patientId"] == person["patient_id"]
    visit = patient.book(house)
    assert visit["status"] == "SCHEDULED"
    checkout = patient.begin_payment(visit)
    assert (checkout["status"], checkout["provider"], checkout["amount"]) == ("PENDING", "razorpay", TOTAL)

    page = requests.get(checkout["checkoutUrl"], timeout=SECONDS)
    form = Form(page.text)
    assert form.submits_itself and form.method == "post"
    assert form.action.startswith(installation.sandbox.razorpay_url)
    assert checkout["orderId"] in form.fields.values()
    assert installation.sandbox.base_url in page.headers["Content-Security-Policy"]

    paid_at = time.monotonic()
    installation.sandbox.pay(checkout["orderId"])
    wait_until(lambda: bool(papers_of(installation, person)), PATIENCE)
    seconds = time.monotonic() - paid_at
    with capsys.disabled():
        print(f"\n  from the payment to the invoice on the telephone: {seconds:.2f} s")
    wait_until(lambda: bool(papers_of(installation, person, "email")), PATIENCE)

    payment = patient.get(f"/billing/payments/{checkout['paymentId']}")
    invoice = patient.get(f"/billing/invoices/{checkout['invoiceId']}")
    assert (payment["status"], payment["amount"], payment["currency"]) == ("COMPLETED", TOTAL, "INR")
    assert (invoice["status"], invoice["total"], invoice["amountPaid"], invoice["amountDue"]) == (
        "PAID",
        TOTAL,
        TOTAL,
        0,
    )
    assert invoice["number"].endswith("/000001")
    assert patient.get(f"/appointments/{visit['id']}")["status"] == "CONFIRMED"
    shown = requests.get(invoice["pdfUrl"], timeout=SECONDS)
    assert invoice["number"] in PdfReader(BytesIO(shown.content)).pages[0].extract_text()


def test_the_books_agree_with_it(installation: Installation, house: dict[str, Any], person: dict[str, Any]) -> None:
    patient = PatientApp(installation.address, person)
    visit = patient.book(house)
    checkout = patient.begin_payment(visit)
    installation.sandbox.pay(checkout["orderId"])
    wait_until(lambda: bool(papers_of(installation, person) and papers_of(installation, person, "email")), PATIENCE)
    clinic_id = house["clinic_id"]
    wait_until(lambda: set(installation.zygote.call("tests.walk.books:waiting", clinic_id)) <= {"operations"}, PATIENCE)

    facts = installation.facts(house, person)
    assert [(item["status"], item["captured"], item["attempts"]) for item in facts["payments"]] == [
        ("COMPLETED", TOTAL * 100, 1)
    ]
    assert facts["entries"]["payment.captured"] == 1
    assert (facts["visits"], facts["owed"]) == (["CONFIRMED"], {"credit": 0, "receivable": 0})
    assert facts["invoices"][0]["is_pdf"]
    clinic = installation.clinic_facts(house)
    assert clinic["balanced"] and clinic["audit"] == []
    assert len(clinic["invoice_numbers"]) == clinic["last_numbers"]["invoice"]
    assert clinic["invoice_numbers"][-1].endswith(f"/{len(clinic['invoice_numbers']):06d}")

    inbox = installation.sandbox.messages(to=person["phone"]) + installation.sandbox.messages(to=person["email"])
    kinds = sorted((item["channel"], len(item["attachments"])) for item in inbox)
    assert kinds == [("email", 1), ("whatsapp", 0), ("whatsapp", 1)], "invoice twice over, confirmation once"
    paper = papers_of(installation, person)[0]["attachments"][0]
    assert paper["mimeType"] == "application/pdf"
    assert requests.get(paper["url"], timeout=SECONDS).content.startswith(b"%PDF-")


def test_a_declined_card_costs_nothing_and_the_next_try_works(
    installation: Installation, house: dict[str, Any], person: dict[str, Any]
) -> None:
    patient = PatientApp(installation.address, person)
    visit = patient.book(house)
    checkout = patient.begin_payment(visit)
    path = f"/billing/payments/{checkout['paymentId']}"
    installation.sandbox.pay(checkout["orderId"], "failure")
    wait_until(lambda: patient.get(path)["status"] == "FAILED", PATIENCE)
    assert patient.get(f"/appointments/{visit['id']}")["status"] == "SCHEDULED"
    again = patient.begin_payment(visit)
    installation.sandbox.pay(again["orderId"])
    wait_until(lambda: patient.get(f"/appointments/{visit['id']}")["status"] == "CONFIRMED", PATIENCE)
    assert [item["status"] for item in installation.facts(house, person)["invoices"]] == ["PAID"]
