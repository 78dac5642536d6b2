"""Amounts worked out by hand, from the line to the printed paper, in currencies with two, no and three decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.billing.services import NewLine, collect_at_desk, draft_invoice, ensure_pdf, lock_invoice, open_invoice
from app.catalog.tax import TaxRule
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.services import approve_refund, request_refund
from tests.factories.access import make_clinic
from tests.factories.payments import reread
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf

VAT = TaxRule(None, "VAT", (("VAT", Decimal("7.7")),))  # type: ignore[arg-type]
# Price, three of it, 7.7 % of that rounded, both together, what goes back of it, and what is kept.
BY_HAND = [
    ("INR", "33.33", "99.99", "7.70", "107.69", "35.90", "71.79"),
    ("USD", "33.33", "99.99", "7.70", "107.69", "35.90", "71.79"),
    ("JPY", "333", "999", "77", "1076", "359", "717"),
    ("KWD", "3.333", "9.999", "0.770", "10.769", "3.590", "7.179"),
]


def finance(clinic_id: str) -> Principal:
    member = Membership(clinic_id, "Clinic", "FINANCE_BILLING")
    return Principal(new_id(), "f", "F", "-", (member,), member)


@pytest.mark.parametrize(
    ("currency", "price", "net", "tax", "total", "back", "kept"), BY_HAND, ids=[row[0] for row in BY_HAND]
)
def test_from_the_line_to_the_paper_and_back(
    app_context: Any, currency: str, price: str, net: str, tax: str, total: str, back: str, kept: str
) -> None:
    def money(text: str) -> Money:
        return Money.parse(text, currency)

    clinic_id = make_clinic(settings={"currency": currency}).id
    with tenant_scope(clinic_id), acting_as(finance(clinic_id)):
        patient_id = make_patient().id
        with unit_of_work():
            line = NewLine("Dressing", money(price), Decimal(3), tax=VAT)
            invoice = open_invoice(draft_invoice(patient_id, [line]))
            invoice_id = invoice.id
            assert (invoice.subtotal, invoice.tax, invoice.total) == (money(net), money(tax), money(total))
        with unit_of_work():
            payment = collect_at_desk(lock_invoice(invoice_id), "UPI", reference="7").payment
        assert balance(AccountCode.UPI_CLEARING) == money(total)
        with unit_of_work():
            approve_refund(request_refund(payment, money(back), "one too many"))
        assert (reread(payment).captured, reread(payment).refunded) == (money(total), money(back))
        assert balance(AccountCode.UPI_CLEARING) == money(kept)
        with unit_of_work():
            invoice = lock_invoice(invoice_id)
            assert (invoice.credited, invoice.amount_due) == (money(back), money("0"))
            printed = ReadPdf(bytes(ensure_pdf(invoice_id).content)).text.replace(",", "")
        assert balance(AccountCode.REVENUE) + balance(AccountCode.TAX_PAYABLE) == money(kept)
        assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
        for amount in (price, net, tax, total):
            assert amount in printed, amount


def test_tax_is_rounded_line_by_line_and_the_invoice_is_their_sum(app_context: Any) -> None:
    """Three times 0.33 x 7.7 % = 0.02541 is 0.03 per line and so 0.09, not the 0.08 of 0.99 at once."""
    with tenant_scope(make_clinic().id):
        cheap = [NewLine("Swab", Money(33, "INR"), tax=VAT) for _ in range(3)]
        with unit_of_work():
            invoice = open_invoice(draft_invoice(make_patient().id, cheap))
        assert [line.tax_minor for line in invoice.lines] == [3, 3, 3]
        assert (invoice.tax_minor, invoice.total_minor) == (9, 108)
