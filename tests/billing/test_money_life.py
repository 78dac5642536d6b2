"""The whole life of a patient's money in random order: invoices, desk, gateway, refunds, disputes, corrections.

After each deed the journal is asked: it balances entry by entry, and every account holds exactly what the papers say.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.billing.models import OWED, CreditNote, Invoice, InvoiceAllocation
from app.billing.services import (
    NewLine,
    apply_credit,
    approve_request,
    collect_at_desk,
    credit_invoice,
    draft_invoice,
    lock_invoice,
    open_invoice,
    reinstate_invoice,
    request_write_off,
    void_invoice,
)
from app.billing.services.returned_cheques import return_cheque, undo_return
from app.billing.services.settlement import unallocated
from app.core.errors import AppError
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalLine
from app.ledger.queries import balance
from app.payments.errors import FactRefused, NotKnownYet
from app.payments.gateways.base import GatewayDispute, PaymentState, RefundState
from app.payments.models import ORIGINAL, Dispute, Payment, Refund
from app.payments.services import (
    apply_dispute_fact,
    apply_fact,
    apply_refund_fact,
    apply_release,
    approve_refund,
    reject_refund,
    request_refund,
)
from tests.factories.access import make_clinic
from tests.factories.payments import make_fact, make_gateway_account, make_payment, make_refund_fact
from tests.factories.people import make_patient

KINDS = (
    "issue", "pay", "part pay", "pay by cheque", "cheque returned", "return undone", "begin", "reserve", "capture",
    "part capture", "fail", "let go", "ask refund", "approve refund", "reject refund", "refund sent",
    "refund settled", "refund failed", "dashboard refund", "dispute", "win dispute", "lose dispute", "credit",
    "write off", "reinstate", "void", "use credit",
)  # fmt: skip
DEEDS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 100)), min_size=4, max_size=14)
LIVES = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
A_STORY = [
    ("begin", 1), ("reserve", 1), ("part capture", 60), ("capture", 1), ("ask refund", 50), ("approve refund", 1),
    ("refund sent", 1), ("dispute", 30), ("lose dispute", 30), ("refund settled", 1), ("refund failed", 1),
    ("write off", 1), ("reinstate", 1), ("credit", 40), ("pay", 1), ("issue", 1), ("pay by cheque", 50),
    ("write off", 1), ("cheque returned", 1), ("return undone", 1), ("cheque returned", 1),
    ("void", 1), ("use credit", 1),
]  # fmt: skip


def somebody(clinic_id: str, role: str) -> Principal:
    member = Membership(clinic_id, "Clinic", role)
    return Principal(new_id(), role.lower(), role, "-", (member,), member)


class Life:
    """Acts on the database and keeps nothing of its own; `share` picks the row and its part."""

    def __init__(self, clinic_id: str, total: int) -> None:
        self.total, self.patient_id = total, make_patient().id
        self.finance, self.admin = (somebody(clinic_id, role) for role in ("FINANCE_BILLING", "CLINIC_ADMIN"))
        make_gateway_account()
        self.do("issue", 1)

    def rows(self, model: Any) -> list[Any]:
        db.session.rollback()
        return list(db.session.scalars(select(model).order_by(model.id).execution_options(populate_existing=True)))

    def do(self, deed: str, share: int) -> None:
        """A deed that is not possible now is refused whole; anything but a refusal fails the test."""
        with suppress(AppError, NotKnownYet, FactRefused), acting_as(self.finance), unit_of_work():
            getattr(self, deed.replace(" ", "_"))(share)

    def pick(self, model: Any, share: int, fits: Any = lambda row: True) -> Any:
        found = [row for row in db.session.scalars(select(model).order_by(model.id)) if fits(row)]
        return found[share % len(found)] if found else None

    def invoice_at(self, share: int, *statuses: str) -> Invoice | None:
        chosen = self.pick(Invoice, share, lambda row: row.status in (statuses or OWED))
        return lock_invoice(chosen.id) if chosen else None

    def part(self, money: Money, share: int) -> Money:
        return Money(max(money.minor * share // 100, 1), money.currency)

    # invoices

    def issue(self, share: int) -> None:
        line = NewLine("Item", Money(self.total * share, "INR"))
        open_invoice(draft_invoice(self.patient_id, [line]))

    def pay(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            collect_at_desk(invoice, "CASH")

    def part_pay(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            collect_at_desk(invoice, "CASH", self.part(invoice.amount_due, share))

    def pay_by_cheque(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            collect_at_desk(invoice, "CHEQUE", self.part(invoice.amount_due, share))

    def cheque_returned(self, share: int) -> None:
        payment = self.pick(Payment, share, lambda row: row.method == "CHEQUE")
        if payment:
            return_cheque(payment.id, "Funds insufficient", was_at_bank=False)

    def return_undone(self, share: int) -> None:
        payment = self.pick(Payment, share, lambda row: row.method == "CHEQUE")
        if payment:
            undo_return(payment.id, "Another one was meant")

    def credit(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            credit_invoice(invoice, self.part(invoice.amount_due, share), "Goodwill")

    def write_off(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            approval = request_write_off(invoice, "Moved away")
            with acting_as(self.admin):
                approve_request(approval.id)

    def reinstate(self, share: int) -> None:
        invoice = self.invoice_at(share, "WRITTEN_OFF")
        if invoice:
            reinstate_invoice(invoice, "Came back")

    def void(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            void_invoice(invoice, "By mistake")

    def use_credit(self, share: int) -> None:
        apply_credit(self.patient_id)

    # the gateway

    def begin(self, share: int) -> None:
        invoice = self.invoice_at(share)
        if invoice:
            due, order_id = invoice.amount_due, f"order_{new_id()}"
            make_payment(due, order_id=order_id, patient_id=self.patient_id, invoice_id=invoice.id)

    def payment_at(self, share: int) -> Payment | None:
        found: Payment | None = self.pick(Payment, share, lambda row: not row.at_desk)
        return found

    def tell(self, share: int, state: PaymentState, **sums: Any) -> None:
        payment = self.payment_at(share)
        if payment:
            apply_fact(payment.id, make_fact(payment, state, payment_id=f"pay_{payment.id}", **sums))

    def reserve(self, share: int) -> None:
        self.tell(share, PaymentState.AUTHORIZED)

    def capture(self, share: int) -> None:
        payment = self.payment_at(share)
        self.tell(share, PaymentState.CAPTURED, fee=self.part(payment.amount, 2) if payment else None)

    def part_capture(self, share: int) -> None:
        payment = self.payment_at(share)
        if payment:
            self.tell(share, PaymentState.CAPTURED, captured=self.part(payment.amount, share))

    def fail(self, share: int) -> None:
        self.tell(share, PaymentState.FAILED)

    def let_go(self, share: int) -> None:
        payment = self.payment_at(share)
        if payment and not payment.captured_minor:
            apply_release(payment.id, f"pay_{payment.id}", payment.amount)

    # refunds

    def ask_refund(self, share: int) -> None:
        payment = self.pick(Payment, share, lambda row: row.refundable)
        if payment:
            request_refund(payment, self.part(payment.refundable, share), "Refund")

    def refund_at(self, share: int, *statuses: str) -> Refund | None:
        found: Refund | None = self.pick(Refund, share, lambda row: row.status in statuses)
        return found

    def approve_refund(self, share: int) -> None:
        refund = self.refund_at(share, "REQUESTED")
        if refund:
            approve_refund(refund)

    def reject_refund(self, share: int) -> None:
        refund = self.refund_at(share, "REQUESTED")
        if refund:
            reject_refund(refund)

    def move(self, share: int, state: RefundState) -> None:
        refund = self.pick(
            Refund, share, lambda row: row.gateway_payment_id and row.status not in ("REQUESTED", "REJECTED")
        )
        if refund:
            about = {"refund_id": f"rfnd_{refund.id}", "payment_id": refund.gateway_payment_id, "reference": refund.id}
            apply_refund_fact(refund.payment_id, make_refund_fact(refund.amount, state, **about))

    def refund_sent(self, share: int) -> None:
        self.move(share, RefundState.PENDING)

    def refund_settled(self, share: int) -> None:
        self.move(share, RefundState.SETTLED)

    def refund_failed(self, share: int) -> None:
        self.move(share, RefundState.FAILED)

    def dashboard_refund(self, share: int) -> None:
        payment = self.payment_at(share)
        if payment:
            about = {"refund_id": f"dash_{share % 3}_{payment.id}", "payment_id": f"pay_{payment.id}"}
            apply_refund_fact(payment.id, make_refund_fact(self.part(payment.amount, share), **about))

    # disputes

    def tell_dispute(self, share: int, state: str) -> None:
        payment = self.payment_at(share)
        if payment and payment.captured_minor:
            fact = GatewayDispute(f"disp_{payment.id}", f"pay_{payment.id}", state, payment.captured)
            apply_dispute_fact(payment.id, fact)

    def dispute(self, share: int) -> None:
        self.tell_dispute(share, "open")

    def win_dispute(self, share: int) -> None:
        self.tell_dispute(share, "won")

    def lose_dispute(self, share: int) -> None:
        self.tell_dispute(share, "lost")


def check(life: Life) -> None:
    invoices, payments, refunds = life.rows(Invoice), life.rows(Payment), life.rows(Refund)
    _check_entries()
    for payment in payments:
        assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor
        if not any(refund.external for refund in payment.refunds):  # a dashboard asks nobody what is promised already
            assert payment.refunded_minor + payment.refund_pending_minor <= payment.captured_minor
        assert payment.captured_minor == sum(item.captured_minor for item in payment.attempts)
        assert payment.refunded_minor == _sum(refunds, payment_id=payment.id, status="SETTLED")
        assert unallocated(payment).minor >= 0
    for invoice in invoices:
        applied = func.sum(InvoiceAllocation.applied_minor - InvoiceAllocation.returned_minor)
        wanted = select(func.coalesce(applied, 0)).where(InvoiceAllocation.invoice_id == invoice.id)
        assert invoice.paid_minor == db.session.scalar(wanted)
        assert invoice.paid_minor + invoice.credited_minor <= invoice.total_minor
        assert invoice.amount_due.minor >= 0
    _check_accounts(life, invoices, payments, refunds)


def _check_entries() -> None:
    sums = select(JournalLine.entry_id, func.sum(JournalLine.debit_minor), func.sum(JournalLine.credit_minor))
    for _entry, debits, credits in db.session.execute(sums.group_by(JournalLine.entry_id, JournalLine.currency)):
        assert debits == credits


def _check_accounts(life: Life, invoices: list[Invoice], payments: list[Payment], refunds: list[Refund]) -> None:
    gateway = {payment.id for payment in payments if not payment.at_desk}
    taken = sum(payment.captured_minor for payment in payments if payment.id in gateway)
    fees = balance(AccountCode.GATEWAY_FEES).minor
    lost = sum(row.amount_minor for row in life.rows(Dispute) if row.state == "LOST")
    through = [row for row in refunds if row.payment_id in gateway and row.destination == ORIGINAL]
    on_the_way = _sum(through, status="SENT")
    expected = {
        AccountCode.RECEIVABLE: sum(invoice.amount_due.minor for invoice in invoices),
        AccountCode.PATIENT_CREDIT: sum(unallocated(payment).minor for payment in payments),
        AccountCode.CASH: _kept(payments, "CASH"),
        AccountCode.CHEQUE_CLEARING: _kept(payments, "CHEQUE"),
        AccountCode.REFUND_CLEARING: on_the_way,
        AccountCode.CHARGEBACKS: lost,
        AccountCode.GATEWAY_CLEARING: taken - fees - lost - on_the_way - _sum(through, status="SETTLED"),
    }
    assert {code: balance(code).minor for code in expected} == expected
    for code in (AccountCode.RECEIVABLE, AccountCode.PATIENT_CREDIT):
        assert balance(code, life.patient_id).minor >= 0
    assert balance(AccountCode.CASH).minor >= 0 and balance(AccountCode.CHEQUE_CLEARING).minor >= 0
    billed = sum(invoice.total_minor for invoice in invoices if invoice.status not in ("VOID", "DRAFT"))
    credited = sum(note.total_minor for note in life.rows(CreditNote))
    assert balance(AccountCode.REVENUE).minor == billed - credited


def _kept(payments: list[Payment], tender: str) -> int:
    at_desk = (row for row in payments if row.at_desk and row.method == tender)
    return sum(row.captured_minor - row.refunded_minor for row in at_desk)


def _sum(refunds: list[Refund], **columns: str) -> int:
    return sum(row.amount_minor for row in refunds if all(getattr(row, name) == columns[name] for name in columns))


@LIVES
@given(total=st.integers(1, 10**7), deeds=DEEDS)
def test_whatever_happens_the_books_and_the_papers_agree(app_context: Any, total: int, deeds: Any) -> None:
    clinic_id = make_clinic().id
    with tenant_scope(clinic_id):
        life = Life(clinic_id, total)
        for deed, share in deeds:
            life.do(deed, share)
            check(life)


def test_one_life_reaches_every_account(app_context: Any) -> None:
    """So that the random lives are known to be able to do what they claim: nothing here is refused to death."""
    clinic_id = make_clinic().id
    with tenant_scope(clinic_id):
        life = Life(clinic_id, 10_000)
        for deed, share in A_STORY:
            life.do(deed, share)
            check(life)
        assert {row.state for row in life.rows(Dispute)} == {"LOST"}
        assert {row.status for row in life.rows(Refund)} == {"FAILED", "SETTLED"}
        assert [row.came_back for row in life.rows(Refund)] == [False, False, True]
        assert life.rows(CreditNote) and len(life.rows(Invoice)) == 2
        assert balance(AccountCode.CHARGEBACKS) and balance(AccountCode.GATEWAY_FEES)
