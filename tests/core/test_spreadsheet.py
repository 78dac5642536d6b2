"""Lists as workbooks: numbers stay numbers, texts stay texts."""

from __future__ import annotations

import codecs
import re
from contextvars import copy_context
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

from app.core.money import Money
from app.core.spreadsheet import Sheet, csv_cell, workbook
from app.core.tenant import tenant_scope
from tests.factories.access import make_clinic
from tests.factories.billing import make_invoice
from tests.factories.people import make_patient

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Type and text of each cell, row by row: `str`, or `n` for numbers and dates."""
    with ZipFile(BytesIO(content)) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        shown = []
        for cell in row.iter(f"{SHEET}c"):
            kind, text = cell.get("t", "n"), "".join(part.text or "" for part in cell.iter() if part.text)
            shown.append(("str" if kind in ("inlineStr", "s") else kind, text))
        rows.append(shown)
    return rows


def test_amounts_and_times_are_numbers_and_formulas_are_text(app_context: Any) -> None:
    with app_context.test_request_context():
        row = [
            Money(123456, "INR"), Money(7, "JPY"), Money(1, "KWD"), Decimal("2.5"), True, None,
            date(2026, 11, 21), datetime(2026, 11, 21, 12, tzinfo=UTC), "=1+1", "http://x.example",
        ]  # fmt: skip
        content = b"".join(workbook([Sheet([f"c{at}" for at in range(10)], [row])]))
    head, first = cells(content)
    assert head[0] == ("str", "c0")
    assert [text for kind, text in first if kind == "n"][:4] == ["1234.56", "7", "0.001", "2.5"]
    assert [text for kind, text in first if kind == "str"] == ["=1+1", "http://x.example"]
    assert b"<f>" not in ZipFile(BytesIO(content)).read("xl/worksheets/sheet1.xml")
    styles = ZipFile(BytesIO(content)).read("xl/styles.xml").decode()
    assert re.findall(r'formatCode="([^"]*)"', styles)[:3] == [
        "#,##0.00&quot; INR&quot;", "#,##0&quot; JPY&quot;", "#,##0.000&quot; KWD&quot;",
    ]  # fmt: skip


def test_times_in_a_csv_are_the_clinics_as_in_a_workbook(app_context: Any) -> None:
    clinic_id = make_clinic(settings={"zone": "Asia/Kolkata"}).id
    moment = datetime(2026, 11, 21, 19, 5, 7, 123456, tzinfo=UTC)
    with app_context.test_request_context(), tenant_scope(clinic_id):
        assert csv_cell(moment) == "2026-11-22 00:35:07"
    assert csv_cell(date(2026, 11, 21)) == "2026-11-21"


def test_the_invoice_list_is_exported_as_a_workbook_and_noted(in_clinic: Any, console_as: Any) -> None:
    from sqlalchemy import select

    from app.audit.models import AuditEntry
    from app.core.tenant import db, tenant_scope

    for amount in ("10.00", "20.50"):
        make_invoice(amount)
    answer = console_as("FINANCE_BILLING").get("/invoiceview/export?format=xlsx")
    assert answer.mimetype.endswith("spreadsheetml.sheet")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="invoice.xlsx"'
    head, *rows = cells(answer.data)
    assert ("str", "Total") in head
    totals = [float(row[head.index(("str", "Total"))][1]) for row in rows]
    assert sorted(totals) == [10, 20.5]
    entry = select(AuditEntry).where(AuditEntry.entity == "invoice", AuditEntry.action.like("%export%"))
    with tenant_scope(in_clinic.id):
        assert db.session.scalars(entry).all()


@pytest.mark.parametrize(
    "address", ["/invoiceview/export", "/statements/journal.csv", "/trial-balance/balances.csv", "/reports/revenue/csv"]
)
def test_files_of_the_console_tell_excel_that_they_are_utf_8(in_clinic: Any, console_as: Any, address: str) -> None:
    """Without the mark it takes a machine's own code page, and names in Hindi are garbled."""
    make_invoice("10.00", patient=make_patient(first_name="कविता"))
    finance = console_as("FINANCE_BILLING")
    content = copy_context().run(lambda: finance.get(address, buffered=True)).data
    assert content.startswith(codecs.BOM_UTF8)
    assert content.count(codecs.BOM_UTF8) == 1
    assert ("कविता" in content.decode("utf-8-sig")) == (address == "/invoiceview/export")
