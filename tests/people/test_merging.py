"""Two records of one person become one, and two again, and nothing is lost on either way."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from app.billing.services import take_deposit
from app.core.errors import AppError
from app.core.ids import new_id
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import GatewayCustomer, Payment, PaymentMethod
from app.payments.services.saved_methods import methods_of
from app.people.models import Consent, Doctor, Patient, PatientMerge
from app.people.queries import find_patient, search_patients
from app.people.queries.patients import survivor_id
from app.people.services import merge_patients, set_consent, undo_merge, update_patient
from app.people.services.moving import count_rows, references
from app.scheduling.models import Appointment
from app.scheduling.services import book_appointment
from tests.factories.billing import collect, make_priced_doctor, rupees
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def merged(survivor: Patient, other: Patient, **options: Any) -> PatientMerge:
    with unit_of_work():
        return merge_patients(survivor.id, other.id, **options)


def undone(merge: PatientMerge) -> None:
    with unit_of_work():
        undo_merge(merge.id)


def owes(patient: Patient) -> str:
    return str(balance(AccountCode.RECEIVABLE, patient.id).major)


def test_everything_goes_to_the_survivor_and_the_old_number_leads_there() -> None:
    doctor, survivor, other = make_priced_doctor("800.00"), make_patient(), make_patient()
    visit = make_appointment(doctor, patient_id=other.id)
    collect(visit, "300")
    merge = merged(survivor, other, reason="One person")
    assert count_rows(other.id) == {}
    assert count_rows(survivor.id)["appointment"] == 1
    assert merge.moved["invoice"] == merge.moved["payment"] == merge.moved["receipt"] == 1
    found = find_patient(other.id)
    assert found is not None and found.id == survivor.id
    assert [item.id for item in search_patients(other.mrn)] == [survivor.id]
    assert (owes(survivor), owes(other)) == ("500.00", "0.00")


def state() -> dict[str, Any]:
    """Every row that refers to a patient, and every balance; the moments of the last change aside."""
    db.session.rollback()
    rows: dict[str, Any] = {}
    for table in {reference.table for reference in references()}:
        query = text(f"select to_jsonb(t) - 'updated_at' from \"{table.name}\" t where clinic_id = :clinic order by id")
        rows[table.name] = [row[0] for row in db.session.execute(query, {"clinic": require_clinic()})]
    people = db.session.scalars(select(Patient.id)).all()
    sums = {(code, one): str(balance(code, one)) for one in people for code in ("RECEIVABLE", "PATIENT_CREDIT")}
    return {**rows, "balances": sums}


FIELDS = {"phone": "+919811100000", "email": "one@example.org", "city": "Pune", "date_of_birth": "1971-02-03"}


@given(
    paid=st.sampled_from([None, "100", "800"]),
    deposit=st.booleans(),
    take=st.sets(st.sampled_from(sorted(FIELDS))),
    alerts=st.lists(st.sampled_from(["Penicillin", "Latex"]), unique=True),
    backwards=st.booleans(),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merge_and_unmerge_is_nothing(
    paid: str | None, deposit: bool, take: set[str], alerts: list[str], backwards: bool
) -> None:
    doctor, one, two = (
        make_priced_doctor("800.00"),
        make_patient(alerts=["Latex"]),
        make_patient(alerts=alerts, **FIELDS),
    )
    for patient in (one, two):
        visit = make_appointment(doctor, patient_id=patient.id, starts_at=next_time(doctor))
        with unit_of_work():
            set_consent(patient, "MESSAGES", True)
        if paid:
            collect(visit, paid)
    if deposit:
        with unit_of_work():
            take_deposit(two.id, "CASH", rupees("250"), "")
    before = state()
    undone(merged(two, one, take=take) if backwards else merged(one, two, take=take))
    after = state()
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def next_time(doctor: Doctor) -> datetime:
    taken = db.session.scalar(select(func.count()).where(Appointment.doctor_id == doctor.id)) or 0
    return local(tomorrow()) + timedelta(minutes=15 * taken)


def test_what_was_paid_in_between_goes_with_its_invoice() -> None:
    doctor, survivor, other = make_priced_doctor("800.00"), make_patient(), make_patient()
    own = make_appointment(doctor, patient_id=survivor.id)
    visit = make_appointment(doctor, patient_id=other.id, starts_at=next_time(doctor))
    collect(visit, "300")
    merge = merged(survivor, other)
    late = collect(db.session.get_one(Appointment, visit.id), "100").payment.id
    collect(own, "50")
    assert owes(survivor) == "1150.00"
    undone(merge)
    assert (owes(survivor), owes(other)) == ("750.00", "400.00")
    assert db.session.get_one(Payment, late).patient_id == other.id
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_three_records_become_one_and_come_apart_in_the_same_order() -> None:
    doctor, last, middle, first = make_priced_doctor("800.00"), make_patient(), make_patient(), make_patient()
    visit = make_appointment(doctor, patient_id=first.id)
    collect(visit, "300")
    before = state()
    one = merged(middle, first)
    two = merged(last, middle)
    assert survivor_id(first.id) == survivor_id(middle.id) == last.id
    late = collect(db.session.get_one(Appointment, visit.id), "200").payment.id
    assert owes(last) == "300.00"
    with pytest.raises(AppError, match="MERGED_FURTHER"), unit_of_work():
        undo_merge(one.id)
    undone(two)
    undone(one)
    assert (owes(last), owes(middle), owes(first)) == ("0.00", "0.00", "300.00")
    assert db.session.get_one(Payment, late).patient_id == first.id
    assert state()["appointment"][0]["patient_id"] == before["appointment"][0]["patient_id"]


def test_the_chosen_values_stand_and_alerts_of_both_stay() -> None:
    survivor = make_patient(phone="+919811100001", city="Pune", alerts=["Latex"])
    other = make_patient(phone="+919811100002", city="Goa", alerts=["Penicillin"], date_of_birth="1971-02-03")
    merge = merged(survivor, other, take=["phone", "date_of_birth"])
    kept = find_patient(survivor.id)
    assert kept is not None
    assert (kept.phone, kept.city, kept.alerts) == ("+919811100002", "Pune", ["Latex", "Penicillin"])
    assert str(kept.date_of_birth) == "1971-02-03"
    with unit_of_work():
        update_patient(kept, city="Mysuru", phone="+919811100009")
    undone(merge)
    db.session.refresh(kept)
    assert (kept.phone, kept.city, kept.alerts) == ("+919811100009", "Mysuru", ["Latex"])


def test_a_saved_instrument_does_not_push_aside_the_survivors_default() -> None:
    survivor, other, account = make_patient(), make_patient(), new_id()
    for patient, where in ((survivor, account), (other, account), (other, new_id())):
        with unit_of_work():
            db.session.add(customer(patient, where))
            db.session.add(card(patient, where, is_default=where == account))
    merge = merged(survivor, other)
    assert len(methods_of(survivor.id)) == 2
    assert [card.is_default for card in methods_of(survivor.id)] == [True, False]
    assert [card.is_default for card in methods_of(other.id)] == [True], "it stays with the customer it belongs to"
    undone(merge)
    assert sorted(card.is_default for card in methods_of(other.id)) == [False, True]


def customer(patient: Patient, account: str) -> GatewayCustomer:
    return GatewayCustomer(patient_id=patient.id, provider="stripe", account_id=account, customer_id=new_id())


def card(patient: Patient, account: str, *, is_default: bool) -> PaymentMethod:
    return PaymentMethod(
        patient_id=patient.id,
        provider="stripe",
        account_id=account,
        method_id=new_id(),
        kind="card",
        is_default=is_default,
    )


def test_who_may_withdraw_withdraws_both_consents() -> None:
    survivor, other = make_patient(), make_patient()
    with unit_of_work():
        set_consent(survivor, "MESSAGES", True)
        set_consent(other, "MESSAGES", True)
    merged(survivor, other)
    with unit_of_work():
        set_consent(survivor, "MESSAGES", False)
    assert all(consent.withdrawn_at for consent in db.session.scalars(select(Consent)))


def test_nobody_is_merged_twice_or_with_themselves() -> None:
    survivor, other, third = make_patient(), make_patient(), make_patient()
    merge = merged(survivor, other)
    for pair in ((third, other), (other, third), (survivor, survivor)):
        with pytest.raises(AppError), unit_of_work():
            merge_patients(pair[0].id, pair[1].id)
    undone(merge)
    with pytest.raises(AppError, match="ALREADY_UNDONE"), unit_of_work():
        undo_merge(merge.id)


def test_bookings_while_a_merge_is_under_way_all_end_with_the_survivor(app: Any, clinic: Any) -> None:
    doctor, survivor, other = make_priced_doctor("800.00"), make_patient(), make_patient()
    times = [local(tomorrow()) + timedelta(minutes=15 * number) for number in range(8)]
    ids, failures = (doctor.id, survivor.id, other.id), []
    db.session.rollback()
    gate = threading.Barrier(len(times) + 1)

    def alone(deed: Any) -> None:
        gate.wait()
        try:
            with app.app_context(), tenant_scope(clinic.id), unit_of_work():
                deed()
        except Exception as error:  # shown below
            failures.append(error)

    def book(moment: datetime) -> None:
        with app.app_context():
            alone(lambda: book_appointment(patient_id=ids[2], doctor_id=ids[0], type="IN_PERSON", starts_at=moment))

    threads = [threading.Thread(target=book, args=(moment,)) for moment in times]
    threads.append(threading.Thread(target=alone, args=(lambda: merge_patients(ids[1], ids[2]),)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    assert count_rows(ids[2]) == {}
    assert count_rows(ids[1])["appointment"] == len(times)
