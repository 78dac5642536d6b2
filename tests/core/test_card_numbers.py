"""Card numbers in people's words are kept as their last four digits, wherever they were typed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.audit.services import record
from app.core.card_numbers import keeps_text, mask_card_numbers
from app.core.models import Base
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from tests.factories.billing import collect, make_invoice
from tests.factories.people import make_patient

VISA = "4111111111111111"
# The schemes' own test numbers.
NUMBERS = [
    VISA, "4000056655665556", "5555555555554444", "2223003122003222", "378282246310005", "30569309025904",
    "6011111111111117", "6521111111111110", "3566002020360505", "6200000000000005", "6759649826438453",
    "4111111111111111110",
]  # fmt: skip
NO_CARDS = [
    "4111111111111112",  # the check digit is wrong
    "9876543210123456",  # no scheme begins so
    "+919876543210", "+4111111111111111",  # telephones
    "123456789012",  # a UPI reference, an Aadhaar number
    "4006381333931",  # an EAN of thirteen digits
    "pay_4111111111111111", "OMO4111111111111111", "0190a4b2-4111-1111-1111-111111111111", "4111111111111111-7",
    "2026-11-21 18:00", "41111111111111111111111",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("form", ["{}", "card {}, 12/27", "({})", "no.{}!"])
def test_numbers_of_every_scheme_are_masked(number: str, form: str) -> None:
    assert mask_card_numbers(form.format(number)) == form.format(f"•••• {number[-4:]}")


@pytest.mark.parametrize("gap", [" ", "-", ".", "\u00a0"])
def test_numbers_written_in_groups_are_masked(gap: str) -> None:
    assert mask_card_numbers("card " + gap.join(["4111", "1111", "1111", "1111"])) == "card •••• 1111"


def test_each_number_of_a_text_is_masked() -> None:
    assert mask_card_numbers(f"{VISA} or 5555 5555 5555 4444") == "•••• 1111 or •••• 4444"


@pytest.mark.parametrize("words", NO_CARDS)
def test_other_numbers_stay(words: str) -> None:
    assert mask_card_numbers(words) == words


@pytest.mark.usefixtures("in_clinic")
def test_neither_rows_nor_the_trail_get_to_know_them() -> None:
    patient = make_patient()
    with unit_of_work():
        patient.alerts = ["allergic", f"pays with {VISA}"]
        patient.address = f"card {VISA}"
        record("exported", "patient", patient.id, reason=f"asked for {VISA}")
    assert (patient.alerts, patient.address) == (["allergic", "pays with •••• 1111"], "card •••• 1111")
    found = db.session.execute(text("select changes::text, reason from audit_entry")).all()
    assert VISA not in str(found)
    assert "asked for •••• 1111" in str(found)


def test_money_requests_with_a_card_number_keep_its_end(client_as: Any, in_clinic: Any) -> None:
    finance = client_as("FINANCE_BILLING")
    clinic_id = in_clinic.id
    payment, invoice = collect(make_invoice("500.00"), "500.00").payment, make_invoice("90.00")
    changed = finance.put(f"/api/v1/billing/payments/{payment.id}", json={"reference": VISA, "notes": f"card {VISA}"})
    assert (changed.json["reference"], changed.json["notes"]) == ("•••• 1111", "card •••• 1111")
    voided = finance.post(f"/api/v1/billing/invoices/{invoice.id}/void", json={"reason": f"paid by {VISA}"})
    assert voided.status_code == 200
    with tenant_scope(clinic_id):
        tables = db.session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        dump = "".join(str(db.session.execute(text(f'select * from "{table}"')).all()) for table in tables)
    assert VISA not in dump
    assert dump.count("paid by •••• 1111") >= 2  # the invoice, the journal, the trail


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("payment", ["reference", "notes", "description"]),
        ("refund", ["reason", "decision_note"]),
        ("invoice", ["notes", "discount_reason", "void_reason"]),
        ("journal_entry", ["memo"]),
        ("appointment", ["notes", "cancelled_note"]),
        ("patient", ["address", "alerts", "tags"]),
        ("message", ["subject", "body"]),
    ],
)
def test_what_people_write_is_watched_and_what_machines_compare_is_not(table: str, columns: list[str]) -> None:
    found = Base.metadata.tables[table].c
    assert all(keeps_text(found[name]) for name in columns)
    assert not any(keeps_text(column) for column in found if column.name.endswith(("_id", "_hash", "_key")))
