"""The front desk over HTTP: register, book, collect, check in, print, refund, each said in words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.access.roles import Role
from app.billing.models import Invoice, Receipt
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.messaging.models import Message
from app.payments.models import Payment, Refund
from app.people.models import Doctor, Patient
from app.queueing.models import QueueToken
from app.scheduling.models import Appointment
from app.scheduling.queries.slots import slots
from tests.daytime import ZONE_NAME
from tests.desk.conftest import Screen, said, stored, times_today, words
from tests.factories.access import PASSWORD, make_member
from tests.factories.billing import collect, make_priced_visit
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment, make_open_doctor
from tests.statements import recorded_statements

DAY_STATEMENTS = 4  # a path may send fewer: then lower it


# ---- what it shows ----


def test_the_page_shows_the_day_and_whoever_comes_next(desk: Screen, visit: Appointment) -> None:
    page = desk.page("/desk/")
    assert page.status_code == 200
    text = words(page)
    assert f"{visit.patient.name} Dr Rao · In person" in text
    assert "1 visit" in text and "₹ 800.00 due" in text
    assert "To collect ₹ 800.00" in text


def test_visits_stand_in_order_of_time_and_cancelled_ones_are_left_out(
    desk: Screen, doctor: Doctor, visit: Appointment
) -> None:
    later = make_appointment(doctor, starts_at=times_today(doctor)[4])
    gone = make_appointment(doctor, starts_at=times_today(doctor)[8])
    desk.send(f"/desk/visits/{gone.id}/cancel", reason="PATIENT_REQUEST")
    rows = re.findall(r'<tr data-visit="([^"]+)"', desk.piece("/desk/day").text)
    assert rows == [visit.id, later.id]


def test_the_day_asks_as_much_for_many_doctors_as_for_one(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    def statements() -> int:
        desk.piece("/desk/day")
        with recorded_statements() as sent:
            desk.piece("/desk/day")
        return len(sent)

    one = statements()
    for _ in range(3):
        make_appointment(make_open_doctor(), starts_at=visit.starts_at)
    assert len(re.findall("<tr data-visit=", desk.piece("/desk/day").text)) == 4
    assert statements() == one <= DAY_STATEMENTS


@pytest.mark.parametrize("role", [str(role) for role in Role if role is not Role.SUPER_ADMIN])
def test_the_desk_is_open_to_those_who_work_there(screen_of: Any, role: str) -> None:
    status = screen_of(role).page("/desk/").status_code
    assert status == (200 if role in {"RECEPTIONIST", "CLINIC_ADMIN", "LOCATION_HEAD", "NURSE"} else 403)


def test_a_role_sees_only_the_buttons_that_it_may_press(screen_of: Any, visit: Appointment) -> None:
    page = words(screen_of("NURSE").piece(f"/desk/visits/{visit.id}"))
    assert "Check in" in page
    assert "Collect cash" not in page


def test_a_change_without_the_csrf_token_is_refused(app: Any, clinic: Any, visit: Appointment) -> None:
    user = make_member(clinic.id, "RECEPTIONIST")
    client = app.test_client()
    form = client.get("/login/").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token is not None
    client.post("/login/", data={"username": user.username, "password": PASSWORD, "csrf_token": token[1]})
    assert client.get("/desk/").status_code == 200
    assert client.post(f"/desk/visits/{visit.id}/check-in").status_code == 400


# ---- registering ----


def test_a_registered_patient_can_be_booked_at_once(desk: Screen, doctor: Doctor) -> None:
    answer = desk.send("/desk/patients/", firstName="Kavya", lastName="Nair", phone="98450 77777", gender="female")
    patient = db.session.scalars(select(Patient).where(Patient.phone == "+919845077777")).one()
    assert answer.status_code == 200
    assert said(answer) == f"Registered as {patient.mrn}."
    assert "Dr Anita Rao" in words(answer)
    assert answer.headers["HX-Replace-Url"] == f"/desk/?patient={patient.id}"


def test_a_possible_duplicate_is_shown_and_the_desk_decides(desk: Screen, doctor: Doctor) -> None:
    known = make_patient(first_name="Meera", last_name="Iyer", phone="+919845088888")
    form = {"firstName": "Mira", "lastName": "Iyer", "phone": "9845088888"}
    answer = desk.send("/desk/patients/", **form)
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#problem"
    assert "may be registered already" in words(answer) and known.mrn in words(answer)
    assert desk.send("/desk/patients/", **form, anyway="true").status_code == 200
    assert len(db.session.scalars(select(Patient).where(Patient.phone == "+919845088888")).all()) == 2


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"firstName": "", "lastName": "Iyer"}, "firstName"),
        ({"firstName": "Meera", "phone": "12"}, "phone"),
        ({"firstName": "Meera", "dateOfBirth": "2999-01-01"}, "dateOfBirth"),
        ({"firstName": "Meera", "email": "nobody"}, "email"),
    ],
)
def test_what_is_wrong_with_a_registration_is_said_beside_its_field(
    desk: Screen, form: dict[str, str], field: str
) -> None:
    answer = desk.send("/desk/patients/", **form)
    assert answer.status_code == 422
    assert f"&#34;{field}&#34;" in answer.text
    assert db.session.scalars(select(Patient)).all() == []


def test_sending_a_form_twice_registers_one_patient(desk: Screen, doctor: Doctor) -> None:
    key = new_id()
    for _click in range(2):
        assert desk.send("/desk/patients/", key, firstName="Kavya", lastName="Nair").status_code == 200
    assert len(db.session.scalars(select(Patient)).all()) == 1


# ---- booking ----


def slot_of(moment: Any) -> str:
    return f"{moment.isoformat()}|"


def test_a_booking_opens_its_visit(desk: Screen, doctor: Doctor) -> None:
    patient, moment = make_patient(), times_today(doctor)[0]
    form = {"doctorId": doctor.id, "type": "IN_PERSON", "slot": slot_of(moment), "notes": "Fever"}
    answer = desk.send(f"/desk/patients/{patient.id}/visits", **form)
    visit = db.session.scalars(select(Appointment)).one()
    assert (visit.starts_at, visit.patient_id, visit.notes, visit.status) == (moment, patient.id, "Fever", "SCHEDULED")
    assert said(answer) == "Booked."
    assert "Collect cash" in words(answer)


def test_a_taken_slot_offers_three_others_as_buttons(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    patient, free = make_patient(), times_today(doctor)
    form = {"doctorId": doctor.id, "type": "IN_PERSON", "slot": slot_of(visit.starts_at)}
    answer = desk.send(f"/desk/patients/{patient.id}/visits", **form)
    assert answer.status_code == 409
    assert "This slot has just been taken." in words(answer)
    offered = re.findall(r'name="alternative" value="([^"|]+)\|([^"]*)"', answer.text)
    assert [moment for moment, _location in offered] == [moment.isoformat() for moment in free[:3]]
    again = desk.send(f"/desk/patients/{patient.id}/visits", **form, alternative="|".join(offered[0]))
    assert said(again) == "Booked."


@pytest.mark.parametrize("slot", ["", "soon|", "2026-01-01T10:00|", "2020-01-01T10:00:00+00:00|"])
def test_a_time_that_is_none_books_nothing(desk: Screen, doctor: Doctor, slot: str) -> None:
    path = f"/desk/patients/{make_patient().id}/visits"
    assert desk.send(path, doctorId=doctor.id, type="IN_PERSON", slot=slot).status_code == 422
    assert db.session.scalars(select(Appointment)).all() == []


def test_a_visit_can_be_moved_on_its_grid(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    moment = times_today(doctor)[3]
    assert said(desk.send(f"/desk/visits/{visit.id}/move", slot=slot_of(moment))) == "Moved."
    assert stored(Appointment, visit.id).starts_at == moment


def test_moving_onto_a_taken_time_offers_others(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    other = make_appointment(doctor, starts_at=times_today(doctor)[2])
    answer = desk.send(f"/desk/visits/{visit.id}/move", slot=slot_of(other.starts_at))
    assert answer.status_code == 409
    assert answer.text.count('form="move-form"') == 3


# ---- money ----


def test_cash_is_taken_and_the_change_is_told(desk: Screen, visit: Appointment) -> None:
    answer = desk.send(f"/desk/visits/{visit.id}/collect", method="CASH", amount="800", tendered="1,000")
    assert said(answer) == "Taken ₹ 800.00. Give ₹ 200.00 back."
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.method, payment.captured_minor, payment.status) == ("CASH", 80000, "COMPLETED")
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.status, invoice.number is not None) == ("PAID", True)
    assert stored(Appointment, visit.id).status == "CONFIRMED"
    assert "Collect cash" not in words(answer)
    assert "Print receipt" in words(answer)


@pytest.mark.parametrize(("method", "words_"), [("UPI", "UPI"), ("CARD_TERMINAL", "Card terminal")])
def test_upi_and_card_keep_their_reference(desk: Screen, visit: Appointment, method: str, words_: str) -> None:
    answer = desk.send(f"/desk/visits/{visit.id}/collect", method=method, amount="800.00", reference="UTR-1")
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.method, payment.reference) == (method, "UTR-1")
    assert f"Paid by {words_}" in words(answer)


def test_one_receipt_of_cash_and_upi_together(desk: Screen, visit: Appointment) -> None:
    rest = desk.send(f"/desk/visits/{visit.id}/collect", method="CASH", amount="300")
    assert "To collect INV" in words(rest) and "₹ 500.00" in words(rest)
    desk.send(f"/desk/visits/{visit.id}/collect", method="UPI", amount="500", reference="UTR-2")
    assert db.session.scalars(select(Invoice.status)).all() == ["PAID"]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"amount": "800", "tendered": "700"}, "less than the amount"),
        ({"amount": "900"}, "at most"),
        ({"amount": "-5"}, "Above zero"),
        ({"amount": "0"}, "Above zero"),
        ({"amount": "1.234"}, "at most 2 decimals"),
        ({"amount": "800,50"}, "no amount"),
        ({"amount": "many"}, "no amount"),
        ({"amount": ""}, "no amount"),
        ({"amount": "800", "method": "UPI"}, "reference"),
        ({"amount": "800", "method": "BITCOIN"}, "not taken at the desk"),
    ],
)
def test_what_cannot_be_collected_is_refused_in_words(
    desk: Screen, visit: Appointment, form: dict[str, str], problem: str
) -> None:
    answer = desk.send(f"/desk/visits/{visit.id}/collect", **{"method": "CASH", **form})
    assert answer.status_code == 422
    assert problem in words(answer)
    assert db.session.scalars(select(Payment)).all() == []


def test_a_second_click_takes_no_second_money(desk: Screen, visit: Appointment) -> None:
    key = new_id()
    for _click in range(2):
        answer = desk.send(f"/desk/visits/{visit.id}/collect", key, method="CASH", amount="300")
        assert answer.status_code == 200
    assert len(db.session.scalars(select(Payment)).all()) == 1


def test_a_paid_visit_takes_no_more(desk: Screen, visit: Appointment) -> None:
    collect(visit)
    answer = desk.send(f"/desk/visits/{visit.id}/collect", method="CASH", amount="1")
    assert answer.status_code == 409
    assert "Nothing is due." in words(answer)


@pytest.mark.parametrize("step", ["collect", "pay-link"])
def test_what_was_paid_elsewhere_is_drawn_as_it_stands_now(desk: Screen, visit: Appointment, step: str) -> None:
    assert "Collect cash" in words(desk.piece(f"/desk/visits/{visit.id}"))
    collect(visit)
    answer = desk.send(f"/desk/visits/{visit.id}/{step}", method="CASH", amount="800")
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (409, "#pane")
    assert "Nothing is due." in words(answer) and "Print receipt" in words(answer)
    assert "Collect cash" not in words(answer)


def test_a_home_visit_asks_where_it_goes_and_says_so(desk: Screen, in_clinic: Any) -> None:
    doctor = make_open_doctor(types=["HOME_VISIT"])
    path = f"/desk/patients/{make_patient(address='').id}"
    assert 'name="address"' in desk.piece(path).text
    times = slots(doctor.id, clock.today(ZONE_NAME), 2, "HOME_VISIT")
    form = {"doctorId": doctor.id, "type": "HOME_VISIT", "slot": f"{times[0].starts_at.isoformat()}|"}
    assert "Say where the patient is to be visited." in words(desk.send(f"{path}/visits", **form))
    booked = desk.send(f"{path}/visits", **form, address="12 Palm Road")
    assert said(booked) == "Booked." and "Home visit · 12 Palm Road" in words(booked)


def test_the_receipt_is_a_pdf_that_the_browser_shows(desk: Screen, visit: Appointment) -> None:
    assert desk.page(f"/desk/visits/{visit.id}/receipt").status_code == 404
    collect(visit)
    answer = desk.page(f"/desk/visits/{visit.id}/receipt")
    number = db.session.scalars(select(Receipt.number)).one()
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{number.replace("/", "-")}.pdf"'


def test_a_pay_link_goes_out_and_is_kept_out_of_the_page(desk: Screen, visit: Appointment) -> None:
    answer = desk.send(f"/desk/visits/{visit.id}/pay-link")
    message = db.session.scalars(select(Message)).one()
    assert said(answer) == "The pay link goes out by WhatsApp."
    assert (message.channel, message.recipient, message.template) == ("whatsapp", visit.patient.phone, "invoice_due")
    assert message.variables["link"] not in answer.text


def test_a_patient_without_an_address_gets_no_link(desk: Screen, doctor: Doctor) -> None:
    nobody = make_patient(phone=None)
    visit = make_appointment(doctor, patient_id=nobody.id, starts_at=times_today(doctor)[0])
    answer = desk.send(f"/desk/visits/{visit.id}/pay-link")
    assert answer.status_code == 409
    assert "neither a telephone number nor an e-mail" in words(answer)
    assert db.session.scalars(select(Invoice)).all() == []


def test_a_refund_is_asked_for_and_nothing_goes_back_yet(desk: Screen, visit: Appointment) -> None:
    payment = collect(visit).payment
    form = {"paymentId": payment.id, "amount": "300", "reason": "Follow-up was free"}
    answer = desk.send(f"/desk/visits/{visit.id}/refund", **form)
    refund = db.session.scalars(select(Refund)).one()
    assert said(answer) == "Finance is asked to refund ₹ 300.00."
    assert (refund.status, refund.amount_minor, refund.reason) == ("REQUESTED", 30000, "Follow-up was free")
    assert refund.requested_by_id == desk.user.id
    assert stored(Payment, payment.id).refunded_minor == 0


@pytest.mark.parametrize(
    ("form", "status", "problem"),
    [
        ({"amount": "900"}, 409, "At most"),
        ({"amount": "300", "reason": ""}, 422, "Say why"),
        ({"amount": "-1"}, 422, "above zero"),
    ],
)
def test_refunds_that_cannot_be_are_refused(
    desk: Screen, visit: Appointment, form: dict[str, str], status: int, problem: str
) -> None:
    payment = collect(visit).payment
    whole = {"paymentId": payment.id, "reason": "Because", **form}
    answer = desk.send(f"/desk/visits/{visit.id}/refund", **whole)
    assert (answer.status_code, problem in words(answer)) == (status, True)
    assert db.session.scalars(select(Refund)).all() == []


def test_a_payment_of_another_visit_is_not_refunded_here(desk: Screen, visit: Appointment) -> None:
    other = collect(make_priced_visit()).payment
    answer = desk.send(f"/desk/visits/{visit.id}/refund", paymentId=other.id, amount="1", reason="x")
    assert answer.status_code == 404


# ---- the visit ----


def test_checking_in_gives_a_number_and_joins_the_queue(desk: Screen, visit: Appointment) -> None:
    answer = desk.send(f"/desk/visits/{visit.id}/check-in")
    token = db.session.scalars(select(QueueToken)).one()
    assert said(answer) == f"Checked in as {token.number}."
    assert stored(Appointment, visit.id).status == "CHECKED_IN"
    assert token.number in words(desk.piece("/desk/queue"))
    assert f"Checked in · {token.number}" in words(desk.piece("/desk/day"))


@pytest.mark.parametrize(("days", "offered"), [(1, True), (2, False)])
def test_a_visit_of_the_next_morning_is_checked_in_the_evening_before(
    desk: Screen, doctor: Doctor, days: int, offered: bool
) -> None:
    day = clock.today(ZONE_NAME) + timedelta(days=days)
    visit = make_appointment(doctor, starts_at=slots(doctor.id, day, 1, "IN_PERSON")[1 - days].starts_at)
    pane = desk.piece(f"/desk/visits/{visit.id}")
    assert ("Check in" in words(pane)) == offered
    assert said(desk.send(f"/desk/visits/{visit.id}/check-in")).startswith("Checked in as")


def test_what_is_not_known_of_a_patient_leaves_no_mark(desk: Screen) -> None:
    stranger = make_patient(gender="unknown", date_of_birth=None)
    known = make_patient(gender="female", date_of_birth=clock.today(ZONE_NAME) - timedelta(days=365 * 34 + 20))
    assert f"MRN {stranger.mrn}</span>" in desk.piece(f"/desk/patients/{stranger.id}").text
    assert f"MRN {known.mrn} · F 34</span>" in desk.piece(f"/desk/patients/{known.id}").text


def test_a_step_that_the_state_forbids_is_refused_in_words(desk: Screen, visit: Appointment) -> None:
    desk.send(f"/desk/visits/{visit.id}/cancel", reason="PATIENT_REQUEST")
    answer = desk.send(f"/desk/visits/{visit.id}/check-in")
    assert answer.status_code == 409
    assert "This is not possible now: its status is “Cancelled”." in words(answer)


def test_cancelling_wants_a_reason(desk: Screen, visit: Appointment) -> None:
    assert desk.send(f"/desk/visits/{visit.id}/cancel", reason="UNPAID").status_code == 422
    assert said(desk.send(f"/desk/visits/{visit.id}/cancel", reason="PATIENT_UNWELL")).startswith("Cancelled")
    assert stored(Appointment, visit.id).cancelled_reason == "PATIENT_UNWELL"


def test_the_patients_visit_of_today_opens_before_the_booking_form(desk: Screen, visit: Appointment) -> None:
    assert "Collect cash" in words(desk.piece(f"/desk/patients/{visit.patient_id}"))
    assert "Note for the doctor" in words(desk.piece(f"/desk/patients/{visit.patient_id}?book"))
