"""The calendar in a real browser: by hand and by keyboard, with others at work, readable with fourteen doctors."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, confirm_appointment, reschedule
from tests.browser.looks import IN_LANGUAGE
from tests.factories.billing import make_priced_doctor
from tests.factories.cash_desk import doing, make_person
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import local, make_appointment, make_location, make_rule, tomorrow

LogIn = Callable[..., Page]
READABLE = 110  # pixels of a doctor's column


class Surgery:
    """Two doctors who work tomorrow from 9 to 12, and Kavya's visit to the first at half past nine."""

    def __init__(self) -> None:
        self.place = make_location(name="Residency Road")
        self.rao, self.sen = self.doctor("Rao"), self.doctor("Sen")
        self.kavya = make_patient(first_name="Kavya", last_name="Nair")
        self.visit = make_appointment(self.rao, starts_at=local(tomorrow(), 9, 30), patient_id=self.kavya.id)

    def doctor(self, last_name: str) -> Doctor:
        doctor = make_doctor(location_ids=(self.place.id,), first_name="Anita", last_name=last_name)
        for weekday in range(7):
            make_rule(doctor, self.place, weekday, opens=time(9), closes=time(12))
        return doctor

    def move_to_sen(self, hour: int, minute: int = 0) -> None:
        """At another desk."""
        with unit_of_work():
            reschedule(lock_appointment(self.visit.id), local(tomorrow(), hour, minute), doctor_id=self.sen.id)


@pytest.fixture
def surgery(in_clinic: Any) -> Surgery:
    return Surgery()


def open_calendar(page: Page, query: str = "") -> Page:
    """Tomorrow's page, live."""
    page.goto(f"/calendar/?on={tomorrow()}{query}")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    expect(page.locator(".fc-timegrid-body, .empty").first).to_be_visible()
    return page


def on_screen(page: Page, visit: Appointment) -> Any:
    return page.locator(f'.fc [data-visit="{visit.id}"]')


def time_of(page: Page, visit: Appointment) -> Any:
    return on_screen(page, visit).locator(".visit-time")


def drag(page: Page, visit: Appointment, to_column: int, to: str, pressed: Callable[[], object] = bool) -> None:
    """Take the visit by hand to a time of a column and let it go; `pressed` is called before the first movement."""
    row = page.locator(f'.fc-timegrid-slot-lane[data-time="{to}:00"]').bounding_box()
    column = page.locator(".fc-timegrid-col[data-date]").nth(to_column).bounding_box()
    here = on_screen(page, visit).bounding_box()
    assert row and column and here
    page.mouse.move(here["x"] + 20, here["y"] + 4)
    page.mouse.down()
    pressed()
    page.mouse.move(column["x"] + 40, row["y"] + 20, steps=6)
    page.mouse.move(column["x"] + 30, row["y"] + 6, steps=3)
    page.mouse.up()


def where(visit: Appointment) -> tuple[Any, str]:
    db.session.rollback()
    db.session.refresh(visit)
    return visit.starts_at, visit.doctor_id


def test_a_visit_is_dragged_confirmed_and_brought_back(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    drag(page, surgery.visit, 1, "10:30")
    question = page.locator("#confirm")
    expect(question).to_contain_text("Move Kavya Nair")
    expect(question).to_contain_text("09:30")
    expect(question).to_contain_text("Dr Sen")
    question.get_by_role("button", name="Move").click()
    expect(page.locator("[data-undo-text]")).to_contain_text("Kavya Nair is moved to Dr Sen")
    expect(time_of(page, surgery.visit)).to_have_text("10:30")
    assert where(surgery.visit) == (local(tomorrow(), 10, 30), surgery.sen.id)

    page.keyboard.press("z")
    expect(page.locator("[data-undo-text]")).to_contain_text("Kavya Nair is back")
    expect(time_of(page, surgery.visit)).to_have_text("09:30")
    assert where(surgery.visit) == (local(tomorrow(), 9, 30), surgery.rao.id)
    expect(page.locator("[data-undo]")).to_be_hidden()


def test_a_visit_that_is_not_confirmed_stays(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    drag(page, surgery.visit, 0, "11:00")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(time_of(page, surgery.visit)).to_have_text("09:30")
    lane = page.locator('.fc-timegrid-slot-lane[data-time="09:30:00"]').bounding_box()
    back = on_screen(page, surgery.visit).bounding_box()
    assert lane and back and abs(lane["y"] - back["y"]) < 4
    assert where(surgery.visit) == (local(tomorrow(), 9, 30), surgery.rao.id)


def test_what_another_moved_meanwhile_is_neither_moved_nor_brought_back(log_in: LogIn, surgery: Surgery) -> None:
    page, told = open_calendar(log_in("RECEPTIONIST")), "Somebody else has moved this visit meanwhile: to Dr Sen"
    drag(page, surgery.visit, 0, "11:00")
    surgery.move_to_sen(11, 30)
    page.locator("#confirm").get_by_role("button", name="Move").click()
    expect(page.locator("[data-toasts]")).to_contain_text(told)
    expect(time_of(page, surgery.visit)).to_have_text("11:30")
    drag(page, surgery.visit, 1, "10:30")
    page.locator("#confirm").get_by_role("button", name="Move").click()
    expect(page.locator("[data-undo]")).to_be_visible()
    surgery.move_to_sen(11)
    page.keyboard.press("z")
    expect(page.locator("[data-undo-text]")).to_contain_text(told)
    assert where(surgery.visit) == (local(tomorrow(), 11), surgery.sen.id)


def test_a_time_that_was_lost_comes_with_three_free_ones(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    drag(page, surgery.visit, 1, "10:00")
    make_appointment(surgery.sen, starts_at=local(tomorrow(), 10))  # meanwhile, at another desk
    page.locator("#confirm").get_by_role("button", name="Move").click()
    taken = page.locator("#taken")
    expect(taken).to_contain_text("This slot has just been taken.")
    expect(taken.locator("[data-alternatives] button")).to_have_count(3)
    page.keyboard.press("1")
    expect(page.locator("[data-undo-text]")).to_contain_text("10:15")
    assert where(surgery.visit) == (local(tomorrow(), 10, 15), surgery.sen.id)


def test_a_visit_dropped_where_nobody_works_goes_back(log_in: LogIn, surgery: Surgery) -> None:
    make_appointment(surgery.doctor("Joshi"), starts_at=local(tomorrow(), 9))
    for weekday in range(7):
        make_rule(surgery.sen, surgery.place, weekday, opens=time(14), closes=time(15))
    page = open_calendar(log_in("RECEPTIONIST"))
    drag(page, surgery.visit, 1, "13:00")
    expect(page.locator("[data-toasts]")).to_contain_text("There is no free time there.")
    expect(time_of(page, surgery.visit)).to_have_text("09:30")
    assert where(surgery.visit)[0] == local(tomorrow(), 9, 30)


def test_what_others_do_appears_in_a_second_window(log_in: LogIn, surgery: Surgery) -> None:
    one, two = (open_calendar(log_in("RECEPTIONIST")) for _window in range(2))
    drag(one, surgery.visit, 1, "09:45")
    one.locator("#confirm").get_by_role("button", name="Move").click()
    expect(time_of(two, surgery.visit)).to_have_text("09:45")
    expect(two.locator(".fc-timegrid-col[data-date]").nth(1).locator("[data-visit]")).to_have_count(1)
    other = make_appointment(surgery.rao, starts_at=local(tomorrow(), 11))
    with unit_of_work():
        confirm_appointment(lock_appointment(surgery.visit.id))
    for page in (one, two):
        expect(on_screen(page, other)).to_be_visible()
        expect(on_screen(page, surgery.visit)).to_have_class(re.compile("is-confirmed"))
    with unit_of_work():
        cancel_appointment(lock_appointment(other.id), "OTHER")
    expect(on_screen(two, other)).to_have_count(0)


def test_what_others_do_waits_while_a_visit_is_in_the_hand(log_in: LogIn, surgery: Surgery) -> None:
    one, two = (open_calendar(log_in("RECEPTIONIST")) for _window in range(2))

    def book_elsewhere() -> None:
        other = make_appointment(surgery.rao, starts_at=local(tomorrow(), 11))
        expect(on_screen(two, other)).to_be_visible()
        one.wait_for_timeout(1000)  # the first window has been told as well, and could have drawn it

    drag(one, surgery.visit, 1, "10:30", pressed=book_elsewhere)
    expect(one.locator("#confirm")).to_be_visible()
    expect(one.locator(".fc [data-visit]")).to_have_count(1)
    one.keyboard.press("Escape")
    expect(one.locator(".fc [data-visit]")).to_have_count(2)
    expect(time_of(one, surgery.visit)).to_have_text("09:30")


def test_a_page_that_missed_nothing_draws_nothing_anew(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    on_screen(page, surgery.visit).evaluate("element => (element.untouched = true)")
    with page.expect_response("**/calendar/data?*"):
        page.evaluate("document.dispatchEvent(new CustomEvent('live:connected'))")
    page.wait_for_timeout(500)  # in which the answer would have been drawn
    assert on_screen(page, surgery.visit).evaluate("element => element.untouched")


def test_a_visit_that_was_moved_and_back_before_the_page_asked_is_drawn_where_it_is(
    log_in: LogIn, surgery: Surgery
) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    page.route("**/calendar/data?*", lambda route: route.fulfill(status=503))  # what says that it was moved is lost
    drag(page, surgery.visit, 1, "10:30")
    with page.expect_response("**/calendar/data?*"):
        page.locator("#confirm").get_by_role("button", name="Move").click()
    columns = page.locator(".fc-timegrid-col[data-date]")
    expect(columns.nth(1).locator("[data-visit]")).to_have_count(1)
    page.unroute("**/calendar/data?*")
    page.keyboard.press("z")
    expect(page.locator("[data-undo-text]")).to_contain_text("Kavya Nair is back")
    expect(columns.nth(0).locator("[data-visit]")).to_have_count(1)
    expect(columns.nth(1).locator("[data-visit]")).to_have_count(0)


def test_a_context_menu_does_not_stop_what_others_do(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    on_screen(page, surgery.visit).hover()
    page.mouse.down(button="right")  # the menu takes the release
    other = make_appointment(surgery.rao, starts_at=local(tomorrow(), 11))
    expect(on_screen(page, other)).to_be_visible()


def test_live_changes_leave_the_chosen_visit_and_the_page_in_place(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    on_screen(page, surgery.visit).focus()
    page.evaluate("document.querySelector('[data-calendar]').scrollLeft = 40")
    other = make_appointment(surgery.sen, starts_at=local(tomorrow(), 9))
    expect(on_screen(page, other)).to_be_visible()
    expect(on_screen(page, surgery.visit)).to_be_focused()
    expect(page.locator(".fc-col-header-cell small")).to_have_text(["1 visit", "1 visit"])
    page.keyboard.press("m")
    expect(page.locator("#calendar-dialog")).to_be_visible()
    third = make_appointment(surgery.sen, starts_at=local(tomorrow(), 10))
    expect(on_screen(page, third)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#calendar-dialog")).to_be_hidden()
    expect(on_screen(page, surgery.visit)).to_be_focused()


def test_a_visit_is_moved_with_the_keyboard_alone(log_in: LogIn, surgery: Surgery) -> None:
    later = make_appointment(surgery.sen, starts_at=local(tomorrow(), 11))
    page = open_calendar(log_in("RECEPTIONIST"))
    expect(on_screen(page, surgery.visit)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(on_screen(page, surgery.visit)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(on_screen(page, later)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("m")
    chosen = page.locator("#calendar-dialog .slots input:checked")
    expect(chosen).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#calendar-dialog .slot:has(input:checked)")).to_have_text("10:00")
    page.keyboard.press("Enter")
    expect(page.locator("[data-undo-text]")).to_contain_text("10:00")
    expect(page.locator("#calendar-dialog")).to_be_hidden()
    assert where(surgery.visit) == (local(tomorrow(), 10), surgery.rao.id)
    expect(on_screen(page, surgery.visit)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#calendar-dialog")).to_be_visible()
    page.keyboard.press("o")
    page.wait_for_url(lambda url: url.endswith(f"/desk/?visit={surgery.visit.id}"))


def test_another_doctor_and_another_day_are_chosen_in_the_dialog(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    on_screen(page, surgery.visit).click()
    dialog = page.locator("#calendar-dialog")
    expect(dialog).to_contain_text("Kavya Nair")
    dialog.get_by_label("Move to").select_option(surgery.sen.id)
    expect(dialog.locator(".day-head")).to_contain_text("Dr Sen")
    dialog.get_by_role("button", name="The day after").click()
    following = tomorrow() + timedelta(days=1)
    expect(dialog.locator(".day-head")).to_contain_text(f"{following:%a} {following.day}")
    dialog.locator(".slot", has_text="09:15").click()
    dialog.get_by_role("button", name="Move the visit here").click()
    expect(dialog).to_be_hidden()
    expect(on_screen(page, surgery.visit)).to_have_count(0)
    assert where(surgery.visit) == (local(following, 9, 15), surgery.sen.id)


def test_a_free_time_opens_the_booking(log_in: LogIn, in_clinic: Any) -> None:
    doctor = make_priced_doctor("800.00", first_name="Anita", last_name="Rao")
    patient = make_patient(first_name="Zubin", last_name="Irani")
    page = open_calendar(log_in("RECEPTIONIST"))
    page.locator("[data-calendar]").focus()
    lane = page.locator('.fc-timegrid-slot-lane[data-time="10:15:00"]')
    page.evaluate("document.querySelector('[data-time=\"10:15:00\"]').scrollIntoView({block: 'center'})")
    box = lane.bounding_box()
    assert box
    page.mouse.click(box["x"] + 60, box["y"] + 8)
    dialog = page.locator("#calendar-dialog")
    expect(dialog.locator(".slot:has(input:checked)")).to_have_text("10:15")
    expect(dialog.get_by_role("combobox", name="Patient")).to_be_focused()
    page.keyboard.type("Zubin")
    expect(dialog.get_by_role("option").first).to_contain_text("Zubin Irani")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("[data-undo-text]")).to_contain_text("Booked: Zubin Irani")
    expect(page.locator("[data-visit]")).to_contain_text("Zubin Irani")
    db.session.rollback()
    booked = db.session.query(Appointment).filter_by(patient_id=patient.id).one()
    assert (booked.starts_at, booked.doctor_id) == (local(tomorrow(), 10, 15), doctor.id)


def test_who_may_not_move_only_looks(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("LOCATION_HEAD"))
    expect(on_screen(page, surgery.visit)).to_be_visible()
    assert page.locator(".fc-event-draggable").count() == 0
    expect(page.get_by_role("button", name="Book")).to_have_count(0)
    on_screen(page, surgery.visit).click()
    expect(page.locator("#calendar-dialog")).to_contain_text("Kavya Nair")
    expect(page.locator("#calendar-dialog form")).to_have_count(0)


def test_fourteen_doctors_stay_readable(log_in: LogIn, surgery: Surgery) -> None:
    names = [f"Doctor{number:02d}" for number in range(12)]
    made = [surgery.doctor(name) for name in names]
    for doctor in made:
        make_appointment(doctor, starts_at=local(tomorrow(), 9, 30))
    page = open_calendar(log_in("RECEPTIONIST"))
    heads = page.locator(".fc-col-header-cell")
    expect(heads).to_have_count(14)
    widths = heads.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().width)")
    assert min(widths) >= READABLE
    page.evaluate("document.querySelector('[data-calendar]').scrollTo(9999, 120)")
    expect(heads.last).to_be_in_viewport(ratio=1)
    nine = page.locator('.fc-timegrid-slot-label[data-time="11:00:00"]')
    expect(nine).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_week_is_the_chosen_doctors(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"), f"&view=week&doctor={surgery.sen.id}")
    expect(page.locator(".fc-col-header-cell")).to_have_count(7)
    expect(page.locator("[data-visit]")).to_have_count(0)
    page.get_by_text("Dr Sen").first.click()
    page.get_by_role("checkbox", name="Rao").press("Space")
    page.get_by_role("button", name="Show").first.press("Enter")
    expect(page.locator(".fc-col-header-cell")).to_have_count(14)
    heads = [head.split("\n")[:2] for head in page.locator(".fc-col-header-cell").all_inner_texts()]
    assert [name for _day, name in heads] == ["Dr Rao", "Dr Sen"] * 7
    assert all(heads[number][0] == heads[number + 1][0] for number in range(0, 14, 2))
    expect(on_screen(page, surgery.visit)).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".fc-col-header-cell")).to_have_count(2)


def test_a_date_is_asked_for_when_it_is_complete(log_in: LogIn, surgery: Surgery) -> None:
    page = open_calendar(log_in("RECEPTIONIST"))
    asked: list[str] = []
    page.on("framenavigated", lambda frame: asked.append(frame.url))
    date = page.get_by_label("Date", exact=True)
    date.focus()
    for _part in range(2):  # of the date, whichever comes first where one lives
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
    wanted = date.input_value()
    assert wanted != str(tomorrow())
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"on={wanted}"))
    assert len(asked) == 1


def test_a_visit_that_was_overbooked_says_so(log_in: LogIn, surgery: Surgery) -> None:
    with doing(make_person("CLINIC_ADMIN")):
        extra = make_appointment(surgery.rao, starts_at=local(tomorrow(), 9, 30), overbook_reason="Fever")
    page = open_calendar(log_in("RECEPTIONIST"))
    expect(on_screen(page, extra).locator(".visit-extra")).to_have_text("+1")
    expect(on_screen(page, extra)).to_contain_text("overbooked")
    expect(on_screen(page, surgery.visit).locator(".visit-extra")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "hi"])
@pytest.mark.parametrize("view", ["day", "week"])
def test_the_calendar_is_accessible_and_fits(
    log_in: LogIn, barriers: Any, surgery: Surgery, view: str, language: str
) -> None:
    with unit_of_work():
        confirm_appointment(lock_appointment(surgery.visit.id))
    make_appointment(surgery.rao, starts_at=local(tomorrow(), 10))
    page = open_calendar(log_in("RECEPTIONIST", language=language), f"&view={view}")
    assert page.get_attribute("html", "lang") == language
    assert barriers(page, IN_LANGUAGE[language]) == []
    for open_dialog in (lambda: on_screen(page, surgery.visit).click(), lambda: page.keyboard.press("b")):
        open_dialog()
        expect(page.locator("#calendar-dialog")).to_be_visible()
        assert barriers(page, IN_LANGUAGE[language]) == []
        page.keyboard.press("Escape")
        expect(page.locator("#calendar-dialog")).to_be_hidden()
