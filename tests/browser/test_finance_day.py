"""Finance's day in a browser, from the first look at the morning to the close of the day; axe on every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.billing.services import begin_invoice_payment
from app.core import clock
from app.core.errors import ProviderUnavailable
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import PaymentUnderReview
from app.payments.models import Payment, PaymentAttempt, PaymentHold, ReconciliationException, Refund
from app.payments.services import ask_gateway, carry_out_run, plan_run, request_refund, start_checkout
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, reload, rupees
from tests.factories.cash_desk import doing, make_person, set_rules
from tests.factories.payments import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, make_gateway_account, reread
from tests.factories.people import make_patient
from tests.sandbox_server import RunningSandbox, running_sandbox

HELD, ONLINE, SPLIT = "9000.00", "2500.00", "1000.00"


@dataclass
class Morning:
    """What waits for finance when the day begins."""

    refund: Refund
    held: Payment
    unclear: Payment
    difference: ReconciliationException
    bill: Any


@pytest.fixture
def gateway(in_clinic: Any) -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
        running.account("razorpay", **secrets, webhookUrl=None)
        yield running


@pytest.fixture
def morning(in_clinic: Any, gateway: RunningSandbox) -> Morning:
    account_id = make_gateway_account(gateway.razorpay_url)
    set_rules(in_clinic, hold_payments_above="5000")
    desk = make_person("RECEPTIONIST")
    with doing(desk):
        taken = collect(make_invoice("800.00", patient=make_patient(first_name="Kavya", last_name="Das")), tender="UPI")
        refund = request_refund(taken.payment, rupees("300"), "Follow-up was free")
    difference = _difference(account_id, gateway)
    return Morning(refund, _held(), _unclear(gateway), difference, make_invoice(SPLIT, patient=_named("Rohan")))


def _named(first_name: str) -> Any:
    return make_patient(first_name=first_name, last_name="Iyer")


def _online(amount: str, first_name: str) -> Payment:
    with unit_of_work():
        return begin_invoice_payment(make_invoice(amount, patient=_named(first_name)))


def _difference(account_id: str, gateway: RunningSandbox) -> ReconciliationException:
    """The gateway kept another fee than our books say."""
    payment = _online(ONLINE, "Meera")
    gateway.pay(start_checkout(payment.id).order_id)
    ask_gateway(payment.id)
    with unit_of_work():
        attempt = db.session.scalars(select(PaymentAttempt).where(PaymentAttempt.payment_id == payment.id)).one()
        attempt.fee_minor = (attempt.fee_minor or 0) - 100
    gateway.settle()
    today = clock.today(ZONE_NAME)
    a_day = timedelta(days=1)  # the gateway's date is not always that of the clinic
    with unit_of_work():
        run = plan_run(account_id, today - a_day, today + a_day)
    carry_out_run(run.id)
    return db.session.scalars(select(ReconciliationException)).one()


def _held() -> Payment:
    payment = _online(HELD, "Arjun")
    with pytest.raises(PaymentUnderReview):
        start_checkout(payment.id)
    return payment


def _unclear(gateway: RunningSandbox) -> Payment:
    payment = _online("700.00", "Divya")
    gateway.fault("razorpay", "reset", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    return payment


@dataclass
class Browser:
    """Finance's page; `see` goes somewhere and lets axe look."""

    page: Page
    violations: Callable[[Page], list[str]]

    def see(self, path: str) -> Page:
        self.page.goto(path)
        return self.check()

    def check(self) -> Page:
        assert self.violations(self.page) == [], self.page.url
        return self.page

    def sure(self, label: str) -> None:
        """The answer to "Are you sure?"."""
        self.page.get_by_role("dialog").get_by_role("button", name=label).click()

    def count(self, *worths: tuple[int, int]) -> None:
        for worth, pieces in worths:
            self.page.locator(f"#count-{worth}").fill(str(pieces))

    def file(self, link: str) -> bytes:
        with self.page.expect_download() as came:
            self.page.get_by_role("link", name=link, exact=True).click()
        return Path(came.value.path()).read_bytes()


def test_finances_day(
    in_clinic: Any, morning: Morning, log_in: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    browser = Browser(log_in("FINANCE_BILLING"), violations)
    open_the_day(browser)
    approve_the_refund(browser, morning)
    check_the_unknown_payment(browser, morning)
    release_the_held_payment(browser, morning)
    answer_the_difference(browser, morning)
    split_a_bill(browser, morning)
    read_the_reports(browser)
    close_the_drawer(browser)
    close_the_day(browser)


def open_the_day(browser: Browser) -> None:
    page = browser.see("/finance/")
    expect(page.locator("#finance-now")).to_contain_text("₹ 3,300.00")  # 800 by UPI and 2,500 online
    expect(page.locator("#finance-now")).to_contain_text("Follow-up was free")
    browser.see("/drawer/")
    browser.count((50000, 2))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Your drawer is open with ₹ 1,000.00.")).to_be_visible()


def approve_the_refund(browser: Browser, morning: Morning) -> None:
    page = browser.see("/finance/")
    page.get_by_role("button", name="Approve Kavya Das").click()
    with page.expect_response("**/finance/now"):  # what comes meanwhile does not take the question away
        page.evaluate("window.htmx.trigger('#finance-now', 'refresh')")
    browser.sure("Approve")
    expect(page.get_by_text("Approved: pay out ₹ 300.00 now.")).to_be_visible()
    expect(page.get_by_text("No refund waits")).to_be_visible()
    assert reread(morning.refund).status == "SETTLED"


def check_the_unknown_payment(browser: Browser, morning: Morning) -> None:
    """The gateway had opened the order; we had only not heard its answer."""
    page = browser.page
    assert reread(morning.unclear).status == "UNKNOWN"
    page.get_by_role("button", name="Check now Divya Iyer").click()
    expect(page.get_by_text("The gateway has answered.")).to_be_visible()
    expect(page.get_by_text("Every payment is clear")).to_be_visible()
    browser.check()
    found = reread(morning.unclear)
    assert found.status == "PENDING" and found.order_id.startswith("order_")


def release_the_held_payment(browser: Browser, morning: Morning) -> None:
    hold = db.session.scalars(select(PaymentHold)).one()
    page = browser.see("/paymentholdview/list/")
    expect(page.locator("table")).to_contain_text("Arjun Iyer")
    expect(page.locator("table")).to_contain_text("9,000.00")
    browser.see(f"/paymentholdview/show/{hold.id}")
    page.get_by_role("button", name="Release").click()
    browser.sure("Release")
    expect(page.get_by_text("Released: it can be paid now.")).to_be_visible()
    assert reread(hold).status == "RELEASED"
    assert start_checkout(morning.held.id).order_id


def answer_the_difference(browser: Browser, morning: Morning) -> None:
    page = browser.see("/reconciliationexceptionview/list/")
    expect(page.locator("table")).to_contain_text("Another fee")
    browser.see(f"/reconciliationexceptionview/show/{morning.difference.id}")
    expect(page.get_by_role("link", name="Payment", exact=True)).to_be_visible()
    page.get_by_role("link", name="Answer").click()
    browser.check()
    page.get_by_label("Why").fill("The new tariff, see the gateway's letter")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Noted.")).to_be_visible()
    assert reread(morning.difference).status == "RESOLVED"


def split_a_bill(browser: Browser, morning: Morning) -> None:
    page = browser.see(f"/billing/split/{morning.bill.id}")
    page.keyboard.press("c")
    page.keyboard.type("380")
    page.get_by_label("Given by the patient", exact=True).fill("500")
    page.get_by_role("button", name="Rest: UPI").click()
    page.keyboard.type("UTR 12345")
    browser.check()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/billing/split/taken/**")
    expect(page.locator("main")).to_contain_text("₹ 120.00")  # to give back
    browser.check()
    assert reload(morning.bill).status == "PAID"


def read_the_reports(browser: Browser) -> None:
    today = clock.today(ZONE_NAME).isoformat()
    page = browser.see("/reports/")
    browser.see(f"/reports/revenue?from={today}&to={today}")
    lines = browser.file("CSV").decode("utf-8-sig").splitlines()
    assert len(lines) >= 2 and "," in lines[0]
    with ZipFile(BytesIO(browser.file("XLSX"))) as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row") >= 2
    browser.see("/reports/receivables")
    expect(page.locator("main")).to_contain_text("Arjun Iyer")
    browser.see(f"/reports/day-sheet?to={today}")
    expect(page.locator("main")).to_contain_text("380.00")
    assert "380" in browser.file("CSV").decode("utf-8-sig")


def close_the_drawer(browser: Browser) -> None:
    """1,000 of float and 380 of cash; a hundred is not there at first, and no reason is given for it."""
    page = browser.see("/drawer/")
    expect(page.locator("main")).to_contain_text("₹ 1,380.00")
    page.keyboard.press("c")
    page.wait_for_url("**/close")
    browser.count((50000, 2), (10000, 2), (5000, 1), (2000, 1), (1000, 1))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Say what the difference may come from.")).to_be_visible()
    browser.check()
    browser.count((10000, 3))
    expect(page.locator("[data-count-difference]")).to_have_text("₹ 0.00")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/drawer/")
    browser.check()


def close_the_day(browser: Browser) -> None:
    """UPI 800 + 620 - 300, cash 380, online 2,500, in both totals. What comes later is the next day's."""
    page = browser.see("/day-close/")
    page.keyboard.press("c")
    browser.sure("Close the day")
    page.wait_for_url("**/day-close/0*")
    closed = page.url
    browser.check()
    for amount in ("₹ 1,120.00", "₹ 380.00", "₹ 2,500.00", "₹ 4,000.00"):
        expect(page.locator("main")).to_contain_text(amount)
    collect(make_invoice("555.00"), tender="UPI")
    browser.see(closed)
    expect(page.locator("main")).to_contain_text("₹ 4,000.00")
    expect(page.locator("main")).not_to_contain_text("555.00")
    browser.see("/day-close/")
    expect(page.get_by_text("This day is closed. What comes now is booked on the next open day.")).to_be_visible()
    browser.see(f"/day-close/?day={clock.today(ZONE_NAME) + timedelta(days=1)}")
    expect(page.locator("main")).to_contain_text("₹ 555.00")
