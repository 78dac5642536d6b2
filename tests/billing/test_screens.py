"""Billing in the console: records, what can be done on them, and that refusals are words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice, PayLink
from app.core.tenant import db
from tests.billing.conftest import Api
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload
from tests.factories.catalog import make_service, make_tax
from tests.factories.people import make_patient

ApiAs = Callable[..., Api]
HTML = {"Accept": "text/html"}


def page(caller: Api, path: str, **form: str) -> Any:
    return caller.raw("POST" if form else "GET", path, headers=HTML, data=form or None)


def test_an_invoices_record_shows_its_lines_payments_and_credit_notes(in_clinic: Any, api: ApiAs) -> None:
    taken = collect(make_priced_visit("800.00", percent="18"))
    shown = page(api("FINANCE_BILLING"), f"/invoiceview/show/{taken.invoice.id}")
    assert shown.status_code == 200
    for words in (taken.invoice.number, "Consultation", "₹\u00a0944.00", "Paid", "Lines", "Payments", "Credit notes"):
        assert words in shown.text, words


@pytest.mark.parametrize("view", ["invoiceview", "creditnoteview", "receiptview", "paylinkview"])
def test_lists_charts_and_exports_answer(in_clinic: Any, api: ApiAs, view: str) -> None:
    invoice = make_invoice("10.00")
    collect(invoice)
    finance = api("FINANCE_BILLING")
    for path in ("list/", "chart/", "export"):
        assert page(finance, f"/{view}/{path}").status_code == 200, path


def test_the_list_is_filtered_by_status(in_clinic: Any, api: ApiAs) -> None:
    open_one, draft = make_invoice("10.00"), make_invoice("11.00", opened=False)
    shown = page(api("RECEPTIONIST"), "/invoiceview/list/?_flt_2_status=OPEN").text
    assert f"/invoiceview/show/{open_one.id}" in shown
    assert f"/invoiceview/show/{draft.id}" not in shown


def test_money_is_collected_on_its_page_and_the_receipt_comes_up(in_clinic: Any, api: ApiAs) -> None:
    invoice, desk = make_invoice("1250.00"), api("RECEPTIONIST")
    path = f"/billing/collect/{invoice.id}"
    assert 'value="1250.00"' in page(desk, path).text
    done = page(desk, path, tender="UPI", amount="1,000.00", reference="U-1")
    assert done.status_code == 302 and "/billing/receipt/" in done.headers["Location"]
    assert str(reload(invoice).amount_due) == "250.00 INR"
    refused = page(desk, path, tender="CASH", amount="251", reference="")
    assert refused.status_code == 422 and "at most 250.00 INR" in refused.text
    assert page(desk, path, tender="CASH", amount="abc").status_code == 422
    assert page(desk, path, tender="SHELLS", amount="1").status_code == 422
    assert str(reload(invoice).amount_due) == "250.00 INR"


def test_an_invoice_is_voided_with_a_reason(in_clinic: Any, api: ApiAs) -> None:
    invoice, finance = make_invoice("10.00"), api("FINANCE_BILLING")
    path = f"/billing/void/{invoice.id}"
    assert page(finance, path, reason=" ").status_code == 422
    assert page(finance, path, reason="Typed twice").status_code == 302
    assert (reload(invoice).status, reload(invoice).void_reason) == ("VOID", "Typed twice")
    assert page(finance, path, reason="again").status_code == 422
    assert page(api("RECEPTIONIST"), path).status_code == 403


def test_what_is_unpaid_is_credited(in_clinic: Any, api: ApiAs) -> None:
    invoice, finance = make_invoice("10.00"), api("FINANCE_BILLING")
    path = f"/billing/credit/{invoice.id}"
    assert page(finance, path, amount="10.01", reason="x").status_code == 422
    assert page(finance, path, amount="4.00", reason="Goodwill").status_code == 302
    (note,) = db.session.scalars(select(CreditNote)).all()
    assert str(note.total) == "4.00 INR"
    printed = page(finance, f"/billing/credit-note/{note.id}.pdf")
    assert (printed.status_code, printed.mimetype) == (200, "application/pdf")
    assert page(api("RECEPTIONIST"), path).status_code == 403


def test_a_pay_link_is_shown_when_it_is_made(in_clinic: Any, api: ApiAs) -> None:
    invoice, desk = make_invoice("10.00"), api("RECEPTIONIST")
    made = desk.raw("POST", f"/billing/pay-link/{invoice.id}", headers=HTML)
    assert made.status_code == 200 and "/pay/" in made.text
    db.session.rollback()
    assert len(db.session.scalars(select(PayLink.id)).all()) == 1
    collect(invoice)
    assert desk.raw("POST", f"/billing/pay-link/{invoice.id}", headers=HTML).status_code == 302


def test_actions_open_and_send(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("10.00", opened=False, patient=make_patient(email="x@example.com"))
    desk = api("RECEPTIONIST")
    for action in ("open", "send", "send-whatsapp"):
        assert desk.raw("POST", f"/invoiceview/action/{action}/{invoice.id}", headers=HTML).status_code == 302
    assert reload(invoice).status == "OPEN"
    assert api("DOCTOR").raw("POST", f"/invoiceview/action/open/{invoice.id}", headers=HTML).status_code == 403


def test_a_patient_sees_only_their_own_on_screen(in_clinic: Any, api: ApiAs) -> None:
    mine, theirs = make_invoice("10.00"), make_invoice("20.00")
    me = api("PATIENT", patient_id=mine.patient_id)
    shown = page(me, "/invoiceview/list/").text
    assert mine.id in shown and theirs.id not in shown
    assert page(me, f"/invoiceview/show/{theirs.id}").status_code == 404


def test_an_invoice_is_written_by_hand(in_clinic: Any, api: ApiAs) -> None:
    patient, desk = make_patient(), api("RECEPTIONIST")
    service = make_service(name="Dressing", tax_rate_id=make_tax().id)
    form = {
        "patient": patient.id,
        "lines-0-service": service.id,
        "lines-0-quantity": "2",
        "lines-0-unit_price": "1,000.00",
        "lines-1-description": "Bandage",
        "lines-1-unit_price": "50",
        "lines-1-discount": "5",
        "lines-2-quantity": "1",
        "due_on": "",
    }
    assert page(desk, f"/billing/draft/new?_flt_0_patient={patient.id}").status_code == 200
    saved = page(desk, "/billing/draft/new", **form)
    assert saved.status_code == 302
    (invoice,) = db.session.scalars(select(Invoice)).all()
    assert [line.description for line in invoice.lines] == ["Dressing", "Bandage"]
    assert (invoice.status, str(invoice.total)) == ("DRAFT", "2405.00 INR")
    path = f"/billing/draft/{invoice.id}"
    assert 'value="1000.00"' in page(desk, path).text
    changed = {key: value for key, value in form.items() if not key.startswith("lines-0") and key != "patient"}
    assert page(desk, path, **changed, open="1").status_code == 302
    assert (reload(invoice).status, str(reload(invoice).total)) == ("OPEN", "45.00 INR")
    assert page(desk, path).status_code == 409
    assert page(desk, path, **changed).status_code == 422


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lines-0-unit_price": "abc"}, "Line 1: This is no amount in INR."),
        ({"lines-0-unit_price": "-1"}, "Line 1: An amount is not negative."),
        ({"lines-0-unit_price": ""}, "Line 1: Type a price."),
        ({"lines-0-quantity": "0"}, "Line 1: Above zero"),
        ({"lines-0-quantity": "NaN"}, "Line 1: Above zero"),
        ({"lines-0-discount": "99", "discount_reason": "x"}, "Line 1: The discount is above the line."),
        ({"lines-1-quantity": "2", "lines-2-unit_price": "abc"}, "Line 3: This is no amount in INR."),
        ({"lines-0-service": "x"}, "Please choose an entry of the list."),
        ({"discount": "9.99"}, "needs a reason"),
        ({"patient": "x"}, "Please choose an entry of the list."),
        ({"patient": ""}, "required"),
    ],
)
def test_a_wrong_draft_is_told_and_kept_on_screen(
    in_clinic: Any, api: ApiAs, change: dict[str, str], words: str
) -> None:
    form = {"patient": make_patient().id, "lines-0-description": "Bandage", "lines-0-unit_price": "10"}
    answer = page(api("RECEPTIONIST"), "/billing/draft/new", **{**form, **change})
    assert answer.status_code == 422
    assert words in answer.text and "Bandage" in answer.text
    assert db.session.scalars(select(Invoice.id)).all() == []


def test_every_fact_on_a_record_has_a_name(in_clinic: Any, api: ApiAs) -> None:
    taken = collect(make_priced_visit())
    (line,) = reload(taken.invoice).lines
    finance = api("FINANCE_BILLING")
    for path in (f"/invoiceview/show/{taken.invoice.id}", f"/invoicelineview/show/{line.id}"):
        assert "<dt>None</dt>" not in page(finance, path).text


def test_a_list_is_sorted_by_columns_only(in_clinic: Any, api: ApiAs) -> None:
    invoices, finance = [make_invoice("10.00") for _ in range(2)], api("FINANCE_BILLING")
    shown = page(finance, "/invoiceview/list/?_oc_InvoiceView=number&_od_InvoiceView=asc").text
    assert shown.index(invoices[0].id) < shown.index(invoices[1].id)
    assert page(finance, "/invoiceview/list/?_oc_InvoiceView=total&_od_InvoiceView=asc").status_code == 200
