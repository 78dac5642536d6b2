"""Invoices over the API: shapes, drafts and what freezes them, documents, links, and who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.billing.models import Invoice, InvoiceLine
from app.core import clock
from app.core.files import StoredFile
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.messaging.models import Message
from app.scheduling.models import Appointment
from app.scheduling.services import check_in, complete, start
from tests.billing.conftest import Api, run_everything
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload
from tests.factories.catalog import make_service, make_tax
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf

ApiAs = Callable[..., Api]
INVOICES = "/billing/invoices"


def line(price: Any = "100.00", **more: Any) -> dict[str, Any]:
    return {"description": "Dressing", "unitPrice": price, **more}


def count_invoices() -> int:
    db.session.rollback()
    return len(db.session.scalars(select(Invoice.id)).all())


def test_a_draft_is_written_priced_and_opened(in_clinic: Any, api: ApiAs) -> None:
    desk, patient, service = api("RECEPTIONIST"), make_patient(), make_service(hsn="999312", tax_rate_id=make_tax().id)
    lines = [line("333.33", serviceId=service.id, quantity=3), line(50, discount=12.5)]
    body = {"patientId": patient.id, "lines": lines, "discount": 37.49, "notes": "Two bandages"}
    status, draft = desk("POST", INVOICES, body)
    assert status == 201, draft
    assert (draft["status"], draft["number"], draft["subtotal"], draft["discount"]) == ("DRAFT", None, 1037.49, 37.49)
    assert [item["taxable"] for item in draft["lines"]] == [963.86, 36.14]
    # 9 % of 963.86 is 86.7474: each half of the GST is rounded by itself.
    assert draft["lines"][0]["taxes"] == [
        {"label": "CGST", "percent": 9.0, "amount": 86.75},
        {"label": "SGST", "percent": 9.0, "amount": 86.75},
    ]
    assert (draft["tax"], draft["total"], draft["amountDue"]) == (173.5, 1173.5, 1173.5)
    status, opened = desk("POST", f"{INVOICES}/{draft['id']}/open")
    assert (status, opened["status"], opened["total"]) == (200, "OPEN", 1173.5)
    assert opened["number"] and opened["dueOn"]


def test_an_open_invoice_answers_409_to_every_change(in_clinic: Any, api: ApiAs) -> None:
    desk, invoice = api("RECEPTIONIST"), make_invoice("100.00")
    for body in ({"notes": "x"}, {"lines": [line()]}, {"discount": 1}):
        status, answer = desk("PUT", f"{INVOICES}/{invoice.id}", body)
        assert (status, answer["error"]["code"]) == (409, "INVOICE_NOT_DRAFT")
    assert desk("POST", f"{INVOICES}/{invoice.id}/open")[0] == 409
    assert str(reload(invoice).total) == "100.00 INR"


@pytest.mark.parametrize(
    "statement",
    [
        "update invoice set total_minor = 1, subtotal_minor = 1 where id = :id",
        "update invoice set number = 'INV/1' where id = :id",
        "update invoice_line set description = 'Other' where invoice_id = :id",
        "delete from invoice_line where invoice_id = :id",
        "delete from invoice where id = :id",
    ],
)
def test_the_database_keeps_issued_invoices(in_clinic: Any, statement: str) -> None:
    invoice = make_invoice("100.00")
    with pytest.raises(DBAPIError), unit_of_work():
        db.session.execute(text(statement), {"id": invoice.id})


def test_a_line_cannot_be_slipped_under_an_invoice(in_clinic: Any) -> None:
    invoice = make_invoice("100.00")
    extra = {"position": 9, "description": "x", "currency": "INR", "unit_price_minor": 5, "net_minor": 5}
    with pytest.raises(DBAPIError, match="do not add up"), unit_of_work():
        db.session.add(InvoiceLine(invoice_id=invoice.id, **extra))


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [line("-1")]},
        {"lines": [line("1.001")]},
        {"lines": [line(0.1 + 0.2)]},
        {"lines": [line("1e30")]},
        {"lines": [line("9999999999999.99", quantity=1000000)]},
        {"lines": [line(quantity=0)]},
        {"lines": [line(quantity=-1)]},
        {"lines": [line(quantity="1.0001")]},
        {"lines": [line(discount="100.01")]},
        {"lines": [line(discount="-0.01")]},
        {"lines": [{"unitPrice": 1}]},
        {"lines": [line(serviceId=new_id())]},
        {"lines": [line(taxRateId=new_id())]},
        {"lines": [line(taxRateId="x")]},
        {"discount": "100.01"},
        {"discount": -1},
        {"currency": "USD"},
        {"appointmentId": new_id()},
        {"dueOn": "31-12-2026"},
        {"dueOn": "9999-12-31"},
        {"dueOn": "2001-01-01"},
        {"patientId": "somebody"},
        {"notes": "x" * 2001},
        {"notes": "nul \u0000"},
    ],
)
def test_bad_input_is_told_and_changes_nothing(in_clinic: Any, api: ApiAs, change: dict[str, Any]) -> None:
    body = {"patientId": make_patient().id, "lines": [line()], **change}
    status, answer = api("FINANCE_BILLING")("POST", INVOICES, body)
    assert status == 422, answer
    assert answer["error"]["fields"]
    assert count_invoices() == 0


def test_an_unknown_patient_is_404(in_clinic: Any, api: ApiAs) -> None:
    assert api("RECEPTIONIST")("POST", INVOICES, {"patientId": new_id(), "lines": [line()]})[0] == 404


@pytest.mark.parametrize(
    ("role", "discount", "status"),
    [
        ("RECEPTIONIST", "10.00", 201),
        ("RECEPTIONIST", "10.01", 422),
        ("FINANCE_BILLING", "25.00", 201),
        ("FINANCE_BILLING", "25.01", 422),
        ("CLINIC_ADMIN", "100.00", 201),
    ],
)
def test_a_discount_above_the_roles_limit_needs_a_reason(
    in_clinic: Any, api: ApiAs, role: str, discount: str, status: int
) -> None:
    body = {"patientId": make_patient().id, "lines": [line("100.00")], "discount": discount}
    assert api(role)("POST", INVOICES, body)[0] == status
    assert api(role)("POST", INVOICES, {**body, "discountReason": "Staff member"})[0] == 201


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ([{"unitPrice": "100000000000"}], "lines.0.unitPrice"),
        ([{"unitPrice": 1}, {"unitPrice": 1e300}], "lines.1.unitPrice"),
        ([{"unitPrice": "99999999999.99"}, {"unitPrice": "0.01"}], "lines"),
        ([{"unitPrice": "99999999999.99", "quantity": 2}], "lines"),
        ([{"unitPrice": "99999999999.99", "quantity": 1_000_000}], "lines"),
    ],
)
def test_an_invoice_that_no_document_comes_to_is_refused(
    in_clinic: Any, api: ApiAs, lines: list[dict[str, Any]], field: str
) -> None:
    body = {"patientId": make_patient().id, "lines": [{"description": "Barcode", **item} for item in lines]}
    status, answer = api("RECEPTIONIST")("POST", INVOICES, body)
    assert status == 422 and "too large" in answer["error"]["fields"][field]
    assert count_invoices() == 0


def test_a_visit_is_invoiced_once(in_clinic: Any, api: ApiAs) -> None:
    visit, desk = make_priced_visit(), api("RECEPTIONIST")
    body = {"patientId": visit.patient_id, "appointmentId": visit.id, "lines": [line()]}
    first = desk("POST", INVOICES, body)[1]
    status, answer = desk("POST", INVOICES, body)
    assert (status, answer["error"]["code"], answer["error"]["invoiceId"]) == (409, "VISIT_INVOICED", first["id"])
    assert desk("POST", INVOICES, {**body, "patientId": make_patient().id})[0] == 422


def test_mark_paid_takes_what_is_due(in_clinic: Any, api: ApiAs) -> None:
    desk, invoice = api("RECEPTIONIST"), make_invoice("250.00")
    for body in ({"amount": 249.99}, {"amount": 250, "currency": "EUR"}, {"tender": "SHELLS"}):
        assert desk("POST", f"{INVOICES}/{invoice.id}/mark-paid", body)[0] == 422
    status, paid = desk("POST", f"{INVOICES}/{invoice.id}/mark-paid", {"method": "UPI", "reference": "U-77"})
    assert (status, paid["status"], paid["amountPaid"]) == (200, "PAID", 250)
    (payment,) = paid["payments"]
    assert (payment["method"], payment["receiptNumber"][:4]) == ("UPI", "RCT/")
    assert desk("POST", f"{INVOICES}/{invoice.id}/mark-paid", {})[1]["error"]["code"] == "ALREADY_PAID"


def test_void_keeps_the_number_and_takes_back_the_books(in_clinic: Any, api: ApiAs) -> None:
    finance, invoice, paid = api("FINANCE_BILLING"), make_invoice("90.00"), make_invoice("10.00")
    assert finance("POST", f"{INVOICES}/{invoice.id}/void", {})[0] == 422
    status, void = finance("POST", f"{INVOICES}/{invoice.id}/void", {"reason": "Typed twice"})
    assert (status, void["status"], void["number"], void["voidReason"]) == (200, "VOID", invoice.number, "Typed twice")
    assert void["amountDue"] == 0
    collect(paid)
    status, answer = finance("POST", f"{INVOICES}/{paid.id}/void", {"reason": "x"})
    assert (status, answer["error"]["code"]) == (409, "INVOICE_PAID")
    assert api("RECEPTIONIST")("POST", f"{INVOICES}/{invoice.id}/void", {"reason": "x"})[0] == 403


def test_an_unpaid_rest_is_credited(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("90.00")
    body = {"amount": 40, "reason": "Goodwill"}
    status, note = api("FINANCE_BILLING")("POST", f"{INVOICES}/{invoice.id}/credit", body)
    assert (status, note["amount"], note["number"][:3]) == (201, 40, "CN/")
    assert api("FINANCE_BILLING")("GET", f"{INVOICES}/{invoice.id}")[1]["amountDue"] == 50
    assert api("FINANCE_BILLING")("POST", f"{INVOICES}/{invoice.id}/credit", {**body, "amount": 50.01})[0] == 409
    assert api("RECEPTIONIST")("POST", f"{INVOICES}/{invoice.id}/credit", body)[0] == 403


def test_lists_are_filtered_and_paged(in_clinic: Any, api: ApiAs) -> None:
    finance, patient = api("FINANCE_BILLING"), make_patient()
    mine = [make_invoice("10.00", patient=patient) for _ in range(3)]
    make_invoice("10.00", opened=False)
    collect(mine[0])
    page = finance("GET", f"{INVOICES}?patientId={patient.id}&limit=2")[1]
    rest = finance("GET", f"{INVOICES}?patientId={patient.id}&limit=2&cursor={page['nextCursor']}")[1]
    assert [item["id"] for item in page["items"] + rest["items"]] == [item.id for item in reversed(mine)]
    assert rest["nextCursor"] is None
    statuses = finance("GET", f"{INVOICES}?status=DRAFT,PAID&count=true")[1]
    assert (statuses["count"], sorted(item["status"] for item in statuses["items"])) == (2, ["DRAFT", "PAID"])
    today = clock.today(ZONE_NAME)
    assert len(finance("GET", f"{INVOICES}?from={today}&to={today}")[1]["items"]) == 4
    assert finance("GET", f"{INVOICES}?to={today - timedelta(days=1)}")[1]["items"] == []
    assert finance("GET", f"{INVOICES}?overdue=true")[1]["items"] == []
    for wrong in ("status=NEW", "from=soon", "patientId=x", "limit=0", "cursor=x"):
        assert finance("GET", f"{INVOICES}?{wrong}")[0] in (400, 422), wrong


def test_an_invoice_is_overdue_after_its_due_date(in_clinic: Any) -> None:
    invoice = make_invoice("10.00")
    assert invoice.due_on is not None
    assert reload(invoice).shown_status == "OPEN"
    with clock.travel(timedelta(days=15)):
        assert reload(invoice).shown_status == "OVERDUE"


def test_a_patient_sees_their_own_and_no_other(in_clinic: Any, api: ApiAs) -> None:
    mine, theirs = make_invoice("10.00"), make_invoice("10.00")
    me = api("PATIENT", patient_id=mine.patient_id)
    assert [item["id"] for item in me("GET", INVOICES)[1]["items"]] == [mine.id]
    assert me("GET", f"{INVOICES}/{mine.id}")[0] == 200
    assert me("GET", f"{INVOICES}/{theirs.id}")[0] == 404
    assert me("GET", f"{INVOICES}/user/{theirs.patient_id}")[0] == 404
    assert me("GET", f"{INVOICES}?patientId={theirs.patient_id}")[1]["items"] == []
    for path in ("mark-paid", "void", "send", "open", "pay-link", "generate-pdf"):
        assert me("POST", f"{INVOICES}/{mine.id}/{path}", {"reason": "x"})[0] == 403, path


def test_a_user_id_and_a_patient_id_name_the_same_invoices(in_clinic: Any, client_as: Any) -> None:
    invoice = make_invoice("10.00")
    client = client_as("PATIENT", patient_id=invoice.patient_id)
    finance = Api(client_as("FINANCE_BILLING"))
    for some_id in (client.user.id, invoice.patient_id):
        assert [item["id"] for item in finance("GET", f"{INVOICES}/user/{some_id}")[1]["items"]] == [invoice.id]
    assert finance("GET", f"{INVOICES}/user/{new_id()}")[0] == 404


def test_another_clinics_invoice_does_not_exist(clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    with tenant_scope(other_clinic.id):
        invoice_id = make_invoice("10.00").id
    admin = api("CLINIC_ADMIN")
    assert admin("GET", f"{INVOICES}/{invoice_id}")[0] == 404
    assert admin("PUT", f"{INVOICES}/{invoice_id}", {"notes": "x"})[0] == 404
    for path in ("open", "mark-paid", "void", "credit", "generate-pdf", "send", "send-whatsapp", "pay-link", "pay"):
        assert admin("POST", f"{INVOICES}/{invoice_id}/{path}", {"reason": "x", "amount": 10})[0] == 404, path
    for path in (f"/billing/invoice/{invoice_id}.pdf", f"/billing/collect/{invoice_id}", f"/billing/void/{invoice_id}"):
        assert admin.raw("GET", path).status_code == 404, path


# ---- documents ----


def test_a_document_is_made_once_per_state(in_clinic: Any, api: ApiAs) -> None:
    invoice, desk = make_invoice("10.00"), api("RECEPTIONIST")
    for _ in range(2):
        status, made = desk("POST", f"{INVOICES}/{invoice.id}/generate-pdf")
        assert (status, made["fileName"]) == (200, f"{(invoice.number or '').replace('/', '-')}.pdf")
    run_everything()
    assert documents(invoice) == 1
    collect(invoice)
    run_everything()
    assert documents(invoice) == 2


def documents(invoice: Invoice) -> int:
    db.session.rollback()
    return len(db.session.scalars(select(StoredFile.id).where(StoredFile.owner_id == invoice.id)).all())


def test_the_link_to_the_document_needs_no_log_in_and_ends(in_clinic: Any, app: Any, api: ApiAs) -> None:
    invoice = make_invoice("10.00", patient=make_patient(first_name="Kavya", last_name="Das"))
    url = urlsplit(api("RECEPTIONIST")("GET", f"{INVOICES}/{invoice.id}")[1]["pdfUrl"])
    nobody, link = Api(app.test_client()), f"{url.path}?{url.query}"
    answer = nobody.raw("GET", link)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert "Kavya Das" in ReadPdf(answer.data).text
    assert nobody.raw("GET", url.path).status_code == 404
    assert nobody.raw("GET", link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
    with clock.travel(timedelta(minutes=16)):
        assert nobody.raw("GET", link).status_code == 403


def test_the_link_opens_nothing_for_somebody_it_does_not_belong_to(
    in_clinic: Any, other_clinic: Any, api: ApiAs
) -> None:
    invoice = make_invoice("10.00")
    url = urlsplit(api("RECEPTIONIST")("GET", f"{INVOICES}/{invoice.id}")[1]["pdfUrl"])
    link = f"{url.path}?{url.query}"
    assert api("CLINIC_ADMIN", clinic_id=other_clinic.id).raw("GET", link).status_code == 404
    assert api("PATIENT", patient_id=make_patient().id).raw("GET", link).status_code == 404
    assert api("PATIENT", patient_id=invoice.patient_id).raw("GET", link).status_code == 200


def test_papers_are_printed_from_the_console(in_clinic: Any, api: ApiAs) -> None:
    invoice, desk = make_invoice("10.00"), api("RECEPTIONIST")
    taken = collect(invoice)
    receipt = desk.raw("GET", f"/billing/receipt/{taken.payment.id}.pdf")
    assert (receipt.status_code, ReadPdf(receipt.data).size_mm[0]) == (200, 80.0)
    assert taken.receipt.number in ReadPdf(receipt.data).text
    a4 = desk.raw("GET", f"/billing/receipt/{taken.payment.id}.pdf?paper=a4")
    assert ReadPdf(a4.data).size_mm == (210.0, 297.0)
    assert desk.raw("GET", f"/billing/invoice/{invoice.id}.pdf").status_code == 200
    assert desk.raw("GET", f"/billing/receipt/{new_id()}.pdf").status_code == 404
    assert api("PHARMACIST").raw("GET", f"/billing/receipt/{taken.payment.id}.pdf").status_code == 403
    stranger = api("PATIENT", patient_id=make_patient().id)
    assert stranger.raw("GET", f"/billing/receipt/{taken.payment.id}.pdf").status_code == 404


def test_an_invoice_is_sent_when_asked(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("10.00", patient=make_patient(email="sent@example.com"), opened=False)
    status, sent = api("RECEPTIONIST")("POST", f"{INVOICES}/{invoice.id}/send")
    assert (status, sent["channel"], sent["status"]) == (200, "email", "QUEUED")
    assert reload(invoice).status == "OPEN"
    message = db.session.get_one(Message, sent["messageId"])
    assert (message.template, message.recipient, len(message.attachment_ids)) == ("invoice_due", "sent@example.com", 1)
    assert "/pay/" in message.variables["link"]
    nobody = make_invoice("10.00", patient=make_patient(email=None))
    status, answer = api("RECEPTIONIST")("POST", f"{INVOICES}/{nobody.id}/send")
    assert (status, answer["error"]["code"]) == (409, "NO_ADDRESS")


# ---- visits that were held ----


def hold(visit: Appointment) -> None:
    """Check in, start and complete."""
    with clock.travel(to=visit.starts_at), unit_of_work():
        found = db.session.get_one(Appointment, visit.id)
        check_in(found)
        start(found)
        complete(found)


def test_a_completed_visit_has_its_invoice(in_clinic: Any) -> None:
    visit = make_priced_visit("800.00")
    hold(visit)
    (invoice,) = db.session.scalars(select(Invoice)).all()
    assert (invoice.status, invoice.appointment_id, str(invoice.total)) == ("OPEN", visit.id, "800.00 INR")


def test_a_paid_visit_is_not_billed_again(in_clinic: Any) -> None:
    visit = make_priced_visit()
    collect(visit)
    hold(visit)
    assert db.session.scalars(select(Invoice.status)).all() == ["PAID"]


def test_a_visit_without_a_price_can_be_completed_and_is_told(in_clinic: Any) -> None:
    from tests.factories.scheduling import make_appointment

    visit = make_appointment()
    hold(visit)
    assert db.session.get_one(Appointment, visit.id).status == "COMPLETED"
    assert count_invoices() == 0
    told = select(EventRecord.payload).where(EventRecord.type == "billing.appointment.unpriced")
    assert json.dumps(db.session.scalars(told).one()) == json.dumps({"appointmentId": visit.id})


def test_a_bill_entered_late_is_overdue_at_once(in_clinic: Any, api: ApiAs) -> None:
    finance = api("FINANCE_BILLING")
    body = {
        "patientId": make_patient().id,
        "lines": [line()],
        "dueOn": (clock.now() - timedelta(days=40)).date().isoformat(),
    }
    invoice = finance("POST", INVOICES, body)[1]
    finance("POST", f"{INVOICES}/{invoice['id']}/open")
    shown = finance("GET", f"{INVOICES}/{invoice['id']}")[1]
    assert (shown["status"], shown["overdue"]) == ("OPEN", True)
