"""A receptionist's day with the keyboard only: nothing here clicks, and the desk's page is never left."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.billing.models import Receipt
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import Payment, Refund
from app.people.models import Doctor, Patient
from app.queueing.services import arrive
from app.scheduling.models import Appointment
from tests.browser.looks import IN_LANGUAGE
from tests.desk.conftest import times_today
from tests.factories.billing import collect, make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment

LogIn = Callable[..., Page]
MOST_SCRIPT_BYTES = 250_000


@pytest.fixture
def doctor(in_clinic: Any) -> Doctor:
    return make_priced_doctor("800.00", first_name="Anita", last_name="Rao")


def press(page: Page, key: str) -> None:
    """Press a key once what it is drawn on is there."""
    expect(page.locator(f'main [data-shortcut="{key}"]').locator("visible=true").first).to_be_enabled()
    page.keyboard.press(key)


def said(page: Page, words: str) -> None:
    expect(page.locator(".toast", has_text=words)).to_be_visible()


def stored(model: Any, **columns: Any) -> Any:
    db.session.rollback()
    return db.session.scalars(select(model).filter_by(**columns)).one()


def test_a_day_at_the_desk_without_a_mouse(log_in: LogIn, doctor: Doctor) -> None:
    known = make_patient(first_name="Meera", last_name="Iyer", phone="+919845077777")
    page = log_in("RECEPTIONIST")
    page.goto("/desk/")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    page.evaluate("window.stayed = true")
    page.evaluate("window.clicks = 0; addEventListener('pointerdown', () => { window.clicks += 1; })")

    page.keyboard.press("?")
    expect(page.locator("[data-shortcut-list]")).to_contain_text("Find a patient")
    page.keyboard.press("Escape")
    register(page, known)
    book(page)
    visit = stored(Appointment)
    split(page)
    print_paper(page)
    press(page, "i")
    said(page, "Checked in as A-01.")
    expect(page.locator("#queue")).to_contain_text("A-01")
    press(page, "n")
    expect(page.locator("#queue .token-number")).to_have_text("A-01")
    refund(page)
    another_is_booked_and_cancelled(page, visit)
    assert page.evaluate("window.stayed") is True, "the page was loaded again"
    assert page.evaluate("window.clicks") == 0


def register(page: Page, known: Patient) -> None:
    """Somebody new has the telephone of somebody known: the desk is warned, looks, and goes on."""
    press_search(page, "kavya iyer")
    expect(page.get_by_role("option", name="Register a new patient")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Phone")).to_be_focused()
    page.keyboard.type("98450 77777")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("This person may be registered already.")
    expect(page.locator("#problem")).to_contain_text(known.mrn)
    tab_to(page, "This is somebody else, register")
    page.keyboard.press("Enter")
    expect(page.locator("#pane-title")).to_have_text("Kavya Iyer")


def press_search(page: Page, words: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(words)


def tab_to(page: Page, name: str) -> None:
    """Go on with the Tab key until the button has the focus."""
    wanted = page.get_by_role("button", name=name)
    expect(wanted).to_be_visible()
    for _step in range(15):
        page.keyboard.press("Tab")
        if wanted.evaluate("button => button === document.activeElement"):
            return
    raise AssertionError(f"{name} cannot be reached with the Tab key")


def book(page: Page) -> None:
    expect(page.locator("#pane .slot input:checked")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Enter")
    said(page, "Booked.")


def split(page: Page) -> None:
    """Part in cash, the rest by UPI."""
    press(page, "s")
    page.keyboard.type("300")
    page.keyboard.press("Tab")
    page.keyboard.type("500")
    page.keyboard.press("Tab")
    page.keyboard.press("=")
    page.keyboard.press("Tab")
    page.keyboard.type("UTR 4711")
    page.keyboard.press("Enter")
    said(page, "Taken in parts. Give ₹ 200.00 back.")
    db.session.rollback()
    assert sorted(db.session.scalars(select(Payment.amount_minor))) == [30000, 50000]


def print_paper(page: Page) -> None:
    with page.context.expect_page() as opened:
        press(page, "p")
    address = page.get_by_role("link", name="Print receipt").get_attribute("href")
    answer = page.request.get(str(address))
    assert (answer.status, answer.body()[:4]) == (200, b"%PDF")
    assert stored(Receipt).number.replace("/", "-") in answer.headers["content-disposition"]
    opened.value.close()


def refund(page: Page) -> None:
    press(page, "f")
    tab_to_field(page, "refund-amount")
    page.keyboard.press("Control+A")
    page.keyboard.type("100")
    page.keyboard.press("Tab")
    page.keyboard.type("Waited too long")
    page.keyboard.press("Enter")
    said(page, "Finance is asked to refund ₹ 100.00.")
    assert stored(Refund).amount_minor == 10000


def tab_to_field(page: Page, field: str) -> None:
    for _step in range(5):
        if page.evaluate("document.activeElement.id") == field:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{field} cannot be reached")


def another_is_booked_and_cancelled(page: Page, visit: Appointment) -> None:
    press(page, "b")
    expect(page.locator("#pane .slot input:checked")).to_be_focused()
    page.keyboard.press("Control+Enter")
    said(page, "Booked.")
    expect(page.locator("#visit-rows tr[data-visit]")).to_have_count(2)
    press(page, "x")
    page.keyboard.press("Tab")
    page.keyboard.type("Cannot come")
    page.keyboard.press("Enter")
    said(page, "Cancelled; the time is free again.")
    db.session.rollback()
    assert db.session.scalars(select(Appointment.status).where(Appointment.id != visit.id)).all() == ["CANCELLED"]


@pytest.fixture
def visits(doctor: Doctor) -> list[Appointment]:
    """One paid, one waiting, one to come."""
    made = [make_appointment(doctor, starts_at=moment) for moment in times_today(doctor)[:3]]
    collect(made[0])
    with unit_of_work():
        arrive(made[1].id)
    return made


@pytest.mark.parametrize("language", ["en", "hi"])
def test_axe_finds_nothing_wherever_the_day_leads(
    log_in: LogIn, barriers: Any, visits: list[Appointment], language: str
) -> None:
    page = log_in("RECEPTIONIST", language=language)
    twins = [make_patient(first_name="Lata", last_name="Rao", date_of_birth="1960-05-05") for _twin in range(2)]
    paths = {
        "/desk/": "",
        "/desk/?register": "",
        f"/desk/?patient={twins[0].id}": "",
        f"/desk/?visit={visits[2].id}": "cstuxe",
        f"/desk/?visit={visits[0].id}": "f",
        "/patientview/list/": "",
        f"/patientview/show/{twins[0].id}": "",
        "/patients/duplicates/": "",
        f"/patients/duplicates/{twins[0].id}": "",
        f"/patients/duplicates/{twins[0].id}/{twins[1].id}": "",
        "/patientmergeview/list/": "",
    }
    wrong = []
    for path, keys in paths.items():
        page.goto(path)
        wrong += [(path, *found) for found in barriers(page, IN_LANGUAGE[language])]
        for key in keys:
            page.keyboard.press("Escape")
            page.keyboard.press(key)
            expect(page.locator(".act:visible")).to_have_count(1)
            wrong += [(path, key, *found) for found in barriers(page, IN_LANGUAGE[language])]
    assert wrong == []
    assert page.get_attribute("html", "lang") == language


def test_the_pages_scripts_are_small(log_in: LogIn, server: str, visits: list[Appointment]) -> None:
    """What the front desk loads, as a server sends it compressed."""
    page, answers = log_in("RECEPTIONIST"), {}
    page = page.context.browser.new_context(storage_state=page.context.storage_state(), base_url=server).new_page()
    page.on("response", lambda answer: answers.update({answer.url: answer}))
    page.goto("/desk/")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    found = {url: answer for url, answer in answers.items() if answer.request.resource_type == "script"}
    sizes = {url: len(gzip.compress(answer.body(), 6)) for url, answer in found.items()}
    assert any("desk.js" in url for url in sizes) and any("htmx" in url for url in sizes)
    print(f"front desk: {len(sizes)} scripts, {sum(sizes.values())} bytes compressed")
    assert sum(sizes.values()) < MOST_SCRIPT_BYTES
