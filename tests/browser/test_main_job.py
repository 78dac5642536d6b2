"""From the door to the refund: the desk, the waiting room, the doctor and finance, each at a screen of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice
from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import Payment
from app.people.models import Doctor, Patient
from app.scheduling.models import Appointment
from tests.factories.billing import make_priced_doctor
from tests.waiting import wait_until
from tests.working import running_worker

LogIn = Callable[..., Page]


@pytest.fixture
def doctor(app: Any, in_clinic: Any) -> Iterator[Doctor]:
    """Dr Anita Rao, 800 rupees a visit, while workers are at work."""
    doctor = make_priced_doctor("800.00", first_name="Anita", last_name="Rao")
    with running_worker(app):
        yield doctor


def stay(page: Page, path: str) -> None:
    """Open a page that must not be loaded again from now on."""
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    page.evaluate("window.stayed = true")


def press(page: Page, key: str) -> None:
    """Press a key once the button that it is drawn on is there."""
    expect(page.locator(f'main [data-shortcut="{key}"]').locator("visible=true").first).to_be_enabled()
    page.keyboard.press(key)


def expect_said(page: Page, words: str) -> None:
    expect(page.locator(".toast", has_text=words)).to_be_visible()


def one(model: Any) -> Any:
    db.session.rollback()
    return db.session.scalars(select(model).execution_options(populate_existing=True)).one()


def register_and_book(desk: Page) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("kavya nair")
    expect(desk.get_by_role("option", name="Register a new patient")).to_be_visible()
    desk.keyboard.press("Enter")
    expect(desk.get_by_label("Phone")).to_be_focused()
    expect(desk.get_by_label("First name")).to_have_value("Kavya")
    desk.keyboard.type("98450 77777")
    desk.keyboard.press("Enter")
    expect(desk.locator("#pane .slot input:checked")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("button", name="Collect cash")).to_be_visible()


def take_cash(desk: Page) -> None:
    press(desk, "c")
    expect(desk.get_by_role("textbox", name="Given by the patient")).to_be_focused()
    desk.keyboard.type("1000")
    expect(desk.locator("[data-change]")).to_have_text("₹ 200.00")
    desk.keyboard.press("Enter")
    expect_said(desk, "Give ₹ 200.00 back")


def print_receipt(desk: Page) -> None:
    with desk.context.expect_page() as opened:
        press(desk, "p")
    address = desk.get_by_role("link", name="Print receipt").get_attribute("href")
    answer = desk.request.get(str(address))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.body().startswith(b"%PDF")
    opened.value.close()


def ask_refund(desk: Page) -> None:
    press(desk, "f")
    expect(desk.get_by_label("Amount", exact=True).locator("visible=true")).to_be_focused()
    desk.keyboard.type("300")
    desk.keyboard.press("Tab")
    desk.keyboard.type("Follow-up was free")
    desk.keyboard.press("Enter")
    expect(desk.locator("#pane")).to_contain_text("Requested")


def test_a_visit_from_the_door_to_the_refund(log_in: LogIn, doctor: Doctor) -> None:
    desk, board = log_in("RECEPTIONIST"), log_in("NURSE")
    surgery, finance = log_in("DOCTOR", {"doctor_id": doctor.id}), log_in("FINANCE_BILLING")
    stay(desk, "/desk/")
    stay(board, f"/board/{doctor.locations[0].id}")
    stay(surgery, "/my-day/")
    stay(finance, "/finance/")

    register_and_book(desk)
    assert one(Patient).phone == "+919845077777"
    take_cash(desk)
    assert (one(Invoice).status, one(Appointment).status) == ("PAID", "CONFIRMED")
    expect(finance.locator("#finance-now")).to_contain_text("Cash ₹ 800.00")
    print_receipt(desk)

    press(desk, "i")
    expect(board.locator(".board-next")).to_contain_text("A-01")
    expect(surgery.locator("#now")).to_contain_text("1 patient waits.")
    press(surgery, "n")
    expect(board.locator(".board-now")).to_have_text("A-01")
    expect(desk.locator("#queue .token-number")).to_have_text("A-01")
    press(surgery, "s")
    expect(desk.locator("#visit-rows")).to_contain_text("With doctor")
    press(surgery, "c")
    expect(desk.locator("#visit-rows")).to_contain_text("Completed")

    ask_refund(desk)
    expect(finance.locator("#finance-now")).to_contain_text("Follow-up was free")
    finance.get_by_role("button", name="Approve").click()
    finance.locator("[data-confirm-ok]").click()
    expect_said(finance, "pay out ₹ 300.00 now")
    expect(desk.locator("#pane")).to_contain_text("Settled")
    for page in (desk, board, surgery, finance):
        assert page.evaluate("window.stayed") is True

    assert (one(CreditNote).total_minor, one(Invoice).credited_minor) == (30000, 30000)
    assert one(Payment).status == "PARTIALLY_REFUNDED"
    assert balance(AccountCode.CASH) == Money(50000, "INR")
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    # The worker has made the paper that the patient is sent.
    wait_until(lambda: one(Invoice).pdf_file_id is not None)
