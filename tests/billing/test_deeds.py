"""Money is taken at the desk once, however often its form is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice, Receipt
from app.billing.services import (
    collect_at_desk,
    collect_for_invoices,
    credit_balance,
    take_deposit,
)
from app.billing.services.deeds import FormSentAlready
from app.billing.services.split_tender import Part, collect_split
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.models import Payment
from tests.factories.billing import make_invoice, reload, rupees
from tests.factories.people import make_patient

KEY = re.compile(r'name="key"[^>]*value="([^"]+)"')
Deed = Callable[[str, Sequence[str], str], Any]


def halves(amount: str) -> Sequence[Part]:
    cash, rest = rupees(amount).allocate([1, 1])
    return Part("CASH", cash), Part("UPI", rest, "U 7")


def deposit_of(patient_id: str, _invoices: Sequence[str], key: str) -> Any:
    return take_deposit(patient_id, "CASH", rupees("400"), payment_id=key)


def split_of(_patient_id: str, invoices: Sequence[str], key: str) -> Any:
    return collect_split(db.session.get_one(Invoice, invoices[0]), halves("400"), payment_id=key)


def part_of(_patient_id: str, invoices: Sequence[str], key: str) -> Any:
    return collect_at_desk(db.session.get_one(Invoice, invoices[1]), "CASH", rupees("400"), payment_id=key)


def several_of(patient_id: str, invoices: Sequence[str], key: str) -> Any:
    parts = {invoices[0]: rupees("100"), invoices[1]: rupees("300")}
    return collect_for_invoices(patient_id, "CASH", parts, rupees("400"), payment_id=key)


@pytest.mark.parametrize("deed", [deposit_of, split_of, part_of, several_of])
def test_eight_sends_of_one_form_at_once_are_one_deed(app: Any, in_clinic: Any, deed: Deed) -> None:
    patient = make_patient()
    invoices = [make_invoice(amount, patient=patient).id for amount in ("400.00", "900.00")]
    clinic_id, patient_id, key = in_clinic.id, patient.id, new_id()
    db.session.rollback()

    def send(_click: int) -> str:
        with app.app_context(), tenant_scope(clinic_id), unit_of_work():
            deed(patient_id, invoices, key)
            return str(db.session.scalars(select(Receipt.id).where(Receipt.payment_id == key)).one())

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(send, range(8)))
    assert len(seen) == 1
    assert db.session.scalars(select(Receipt.id)).all() == list(seen)
    taken = db.session.scalars(select(Payment.captured_minor)).all()
    assert sum(taken) == rupees("400").minor
    assert balance(AccountCode.CASH) + balance(AccountCode.UPI_CLEARING) == rupees("400")


def test_a_form_that_took_money_takes_no_other_sum_and_nobody_elses(in_clinic: Any) -> None:
    patient, other, key = make_patient(), make_patient(), new_id()
    with unit_of_work():
        take_deposit(patient.id, "CASH", rupees("400"), payment_id=key)
    for who, amount in ((patient, "401"), (other, "400")):
        with pytest.raises(FormSentAlready), unit_of_work():
            take_deposit(who.id, "CASH", rupees(amount), payment_id=key)
    assert (credit_balance(patient.id), credit_balance(other.id)) == (rupees("400"), rupees("0"))


def test_another_form_is_another_deed(in_clinic: Any) -> None:
    patient = make_patient()
    for _form in range(2):
        with unit_of_work():
            take_deposit(patient.id, "CASH", rupees("400"), payment_id=new_id())
    assert credit_balance(patient.id) == rupees("800")


def test_the_forms_of_a_patients_account_each_have_a_key_of_their_own(in_clinic: Any, pages: Any) -> None:
    desk, patient = pages("RECEPTIONIST"), make_patient()
    invoice = make_invoice("300.00", patient=patient)
    path = f"/billing/account/{patient.id}"
    of_invoices, of_deposit = KEY.findall(desk.get(path).text)  # nothing can be given back yet
    assert of_invoices != of_deposit
    sent = [desk.post(f"{path}/deposit", tender="CASH", amount="100", key=of_deposit) for _click in range(2)]
    assert [answer.status_code for answer in sent] == [302, 302] and sent[0].location == sent[1].location
    again = desk.post(f"{path}/deposit", tender="CASH", amount="250", key=of_deposit)
    assert again.status_code == 422 and "took money already" in again.text
    part = {"invoice": invoice.id, f"part_{invoice.id}": "120", "tender": "CASH", "key": of_invoices}
    assert {desk.post(f"{path}/collect", **part).status_code for _click in range(2)} == {302}
    assert (credit_balance(patient.id), reload(invoice).amount_due) == (rupees("100"), rupees("180"))
    assert desk.post(f"{path}/deposit", tender="CASH", amount="100").status_code == 422  # a form without its key


def test_a_split_that_is_sent_twice_leads_to_the_same_page(in_clinic: Any, pages: Any) -> None:
    desk, invoice = pages("RECEPTIONIST"), make_invoice("500.00")
    path = f"/billing/split/{invoice.id}"
    (key,) = KEY.findall(desk.get(path).text)
    typed = {"key": key, "amount_0": "200", "amount_3": "300", "reference_3": "U1"}
    sent = [desk.post(path, **typed) for _click in range(2)]
    assert [answer.status_code for answer in sent] == [302, 302] and sent[0].location == sent[1].location
    assert reload(invoice).status == "PAID"
    assert len(db.session.scalars(select(Payment.id).where(Payment.invoice_id == invoice.id)).all()) == 2
