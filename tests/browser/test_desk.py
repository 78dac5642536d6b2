"""The desk, the doctor's day and finance in a real browser: keys, live changes, stillness, accessibility."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update

from app.access.models import Member
from app.core import clock
from app.core.principal import Principal, acting_as
from app.core.sockets import SOCKET_HANDLERS
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.delivery import send
from app.messaging.services import queue_message
from app.people.models import Doctor
from app.queueing.services import arrive
from app.scheduling.models import Appointment, SlotHold
from app.scheduling.queries import lock_appointment
from app.scheduling.services import hold_slot
from tests.browser.held import Holding
from tests.desk.conftest import times_today
from tests.factories.access import make_user
from tests.factories.billing import collect, make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment
from tests.waiting import wait_until

LogIn = Callable[..., Page]


@pytest.fixture
def doctor(in_clinic: Any) -> Doctor:
    return make_priced_doctor("800.00", first_name="Anita", last_name="Rao")


@pytest.fixture
def visits(doctor: Doctor) -> list[Appointment]:
    """Three visits today: one paid, one waiting, one to come."""
    made = [make_appointment(doctor, starts_at=moment) for moment in times_today(doctor)[:3]]
    collect(made[0])
    with unit_of_work():
        arrive(made[1].id)
    return made


def open_live(page: Page, path: str) -> Page:
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    return page


def chosen_row(page: Page) -> Any:
    return page.locator("#visit-rows tr.on")


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("CLINIC_ADMIN", "/my-day/"),
        ("FINANCE_BILLING", "/finance/"),
        ("FINANCE_BILLING", "/reports/"),
    ],
)
def test_every_page_is_accessible_and_fits(log_in: LogIn, barriers: Any, visits: Any, role: str, path: str) -> None:
    page = open_live(log_in(role), path)
    assert barriers(page) == []


def test_arrows_choose_the_visit_and_the_day(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), "/desk/")
    expect(chosen_row(page)).to_have_attribute("data-visit", visits[0].id)
    page.keyboard.press("ArrowDown")
    expect(chosen_row(page)).to_have_attribute("data-visit", visits[1].id)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", visits[2].id)
    expect(page).to_have_url(re.compile(visits[2].id))
    day = page.locator("#visit-times b").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#visit-times b")).not_to_have_text(day)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#visit-times b")).to_have_text(day)


def test_the_last_choice_wins_while_another_is_on_its_way(log_in: LogIn, visits: list[Appointment]) -> None:
    """Its link is drawn anew before it is asked for, as happens when others change something."""
    page = open_live(log_in("RECEPTIONIST"), "/desk/")
    late: list[Route] = []
    page.route(f"**/desk/visits/{visits[1].id}", lambda route: late.append(route))
    page.locator(f"#visit-{visits[1].id}").click()
    wait_until(lambda: page.evaluate("1") and bool(late))
    page.locator(f"#visit-{visits[2].id}").click()
    with page.expect_response("**/desk/day?**"):
        page.evaluate("htmx.trigger('#visit-rows', 'refresh')")
    late[0].continue_()
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", visits[2].id)


def test_what_others_do_appears_without_a_reload(log_in: LogIn, doctor: Doctor, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    other = make_appointment(doctor, starts_at=times_today(doctor)[2])
    row = page.locator(f'#visit-rows tr[data-visit="{other.id}"]')
    expect(row).to_be_visible()
    with unit_of_work():
        arrive(visits[2].id)
    expect(page.locator("#queue")).to_contain_text("A-02")
    expect(page.locator("#pane")).to_contain_text("Checked in")


def test_what_changed_before_the_page_could_hear_it_is_caught_up(
    log_in: LogIn, visits: list[Appointment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was written, but the server has not let it listen yet: it must not call itself live, nor stay behind."""
    may_listen = Event()
    subscribe = SOCKET_HANDLERS["subscribe"]

    def let_in_late(data: dict[str, Any]) -> Any:
        assert may_listen.wait(60)
        return subscribe(data)

    monkeypatch.setitem(SOCKET_HANDLERS, "subscribe", let_in_late)
    page = log_in("RECEPTIONIST")
    page.goto(f"/desk/?visit={visits[2].id}")
    with unit_of_work():
        arrive(visits[2].id)
    expect(page.locator("html")).to_have_attribute("data-live", "connecting")
    may_listen.set()
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    expect(page.locator("#queue")).to_contain_text("A-02")
    expect(page.locator("#pane")).to_contain_text("Checked in")


def test_an_answer_does_not_bring_back_a_visit_that_somebody_has_left(
    log_in: LogIn, holding: Holding, visits: list[Appointment]
) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[0].id}")
    answer = holding.hold("/check-in")
    page.keyboard.press("i")
    answer.wait_for_it()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", visits[2].id)
    page.keyboard.press("u")
    page.keyboard.type("UTR-4711")
    answer.let_go()
    expect(page.locator("[data-toasts]")).to_contain_text("Checked in as A-02")
    expect(page.locator(f'#visit-rows tr[data-visit="{visits[0].id}"]')).to_contain_text("Checked in")
    assert page.input_value("#upi-reference") == "UTR-4711"
    expect(chosen_row(page)).to_have_attribute("data-visit", visits[2].id)


@pytest.mark.parametrize(("online", "words"), [(True, "at most 800.00"), (False, "No connection")])
def test_what_fails_after_somebody_went_on_is_said(
    log_in: LogIn, visits: list[Appointment], online: bool, words: str
) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    held: list[Route] = []
    page.route("**/collect", lambda route: held.append(route))
    page.keyboard.press("u")
    page.fill("#upi-reference", "UTR-4711")
    page.fill("#act-upi [name=amount]", "99999.00")
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate("1") and bool(held))
    page.locator(f"#visit-{visits[0].id}").click()
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", visits[0].id)
    held[0].continue_() if online else held[0].abort("internetdisconnected")
    expect(page.locator("[data-toasts]")).to_contain_text(words)
    expect(page.locator("#problem")).to_be_empty()


def test_live_changes_move_nothing_on_the_page(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[0].id}")
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => "
        "{ window.shift += entry.value; })).observe({type: 'layout-shift'}); }"
    )
    collect(visits[2], "300")
    expect(page.locator(f'#visit-rows tr[data-visit="{visits[2].id}"]')).to_contain_text("500.00")
    with unit_of_work():
        arrive(visits[2].id)
    expect(page.locator("#queue")).to_contain_text("A-02")
    assert page.evaluate("window.shift") < 0.01


def test_a_half_typed_form_survives_what_others_do(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    page.keyboard.press("u")
    page.keyboard.type("UTR-4711")
    with unit_of_work():
        arrive(visits[2].id)
    expect(page.locator(f'#visit-rows tr[data-visit="{visits[2].id}"]')).to_contain_text("Checked in")
    assert page.input_value("#upi-reference") == "UTR-4711"
    page.keyboard.press("Escape")
    expect(page.locator("#visit-times")).to_contain_text("Checked in")


def test_a_lost_slot_offers_others_and_a_key_takes_one(log_in: LogIn, doctor: Doctor) -> None:
    patient = make_patient(first_name="Tara", last_name="Singh")
    first, second = times_today(doctor)[:2]  # before the page keeps the first for itself
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?patient={patient.id}")
    kept_no_longer(page)
    make_appointment(doctor, starts_at=first)
    page.locator("#pane .slot input:checked").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("This slot has just been taken.")
    expect(page.locator("#problem button")).to_have_count(3)
    page.locator("#pane-title").click()
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Collect cash")).to_be_visible()
    db.session.rollback()
    booked = db.session.scalars(select(Appointment).where(Appointment.patient_id == patient.id)).one()
    assert booked.starts_at == second


def test_a_new_visit_is_brought_into_sight_once(log_in: LogIn, doctor: Doctor) -> None:
    """In a list that is longer than the page; whoever then looks elsewhere in it stays there."""
    for moment in times_today(doctor)[:24]:
        make_appointment(doctor, starts_at=moment)
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?patient={make_patient().id}")
    page.locator("#pane .slot input:checked").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#visit-rows tr")).to_have_count(25)
    expect(chosen_row(page)).to_be_in_viewport()
    page.locator("[data-day-list]").evaluate("(list) => { list.scrollTop = 0; }")
    with page.expect_response("**/desk/day?**"):
        page.evaluate("htmx.trigger('#visit-rows', 'refresh')")
    expect(chosen_row(page)).to_have_count(1)
    expect(chosen_row(page)).not_to_be_in_viewport()


def kept_no_longer(page: Page) -> None:
    """The minutes for which a chosen time is kept are over."""
    expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
    db.session.rollback()
    with unit_of_work():
        db.session.execute(update(SlotHold).values(expires_at=clock.now() - timedelta(seconds=1)))


def test_a_chosen_time_is_kept_while_the_form_is_filled_in(log_in: LogIn, doctor: Doctor) -> None:
    """Another desk is led to the next one; whoever goes back gives it back, and booking uses it up."""
    first, second, third = times_today(doctor)[:3]
    patient = make_patient(first_name="Tara", last_name="Singh")
    one, other = (open_live(log_in("RECEPTIONIST"), "/desk/") for _desk in range(2))
    chosen = "#pane .slot input:checked"
    for page, starts_at in ((one, first), (other, second)):
        page.goto(f"/desk/?patient={patient.id}")
        expect(page.locator(chosen)).to_have_value(re.compile(f"^{re.escape(starts_at.isoformat())}"))
        expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
    assert held(2) == [first, second]
    other.locator(chosen).focus()
    other.keyboard.press("ArrowRight")
    assert held(2, third) == [first, third]
    other.keyboard.press("Control+Enter")
    expect(other.get_by_role("button", name="Collect cash")).to_be_visible()
    assert held(1) == [first]
    one.keyboard.press("Escape")
    assert held(0) == []


def held(count: int, *wanted: datetime) -> list[datetime]:
    """When the slots begin that are kept, as soon as there are so many."""

    def found() -> list[datetime]:
        db.session.rollback()
        return list(db.session.scalars(select(SlotHold.starts_at).order_by(SlotHold.starts_at)))

    wait_until(lambda: len(found()) == count and set(wanted) <= set(found()))
    return found()


def test_a_time_that_another_desk_is_about_to_take_is_left_at_once(log_in: LogIn, doctor: Doctor) -> None:
    second, third = times_today(doctor)[1:3]
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?patient={make_patient().id}")
    expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
    with unit_of_work():
        hold_of_another_desk(doctor, second)
    page.locator("#pane .slot input:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".toast")).to_contain_text("This slot has just been taken.")
    expect(page.locator(f'#pane .slot input[value^="{second.isoformat()}"]')).to_be_disabled()
    expect(page.locator("#pane .slot input:checked")).to_be_focused()
    assert held(2, second, third) == [second, third]


def test_a_time_that_was_booked_is_not_given_back_as_well(log_in: LogIn, doctor: Doctor) -> None:
    """What was kept became the visit: to give it back would be refused, and only fill the browser's console."""
    page, asked = log_in("RECEPTIONIST"), []
    page.on("request", lambda request: asked.append(request.method) if "/slot-holds" in request.url else None)
    page.goto(f"/desk/?patient={make_patient().id}")
    for _visit in range(2):
        expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#pane [data-visit-pane]")).to_be_visible()
        page.keyboard.press("b")
    expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
    assert asked == ["POST"] * 3


def hold_of_another_desk(doctor: Doctor, starts_at: datetime) -> None:
    user = make_user()
    with acting_as(Principal(user.id, user.username, user.name, "-")):
        hold_slot(doctor_id=doctor.id, type="IN_PERSON", starts_at=starts_at)


def test_a_wrong_amount_is_said_beside_the_field_and_kept(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    page.keyboard.press("c")
    page.fill("#cash-amount", "900")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("at most")
    expect(page.locator("#cash-amount")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#cash-amount")).to_be_focused()
    assert page.input_value("#cash-amount") == "900"


def test_what_was_paid_elsewhere_takes_the_form_away(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    page.keyboard.press("c")
    expect(page.locator("#cash-tendered")).to_be_focused()
    collect(visits[2])
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Print receipt")).to_be_visible()
    expect(page.locator("#act-cash")).to_have_count(0)


def test_a_found_patient_opens_in_place(log_in: LogIn, visits: list[Appointment]) -> None:
    make_patient(first_name="Zubin", last_name="Irani", phone="+919900011122")
    page = open_live(log_in("RECEPTIONIST"), "/desk/")
    page.evaluate("window.stayed = true")
    page.keyboard.press("/")
    page.keyboard.type("99000 11122")
    expect(page.get_by_role("option").first).to_contain_text("Zubin Irani")
    page.keyboard.press("Enter")
    expect(page.locator("#pane-title")).to_have_text("Zubin Irani")
    expect(page.locator("#pane .slot input:checked")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-visit-pane]")).to_have_count(1)
    assert page.evaluate("window.stayed") is True


def test_the_keys_of_a_found_patients_visit_work_at_once(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[0].id}")
    wanted = visits[2].patient
    page.keyboard.press("/")
    page.keyboard.type(wanted.mrn)
    expect(page.get_by_role("option").first).to_contain_text(wanted.first_name)
    page.keyboard.press("Enter")
    expect(page.locator(f'[data-visit-pane="{visits[2].id}"]')).to_be_visible()
    expect(page.locator(f'#visit-rows tr[data-visit="{visits[2].id}"] a')).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#upi-reference")).to_be_focused()
    page.keyboard.type("UTR 5512")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("Taken")
    expect(page.locator("#pane")).to_contain_text("UTR 5512")


def test_question_mark_lists_what_the_keys_do(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), f"/desk/?visit={visits[2].id}")
    page.keyboard.press("?")
    listed = page.locator("[data-shortcut-list]")
    for words in ("Find a patient", "New patient", "Collect cash", "Choose a visit", "Call next for Dr Rao"):
        expect(listed).to_contain_text(words)


def test_an_alert_shows_at_once_on_whatever_page(log_in: LogIn, in_clinic: Any) -> None:
    page = open_live(log_in("FINANCE_BILLING"), "/patientview/list/")
    with unit_of_work():
        user_id = db.session.scalars(select(Member.user_id).where(Member.role == "FINANCE_BILLING")).one()
        words = {"patient": "Meera Iyer", "number": "INV/7", "amount": "₹ 800.00", "clinic": "Sunrise Clinic"}
        message = queue_message("in_app", user_id, "invoice_paid", words, dedupe_key=user_id, user_id=user_id)
        message_id = message.id
    send(in_clinic.id, message_id)
    expect(page.locator("[data-toasts]")).to_contain_text("INV/7")


def test_a_session_that_ended_leads_to_the_log_in(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_live(log_in("RECEPTIONIST"), "/desk/")
    page.context.clear_cookies()
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**/login/**")
    expect(page.locator("input[name=password]")).to_be_visible()


def test_two_desks_call_different_patients(log_in: LogIn, doctor: Doctor, visits: list[Appointment]) -> None:
    with unit_of_work():
        arrive(lock_appointment(visits[2].id).id)
    one, two = (open_live(log_in("RECEPTIONIST"), "/desk/") for _desk in range(2))
    one.keyboard.press("n")
    expect(two.locator("#queue .token-number")).to_have_text("A-01")
    two.keyboard.press("n")
    expect(one.locator("#queue .token-number")).to_have_text("A-02")
