"""Credit notes by line and quantity: never above the invoice, exact in every currency."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice
from app.billing.services import LineCredit, credit_balance, credit_invoice, credit_lines, lock_for_credit
from app.billing.services.credit_parts import AboveInvoice, left_of_lines
from app.billing.services.invoices import draft_invoice, open_invoice
from app.billing.services.lines import NewLine
from app.catalog.tax import TaxRule
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from tests.billing.conftest import Api
from tests.factories.access import make_clinic
from tests.factories.billing import collect, make_invoice, reload, rupees
from tests.factories.people import make_patient

ApiAs = Callable[..., Api]
GST = TaxRule(None, "GST 18", (("CGST", Decimal(9)), ("SGST", Decimal(9))))  # type: ignore[arg-type]
IGST = TaxRule(None, "GST 12", (("IGST", Decimal(12)),))  # type: ignore[arg-type]
VAT = TaxRule(None, "VAT", (("VAT", Decimal("7.7")),))  # type: ignore[arg-type]


def two_lines(**columns: Any) -> Invoice:
    """Three bandages at 33.33 with GST, and a consultation at 500 without tax."""
    lines = [NewLine("Bandage", rupees("33.33"), Decimal(3), tax=GST), NewLine("Consultation", rupees("500"))]
    return make_invoice(lines=lines, **columns)


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_pieces_of_a_line_are_credited_with_their_tax(in_clinic: Any, api: ApiAs) -> None:
    invoice, finance = two_lines(), api("FINANCE_BILLING")
    bandage = invoice.lines[0]
    assert str(bandage.amount) == "117.99 INR"
    path, totals = f"/billing/invoices/{invoice.id}/credit", []
    for _ in range(3):
        status, note = finance("POST", path, {"reason": "Unused", "lines": [{"lineId": bandage.id, "quantity": 1}]})
        assert status == 201, note
        totals.append((note["amount"], note["tax"], note["lines"][0]["quantity"]))
    assert totals == [(39.33, 6, 1), (39.33, 6, 1), (39.33, 6, 1)]
    again = finance("POST", path, {"reason": "Unused", "lines": [{"lineId": bandage.id, "quantity": 0.001}]})
    assert (again[0], again[1]["error"]["code"]) == (409, "ABOVE_INVOICE")
    assert str(reload(invoice).amount_due) == "500.00 INR"
    numbers = [note.number[-6:] for note in db.session.scalars(select(CreditNote).order_by(CreditNote.number))]
    assert numbers == ["000001", "000002", "000003"]
    assert not balance(AccountCode.TAX_PAYABLE) and books_balance()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"lines": []}, 422),
        ({"lines": [{"quantity": 1}]}, 422),
        ({"lines": ["first", "first"]}, 422),
        ({"lines": [{"lineId": "019b0000-0000-7000-8000-000000000000", "quantity": 1}]}, 422),
        ({"lines": [{"lineId": "first"}]}, 422),
        ({"lines": [{"lineId": "first", "quantity": 1, "amount": 1}]}, 422),
        ({"lines": [{"lineId": "first", "quantity": 4}]}, 409),
        ({"lines": [{"lineId": "first", "amount": "118.00"}]}, 409),
        ({"lines": [{"lineId": "first", "amount": "0"}]}, 422),
        ({"amount": "1.00", "lines": [{"lineId": "first", "quantity": 1}]}, 422),
        ({}, 422),
    ],
    ids=range(11),
)
def test_what_cannot_be_credited_is_told(in_clinic: Any, api: ApiAs, body: dict[str, Any], status: int) -> None:
    invoice = two_lines()
    first = invoice.lines[0].id
    lines = [
        {"lineId": first, "quantity": 1} if line == "first" else {**line, **_named(line, first)}
        for line in body.get("lines", [])
    ]
    wanted = {**body, "reason": "Wrong", **({"lines": lines} if "lines" in body else {})}
    assert api("FINANCE_BILLING")("POST", f"/billing/invoices/{invoice.id}/credit", wanted)[0] == status
    assert not reload(invoice).credited_minor


def _named(line: Any, first: str) -> dict[str, str]:
    return {"lineId": first} if line.get("lineId") == "first" else {}


def test_crediting_what_was_paid_sets_the_money_free_only_when_asked(in_clinic: Any) -> None:
    invoice = two_lines()
    collect(invoice)
    wanted = [LineCredit(invoice.lines[1].id, Decimal(1))]
    with pytest.raises(AboveInvoice), unit_of_work():
        credit_lines(lock_for_credit(invoice.id), wanted, "Not held")
    with unit_of_work():
        credit_lines(lock_for_credit(invoice.id), wanted, "Not held", release_paid=True)
    invoice = reload(invoice)
    assert (invoice.status, str(invoice.amount_paid), str(invoice.credited)) == ("PAID", "117.99 INR", "500.00 INR")
    assert credit_balance(invoice.patient_id) == rupees("500")
    assert not balance(AccountCode.RECEIVABLE) and books_balance()


def test_an_amount_is_shared_over_the_lines_that_are_left(in_clinic: Any) -> None:
    invoice = two_lines()
    with unit_of_work():
        credit_lines(lock_for_credit(invoice.id), [LineCredit(invoice.lines[0].id, Decimal(3))], "Unused")
        note = credit_invoice(lock_for_credit(invoice.id), rupees("100"), "Goodwill")
    assert [(line.line.description, str(line.amount)) for line in note.lines] == [("Consultation", "100.00 INR")]
    left = left_of_lines(reload(invoice))
    assert [(str(quantity), str(amount)) for _line, quantity, amount in left] == [
        ("0", "0.00 INR"), ("1.000", "400.00 INR"),
    ]  # fmt: skip


CURRENCIES = ("INR", "USD", "JPY", "KWD")
LINES = st.lists(
    st.tuples(st.integers(0, 10**6), st.decimals("0.001", "99", places=3), st.sampled_from([None, GST, IGST, VAT])),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 100)), max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(currency=st.sampled_from(CURRENCIES), drawn=LINES, percent=st.integers(0, 60), steps=STEPS)
def test_lines_invoice_notes_and_ledger_say_the_same(
    app_context: Any, currency: str, drawn: Any, percent: int, steps: Any
) -> None:
    """Whatever the currency and the order of credits: sums of lines are sums of documents are balances."""
    with tenant_scope(make_clinic(settings={"currency": currency}).id):
        lines = [NewLine("Item", Money(price, currency), quantity, tax=tax) for price, quantity, tax in drawn]
        gross = Money.total((line.unit_price.times(line.quantity) for line in lines), currency)
        patient_id = make_patient().id
        with unit_of_work():
            invoice = open_invoice(draft_invoice(patient_id, lines, discount=gross.percent(percent)))
        assert Money.total((line.amount for line in invoice.lines), currency) == invoice.total
        for by_line, at, share in steps:
            _credit_some(invoice.id, by_line, at, share)
        _credit_some(invoice.id, False, 0, 100)
        invoice = reload(invoice)
        notes = db.session.scalars(select(CreditNote)).all()
        for note in notes:
            assert note.net == Money.total((line.net for line in note.lines), currency)
            assert note.tax == Money.total((line.tax for line in note.lines), currency)
            assert all(line.tax_minor == sum(part["minor"] for part in line.tax_components) for line in note.lines)
        assert invoice.credited == Money.total((note.total for note in notes), currency) == invoice.total
        assert sum(note.tax_minor for note in notes) == invoice.tax_minor
        for code in (AccountCode.RECEIVABLE, AccountCode.TAX_PAYABLE):
            assert not balance(code, currency=currency), code
        assert balance(AccountCode.REVENUE, currency=currency) == invoice.discount
        assert books_balance()


def _credit_some(invoice_id: str, by_line: bool, at: int, share: int) -> None:
    """A share of what is left, of one line by quantity or of the whole by amount."""
    with unit_of_work():
        invoice = lock_for_credit(invoice_id)
        left = Money(invoice.total_minor - invoice.credited_minor, invoice.currency)
        line, quantity, open_of_line = left_of_lines(invoice)[at % len(invoice.lines)]
        part = (quantity * share / 100).quantize(Decimal("0.001"))
        if by_line and part and open_of_line:
            try:
                credit_lines(invoice, [LineCredit(line.id, part)], "Some")
            except AboveInvoice:
                return  # amounts took more of the line than its pieces
            except Exception as error:
                assert "Nothing is credited" in str(getattr(error, "fields", "")), error
        elif not by_line and left.minor * share // 100:
            credit_invoice(invoice, Money(left.minor * share // 100, left.currency), "Some")
