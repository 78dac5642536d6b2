"""Screens of finance: credit notes, a patient's account, approvals, plans, bulk runs."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from sqlalchemy import select

from app.billing.jobs.bulk import issue_in_bulk
from app.billing.models import BulkInvoiceRun, CreditNote, Invoice, InvoiceApproval, PaymentPlan
from app.billing.notices import tell_paid
from app.billing.services import credit_balance, lock_invoice, make_payment_plan, request_write_off
from app.core import clock
from app.core.ids import new_id
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import Refund
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_doctor, reload, rupees
from tests.factories.bulk import make_held_visits
from tests.factories.payments import make_tender
from tests.factories.people import make_patient


def test_pieces_of_lines_are_credited_on_a_page(in_clinic: Any, pages: Any) -> None:
    invoice, finance = make_invoice("100.00", "50.00"), pages("FINANCE_BILLING")
    path, first = f"/billing/credit/{invoice.id}", invoice.lines[0].id
    shown = finance.get(path).text
    assert f'name="line_{first}"' in shown and "release_paid" not in shown
    assert finance.post(path, **{f"line_{first}": "1"}).status_code == 422  # no reason
    assert finance.post(path, reason="Unused").status_code == 422
    assert finance.post(path, reason="Unused", amount="1", **{f"line_{first}": "1"}).status_code == 422
    assert "More than what is left" in finance.post(path, reason="Unused", **{f"line_{first}": "2"}).text
    assert finance.post(path, reason="Unused", **{f"line_{first}": "0.5"}).status_code == 302
    assert finance.post(path, reason="Goodwill", amount="10").status_code == 302
    notes = db.session.scalars(select(CreditNote).order_by(CreditNote.number))
    assert [str(note.total) for note in notes] == ["50.00 INR", "10.00 INR"]
    assert pages("RECEPTIONIST").get(path).status_code == 403


def test_what_was_paid_is_set_free_when_asked(in_clinic: Any, pages: Any) -> None:
    invoice = make_invoice("100.00")
    collect(invoice)
    path, line = f"/billing/credit/{invoice.id}", f"line_{invoice.lines[0].id}"
    finance = pages("FINANCE_BILLING")
    assert "release_paid" in finance.get(path).text
    assert finance.post(path, reason="Not held", **{line: "1"}).status_code == 422
    assert finance.post(path, reason="Not held", release_paid="1", **{line: "1"}).status_code == 302
    assert credit_balance(invoice.patient_id) == rupees("100")


def test_a_patients_account_takes_uses_and_gives_back_money(in_clinic: Any, pages: Any) -> None:
    patient, desk = make_patient(), pages("RECEPTIONIST")
    one, two = make_invoice("300.00", patient=patient), make_invoice("200.00", patient=patient)
    path = f"/billing/account/{patient.id}"
    assert (one.number or "") in desk.get(path).text
    assert desk.post(f"{path}/deposit", tender="CASH", amount="x", key=new_id()).status_code == 422
    assert desk.post(f"{path}/deposit", tender="CASH", amount="150", key=new_id()).status_code == 302
    assert desk.post(f"{path}/apply", invoice=two.id).status_code == 302
    assert (str(reload(two).amount_due), str(reload(one).amount_due)) == ("50.00 INR", "300.00 INR")
    both = {"invoice": [one.id, two.id], f"part_{one.id}": "100", "tender": "UPI", "reference": "U1", "amount": "170"}
    assert desk.post(f"{path}/collect", **both, key=new_id()).status_code == 302
    assert (str(reload(two).amount_due), str(reload(one).amount_due)) == ("0.00 INR", "200.00 INR")
    assert credit_balance(patient.id) == rupees("20")
    assert desk.post(f"{path}/refund", amount="21", reason="Moves", key=new_id()).status_code == 422
    wanted = {"amount": "8", "reason": "Moves", "key": new_id()}
    assert {desk.post(f"{path}/refund", **wanted).status_code for _click in range(2)} == {302}
    assert [str(refund.amount) for refund in db.session.scalars(select(Refund))] == ["8.00 INR"]
    assert pages("PHARMACIST").get(path).status_code == 403


def test_a_receipt_of_several_invoices_names_them(in_clinic: Any, pages: Any) -> None:
    from app.billing.services import collect_for_invoices

    patient = make_patient()
    one, two = make_invoice("300.00", patient=patient), make_invoice("200.00", patient=patient)
    with unit_of_work():
        payment, _receipt = collect_for_invoices(patient.id, "CASH", {one.id: None, two.id: None}, rupees("510"))
    answer = pages("RECEPTIONIST").get(f"/billing/receipt/{payment.id}.pdf")
    paper = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages)
    for words in (one.number, two.number, "510.00", "Credit", "10.00"):
        assert words in paper


def test_approvals_are_decided_in_the_list(in_clinic: Any, pages: Any) -> None:
    invoice = make_invoice("500.00")
    member = Membership(in_clinic.id, in_clinic.name, "FINANCE_BILLING")
    with acting_as(Principal(invoice.id, "f", "F", "s", (member,), member)), unit_of_work():
        approval = request_write_off(lock_invoice(invoice.id), "Moved away")
    finance = pages("FINANCE_BILLING")
    assert "Moved away" in finance.get("/invoiceapprovalview/list/").text
    assert "waits for a second person" in finance.get(f"/invoiceview/show/{invoice.id}").text
    assert finance.post(f"/invoiceapprovalview/action/approve/{approval.id}").status_code == 302
    assert reload(invoice).status == "WRITTEN_OFF"
    assert pages("RECEPTIONIST").post(f"/invoiceapprovalview/action/reject/{approval.id}").status_code == 403


def test_deeds_on_an_invoice_have_pages(in_clinic: Any, pages: Any) -> None:
    invoice, finance, admin = make_invoice("500.00"), pages("FINANCE_BILLING"), pages("CLINIC_ADMIN")
    assert finance.post(f"/billing/write-off/{invoice.id}", reason="Moved away").status_code == 302
    (approval,) = db.session.scalars(select(InvoiceApproval))
    assert admin.post(f"/invoiceapprovalview/action/approve/{approval.id}").status_code == 302
    assert finance.get(f"/billing/reinstate/{invoice.id}").status_code == 200
    assert finance.post(f"/billing/reinstate/{invoice.id}", reason="Came back").status_code == 302
    assert reload(invoice).status == "OPEN"
    plan = {"instalments": "4", "interval": "WEEK", "first_due_on": str(clock.today(ZONE_NAME))}
    assert finance.post(f"/billing/plan/{invoice.id}", **{**plan, "instalments": "99"}).status_code == 422
    assert finance.post(f"/billing/plan/{invoice.id}", **plan).status_code == 302
    assert db.session.scalars(select(PaymentPlan)).one().interval == "WEEK"


def test_a_plan_is_processed_postponed_and_cancelled_on_its_page(in_clinic: Any, pages: Any) -> None:
    invoice = make_invoice("90.00", patient=make_patient(email="kavya@example.com"))
    with unit_of_work():
        plan = make_payment_plan(lock_invoice(invoice.id), 3)
    finance, path = pages("FINANCE_BILLING"), f"/billing/payment-plan/{plan.id}"
    assert "Take next instalment" in finance.get(f"/paymentplanview/show/{plan.id}").text
    assert finance.post(f"/paymentplanview/action/process/{plan.id}").status_code == 302
    assert "was sent a pay link" in finance.get(f"/paymentplanview/show/{plan.id}").text
    assert finance.post(f"{path}/postpone", next_due_on="2000-01-01").status_code == 422
    assert finance.get(f"{path}/cancel").status_code == 200
    assert finance.post(f"{path}/cancel", reason="Pays at once").status_code == 302
    assert db.session.get_one(PaymentPlan, plan.id, populate_existing=True).status == "CANCELLED"


def test_a_bulk_run_is_ordered_watched_and_tried_again(in_clinic: Any, pages: Any) -> None:
    from tests.factories.scheduling import make_open_doctor

    make_held_visits(2, make_priced_doctor("100.00"))
    make_held_visits(1, make_open_doctor())
    finance = pages("FINANCE_BILLING")
    assert finance.get("/billing/bulk/new").status_code == 200
    assert finance.post("/billing/bulk/new", kind="VISITS", first="", last="").status_code == 422
    today = clock.today(ZONE_NAME)
    first, day = str(today - timedelta(days=300)), str(today)
    assert finance.post("/billing/bulk/new", kind="VISITS", first=first, last=day).status_code == 302
    (run,) = db.session.scalars(select(BulkInvoiceRun))
    assert "<progress" in finance.get(f"/bulkinvoicerunview/show/{run.id}").text
    issue_in_bulk(in_clinic.id, run.id)
    shown = finance.get(f"/bulkinvoicerunview/show/{run.id}").text
    assert "Try the failed rows again" in shown and "There is no price" in shown
    assert finance.post(f"/billing/bulk/{run.id}/retry").status_code == 302
    assert len(db.session.scalars(select(BulkInvoiceRun)).all()) == 2
    assert finance.post("/billing/bulk/new", kind="DRAFTS").status_code == 422  # there are none
    assert pages("RECEPTIONIST").get("/billing/bulk/new").status_code == 403


def test_a_draft_takes_discounts_in_per_cent(in_clinic: Any, pages: Any) -> None:
    patient, desk = make_patient(), pages("RECEPTIONIST")
    lines = {"lines-0-description": "Dressing", "lines-0-unit_price": "200", "lines-0-quantity": "1"}
    wanted = {"patient": patient.id, **lines, "lines-0-discount": "5%", "discount": "2.5 %"}
    assert desk.post("/billing/draft/new", **wanted).status_code == 302
    (draft,) = db.session.scalars(select(Invoice))
    assert (draft.subtotal_minor, draft.discount_minor) == (19000, 475)
    assert desk.post("/billing/draft/new", **{**wanted, "discount": "101%"}).status_code == 422
    large = {**wanted, "discount": "50%", "discount_reason": "Neighbour", "open": "1"}
    assert desk.post("/billing/draft/new", **large).status_code == 302
    waiting = db.session.scalars(select(InvoiceApproval)).one()
    assert "waits for somebody" in desk.get(f"/invoiceview/show/{waiting.invoice_id}").text
    assert db.session.get_one(Invoice, waiting.invoice_id).status == "DRAFT"
    assert make_tender(amount=rupees("1")).captured.major == Decimal("1.00")


def test_finances_home_leads_to_the_invoices_that_wait_for_money(in_clinic: Any, pages: Any) -> None:
    owed, part, paid = make_invoice("100.00"), make_invoice("200.00"), make_invoice("300.00")
    collect(part, "50")
    collect(paid)
    finance = pages("FINANCE_BILLING")
    link = re.search(r'href="(/invoiceview/list/\?[^"]+)"[^>]*>Collect payment', finance.get("/finance/").text)
    assert link
    shown = finance.get(link[1].replace("&amp;", "&")).text
    assert owed.number in shown and part.number in shown and paid.number not in shown
    assert "Collect payment" not in pages("ACCOUNTANT").get("/finance/").text


def test_a_part_that_is_sent_twice_is_taken_once(in_clinic: Any, pages: Any) -> None:
    invoice, desk = make_invoice("1000.00"), pages("RECEPTIONIST")
    path = f"/billing/collect/{invoice.id}"
    key = re.search(r'name="key"[^>]*value="([^"]+)"', desk.get(path).text)
    assert key
    answers = [desk.post(path, tender="UPI", amount="250", key=key[1]) for _click in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].location == answers[1].location
    assert reload(invoice).amount_due == rupees("750")
    desk.post(path, tender="UPI", amount="250", key=new_id())
    assert reload(invoice).amount_due == rupees("500")


def test_a_receipt_leads_to_what_the_patient_was_told(in_clinic: Any, pages: Any) -> None:
    patient = make_patient(email="p@example.org", phone="+919812345678")
    taken, quiet = collect(make_invoice("500.00", patient=patient)), collect(make_invoice("40.00", patient=patient))
    with unit_of_work():
        told = tell_paid(reload(taken.invoice))
    desk = pages("RECEPTIONIST")
    shown = desk.get(f"/receiptview/show/{taken.receipt.id}").text
    assert all(f"/messageview/show/{message.id}" in shown for message in told) and len(told) == 2
    assert "WhatsApp" in shown and "Queued" in shown
    assert "no e-mail went out" in desk.get(f"/receiptview/show/{quiet.receipt.id}").text
    assert "Told to the patient" not in pages("ACCOUNTANT").get(f"/receiptview/show/{taken.receipt.id}").text
