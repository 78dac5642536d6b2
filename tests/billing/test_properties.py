"""Whatever is invoiced, paid and given back in whatever order: sums add up and the books tell the same story."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice
from app.billing.services import (
    LineCredit,
    NewLine,
    NoCredit,
    apply_credit,
    approve_request,
    collect_at_desk,
    credit_invoice,
    credit_lines,
    draft_invoice,
    lock_for_credit,
    lock_invoice,
    open_invoice,
    request_write_off,
    take_deposit,
)
from app.billing.services.settlement import unallocated
from app.catalog.tax import TaxRule
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import Payment
from app.payments.services import approve_refund, record_tender, request_refund
from tests.factories.access import make_clinic
from tests.factories.people import make_patient

RULES = [
    None,
    TaxRule(None, "GST 18", (("CGST", Decimal(9)), ("SGST", Decimal(9)))),  # type: ignore[arg-type]
    TaxRule(None, "VAT", (("VAT", Decimal("7.7")),)),  # type: ignore[arg-type]
]
LINES = st.lists(
    st.tuples(
        st.integers(0, 10**7),
        st.decimals("0.001", "999", places=3),
        st.integers(0, 100),
        st.sampled_from(RULES),
    ),
    min_size=1,
    max_size=6,
)
ONE_BY_ONE = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def new_lines(drawn: Any) -> list[NewLine]:
    lines = []
    for price, quantity, percent_off, tax in drawn:
        unit = Money(price, "INR")
        gross = unit.times(quantity)
        lines.append(NewLine("Item", unit, quantity, Money(gross.minor * percent_off // 100, "INR"), tax))
    return lines


@ONE_BY_ONE
@given(drawn=LINES, percent_off=st.integers(0, 100))
def test_an_invoice_is_the_sum_of_what_is_printed(app_context: Any, drawn: Any, percent_off: int) -> None:
    lines = new_lines(drawn)
    nets = [line.unit_price.times(line.quantity) - (line.discount or Money(0, "INR")) for line in lines]
    discount = Money(sum(net.minor for net in nets) * percent_off // 100, "INR")
    with tenant_scope(make_clinic().id):
        patient_id = make_patient().id
        with unit_of_work():
            invoice = open_invoice(draft_invoice(patient_id, lines, discount=discount))
        assert invoice.subtotal == Money.total(nets, "INR")
        assert sum(line.share_minor for line in invoice.lines) == discount.minor
        for line in invoice.lines:
            assert 0 <= line.share_minor <= line.net_minor
            assert line.tax_minor == sum(item["minor"] for item in line.tax_components)
            for item in line.tax_components:
                exact = Decimal(line.taxable.minor) * Decimal(item["percent"]) / 100
                assert abs(exact - item["minor"]) <= Decimal("0.5")
        assert Money.total((line.amount for line in invoice.lines), "INR") == invoice.total
        assert balance(AccountCode.RECEIVABLE) == invoice.total
        assert invoice.status == ("OPEN" if invoice.total else "PAID")
        assert balanced()


def balanced() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


# (what to do, per cent of what is possible)
KINDS = ("pay", "pay too much", "refund", "credit", "write off", "deposit", "use credit", "take lines back")
DEEDS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 100)), max_size=10)


def somebody(clinic_id: str, role: str) -> Principal:
    member = Membership(clinic_id, "Clinic", role)
    return Principal(new_id(), role.lower(), role, "-", (member,), member)


class Desk:
    """Does random deeds on one invoice and keeps nothing of its own."""

    def __init__(self, clinic_id: str, total: int) -> None:
        self.patient_id = make_patient().id
        with unit_of_work():
            tax = RULES[1]
            invoice = open_invoice(draft_invoice(self.patient_id, [NewLine("Item", Money(total, "INR"), tax=tax)]))
            self.invoice_id = invoice.id
        self.finance, self.admin = (somebody(clinic_id, role) for role in ("FINANCE_BILLING", "CLINIC_ADMIN"))

    @property
    def invoice(self) -> Invoice:
        with unit_of_work():
            return lock_invoice(self.invoice_id)

    def payments(self) -> list[Payment]:
        """Of the invoice, and deposits."""
        return list(db.session.scalars(select(Payment).where(Payment.patient_id == self.patient_id)))

    def do(self, deed: str, share: int) -> None:
        due = self.invoice.amount_due.minor
        part = max(due * share // 100, 1)
        if deed == "pay" and due:
            with unit_of_work():
                collect_at_desk(self.invoice, "CASH", Money(part, "INR"))
        elif deed == "pay too much":
            # As a gateway does that was paid twice.
            with unit_of_work():
                record_tender("UPI", Money(due + share, "INR"), patient_id=self.patient_id, invoice_id=self.invoice_id)
        elif deed == "credit" and due:
            with unit_of_work():
                credit_invoice(lock_invoice(self.invoice_id), Money(part, "INR"), "Goodwill")
        elif deed == "refund":
            self.refund(share)
        elif deed == "write off" and due:
            self.write_off()
        elif deed == "deposit":
            with unit_of_work():
                take_deposit(self.patient_id, "CASH", Money(share * 100, "INR"))
        elif deed == "use credit":
            with suppress(NoCredit), unit_of_work():
                apply_credit(self.patient_id)
        elif deed == "take lines back":
            self.take_lines_back(share)

    def write_off(self) -> None:
        """By two persons; money that comes later brings the debt back."""
        with acting_as(self.finance), unit_of_work():
            approval = request_write_off(lock_invoice(self.invoice_id), "Moved away")
        with acting_as(self.admin), unit_of_work():
            approve_request(approval.id)

    def take_lines_back(self, share: int) -> None:
        """A part of the line, whether it was paid or not: what was paid becomes credit."""
        invoice = self.invoice
        left = invoice.total_minor - invoice.credited_minor
        if left * share // 100 and invoice.status != "WRITTEN_OFF":
            wanted = LineCredit(invoice.lines[0].id, amount=Money(left * share // 100, "INR"))
            with unit_of_work():
                credit_lines(lock_for_credit(self.invoice_id), [wanted], "Not held", release_paid=True)

    def refund(self, share: int) -> None:
        for payment in self.payments():
            left = payment.refundable.minor
            if left:
                with acting_as(self.finance), unit_of_work():
                    amount = Money(max(left * share // 100, 1), "INR")
                    approve_refund(request_refund(payment, amount, "Refund"))
                return

    def check(self) -> None:
        invoice = self.invoice
        assert balanced()
        lost = balance(AccountCode.WRITE_OFF)
        assert bool(lost) == (invoice.status == "WRITTEN_OFF")
        assert balance(AccountCode.RECEIVABLE, self.patient_id) == invoice.amount_due
        free = Money.total((unallocated(payment) for payment in self.payments()), "INR")
        assert balance(AccountCode.PATIENT_CREDIT, self.patient_id) == free
        notes = db.session.scalars(select(CreditNote)).all()
        assert sum(note.total_minor for note in notes) == invoice.credited_minor
        assert balance(AccountCode.TAX_PAYABLE).minor == invoice.tax_minor - sum(note.tax_minor for note in notes)
        settled = invoice.paid_minor + invoice.credited_minor == invoice.total_minor
        assert (invoice.status == "PAID") == settled or invoice.status == "WRITTEN_OFF"


@ONE_BY_ONE
@given(total=st.integers(1, 10**8), deeds=DEEDS)
def test_any_sequence_of_payments_and_refunds_keeps_the_books(app_context: Any, total: int, deeds: Any) -> None:
    clinic_id = make_clinic().id
    with tenant_scope(clinic_id):
        desk = Desk(clinic_id, total)
        for deed, share in deeds:
            desk.do(deed, share)
            desk.check()
        desk.do("pay", 100)
        desk.do("pay too much", 1)  # brings a debt back that was given up
        while any(payment.refundable for payment in desk.payments()):
            desk.do("refund", 100)
            desk.check()
        invoice = desk.invoice
        if invoice.amount_due:
            desk.do("credit", 100)
        desk.check()
        for code in (AccountCode.RECEIVABLE, AccountCode.PATIENT_CREDIT, AccountCode.CASH, AccountCode.UPI_CLEARING):
            assert not balance(code), code
        assert not balance(AccountCode.REVENUE) and not balance(AccountCode.TAX_PAYABLE)
