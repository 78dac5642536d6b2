"""One sum by several tenders: all or nothing, exactly what is due, one receipt."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Receipt
from app.billing.queries import get_receipt, payments_that_settled
from app.billing.services import receipt_pdf
from app.billing.services.split_tender import Part, SplitCollected, collect_split
from app.core.errors import Invalid
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.models import Payment
from tests.factories.billing import make_invoice, make_priced_visit, reload, rupees
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf


def parts(*given: tuple[str, str]) -> list[Part]:
    return [Part(tender, rupees(amount), "" if tender == "CASH" else "ref 7") for tender, amount in given]


def collect(target: Any, wanted: list[Part]) -> SplitCollected:
    with unit_of_work():
        return collect_split(target, wanted)


def test_the_parts_settle_the_invoice_on_one_receipt(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    wanted = [
        Part("CASH", rupees("380"), tendered=rupees("500")),
        *parts(("CARD_TERMINAL", "400"), ("UPI", "100"), ("CHEQUE", "70"), ("BANK", "50")),
    ]
    taken = collect(invoice, wanted)
    assert reload(invoice).status == "PAID"
    assert taken.change == rupees("120")
    assert db.session.scalars(select(Receipt.number)).all() == [taken.receipt.number]
    assert {get_receipt(payment.id).id for payment in taken.payments} == {taken.receipt.id}
    assert len(payments_that_settled(invoice.id)) == 5
    for code, amount in (("CASH", "380"), ("CARD_CLEARING", "400"), ("UPI_CLEARING", "100"), ("CHEQUE_CLEARING", "70")):
        assert balance(AccountCode(code)) == rupees(amount)
    assert not balance(AccountCode.RECEIVABLE)


def test_the_receipt_lists_all_parts_and_the_change(in_clinic: Any) -> None:
    taken = collect(
        make_invoice("1000.00"),
        [Part("CASH", rupees("380"), tendered=rupees("500")), *parts(("CARD_TERMINAL", "400"), ("UPI", "220"))],
    )
    printed = ReadPdf(receipt_pdf(taken.receipt)).text
    for words in (
        "Cash",
        "500.00",
        "Change given",
        "120.00",
        "Card terminal",
        "400.00",
        "UPI",
        "220.00",
        "Paid",
        "1,000.00",
    ):
        assert words in printed, words


def test_a_visit_is_confirmed_once_all_parts_are_there(in_clinic: Any) -> None:
    visit = make_priced_visit("800.00")
    collect(visit, parts(("CASH", "300"), ("UPI", "500")))
    db.session.expire_all()
    assert visit.status == "CONFIRMED"


@pytest.mark.parametrize(
    "wanted",
    [
        [("CASH", "999.99")],
        [("CASH", "500"), ("UPI", "500.01")],
        [("CASH", "1001")],
        [("CASH", "1000"), ("CASH", "-1")],
        [("SHELLS", "1000")],
        [],
    ],
    ids=["short", "a paisa over", "over", "negative", "no such tender", "nothing"],
)
def test_parts_that_are_not_exactly_what_is_due_take_nothing(in_clinic: Any, wanted: Any) -> None:
    invoice = make_invoice("1000.00")
    with pytest.raises(Invalid):
        collect(invoice, parts(*wanted))
    assert reload(invoice).status == "OPEN"
    assert db.session.scalars(select(Payment.id).where(Payment.invoice_id == invoice.id)).all() == []


@pytest.mark.parametrize(
    "part",
    [
        Part("UPI", rupees("1000")),
        Part("CASH", rupees("1000"), tendered=rupees("900")),
        Part("UPI", rupees("1000"), "ref", tendered=rupees("1100")),
    ],
    ids=["no reference", "too little given", "change of a transfer"],
)
def test_a_part_that_cannot_be_is_refused(in_clinic: Any, part: Part) -> None:
    with pytest.raises(Invalid):
        collect(make_invoice("1000.00"), [part])


def test_another_patients_receipt_is_not_found(in_clinic: Any) -> None:
    from app.core.errors import NotFound
    from app.core.principal import Membership, Principal, acting_as

    taken = collect(make_invoice("10.00"), parts(("CASH", "4"), ("UPI", "6")))
    member = Membership(in_clinic.id, "Clinic", "PATIENT", patient_id=make_patient().id)
    with acting_as(Principal(make_patient().id, "p", "P", "-", (member,), member)), pytest.raises(NotFound):
        get_receipt(taken.payments[1].id)
