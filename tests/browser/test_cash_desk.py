"""A day at the cash desk in a browser: open, take, hand over, count, approve, close; and pages for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.access.models import User
from app.billing.models import CashDrawer
from app.billing.services.cash_desk_drawers import lock_own_drawer
from app.billing.services.cash_desk_handovers import offer_handover
from app.billing.services.day_close import close_day, day_to_close
from app.billing.services.safe import count_safe
from app.core.ids import new_id
from app.core.tenant import db
from app.payments.models import Payment
from app.payments.services import record_tender
from tests.browser.looks import LIGHT_DESK_DARK_TABLET
from tests.factories.access import PASSWORD, make_member
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload, rupees
from tests.factories.cash_desk import counted, doing, end_drawer, make_drawer, make_person
from tests.factories.people import make_patient

LogIn = Callable[..., Page]


def log_in_by_hand(page: Page, user: User) -> Page:
    page.goto("/login/?next=/console/styleguide")
    page.fill("#username", user.username)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/console/styleguide")
    return page


def count(page: Page, **pieces: int) -> None:
    """Type a count: `n50000=2` is two notes of 500."""
    for worth, number in pieces.items():
        page.locator(f"#count-{worth[1:]}").fill(str(number))


def test_a_drawer_from_its_float_to_its_approved_count(in_clinic: Any, open_browser: LogIn, log_in: LogIn) -> None:
    asha = make_member(in_clinic.id, "RECEPTIONIST")
    page = log_in_by_hand(open_browser(), asha)
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/drawer/")
    page.locator("#count-50000").fill("2")
    page.keyboard.press("Enter")
    expect(page.locator("#count-20000")).to_be_focused()
    expect(page.locator("[data-count-total]")).to_have_text("₹ 1,000.00")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Your drawer is open with ₹ 1,000.00.")).to_be_visible()
    with doing(make_person(user=asha)):
        record_tender("CASH", rupees("800"), patient_id=make_patient(last_name="Menon").id)
    page.get_by_label("Amount").nth(1).fill("150")
    page.get_by_label("To", exact=True).select_option("PETTY_EXPENSES")
    page.get_by_label("Reason").nth(1).fill("Stamps")
    page.get_by_role("button", name="Pay out").click()
    expect(page.get_by_text("₹ 1,650.00")).to_be_visible()
    expect(page.get_by_text("Menon")).to_be_visible()
    page.keyboard.press("c")
    page.wait_for_url("**/close")
    count(page, n50000=3)
    expect(page.locator("[data-count-difference]")).to_have_text("-₹ 150.00")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Say what the difference may come from.")).to_be_visible()
    expect(page.locator("#count-50000")).to_have_value("3")
    page.get_by_label("Reason for a difference").fill("Wrong change")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("A second person must approve the difference.")).to_be_visible()
    finance = log_in("FINANCE_BILLING")
    finance.goto("/drawer-approvals/")
    finance.get_by_role("button", name=f"Approve {asha.name}").click()
    finance.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(finance.get_by_text("No difference waits")).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(select(CashDrawer.status)).all() == ["CLOSED"]


def test_a_handover_counted_by_both(in_clinic: Any, enter: LogIn) -> None:
    asha = make_member(in_clinic.id, "RECEPTIONIST")
    ravi = make_member(in_clinic.id, "RECEPTIONIST")
    make_drawer(make_person(user=asha), "1000")
    giver = enter(asha)
    giver.goto("/drawer/")
    giver.keyboard.press("h")
    giver.wait_for_url("**/hand-over")
    count(giver, n50000=2)
    giver.get_by_label("To", exact=True).select_option(label=f"{ravi.name} · Receptionist")
    giver.keyboard.press("Control+Enter")
    expect(giver.get_by_role("heading", name=f"Offered to {ravi.name}")).to_be_visible()
    receiver = enter(ravi)
    receiver.goto("/drawer/")
    receiver.get_by_role("link", name="Count and take over").click()
    count(receiver, n50000=1)
    receiver.keyboard.press("Control+Enter")
    expect(receiver.get_by_text("Count again together")).to_be_visible()
    count(receiver, n50000=2)
    receiver.keyboard.press("Control+Enter")
    expect(receiver.get_by_text("The drawer is yours, with ₹ 1,000.00.")).to_be_visible()


def test_a_bill_is_split_with_the_keyboard(
    in_clinic: Any, log_in: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    invoice = make_invoice("1000.00")
    page = log_in("RECEPTIONIST")
    page.goto(f"/invoiceview/show/{invoice.id}")
    page.keyboard.press("s")
    page.wait_for_url("**/billing/split/**")
    page.keyboard.press("c")
    page.keyboard.type("380")
    page.get_by_label("Given by the patient", exact=True).fill("500")
    expect(page.locator("[data-change]")).to_have_text("₹ 120.00")
    expect(page.locator("[data-rest-sum]")).to_have_text("₹ 620.00")
    page.get_by_role("button", name="Rest: UPI").click()
    page.keyboard.type("UTR 12345")
    expect(page.get_by_text("complete", exact=True)).to_be_visible()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/billing/split/taken/**")
    expect(page.get_by_text("₹ 120.00")).to_be_visible()
    expect(page.get_by_role("link", name="Print receipt")).to_be_visible()
    assert violations(page) == []
    assert reload(invoice).status == "PAID"


def test_a_visit_is_split_on_the_front_desk_itself(
    in_clinic: Any, log_in: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    visit = make_priced_visit("800.00")
    page = log_in("RECEPTIONIST")
    page.goto(f"/desk/?visit={visit.id}")
    page.keyboard.press("s")
    page.keyboard.type("300")
    page.keyboard.press("Tab")
    page.keyboard.type("500")
    expect(page.locator("[data-split-change]")).to_have_text("₹ 200.00")
    expect(page.locator("[data-split-rest]")).to_have_text("₹ 500.00")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("The parts make ₹ 300.00, but ₹ 800.00 is due.")
    page.locator("#part-1").press("=")
    expect(page.locator("#part-1")).to_have_value("500.00")
    page.keyboard.press("Tab")
    page.keyboard.type("UTR 4711")
    expect(page.get_by_text("complete", exact=True)).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("Give ₹ 200.00 back")
    expect(page.get_by_role("link", name="Print receipt")).to_be_visible()
    db.session.rollback()
    assert sorted(db.session.scalars(select(Payment.amount_minor))) == [30000, 50000]


def test_a_day_is_closed_when_nothing_stands_in_the_way(in_clinic: Any, enter: LogIn) -> None:
    finance = make_member(in_clinic.id, "FINANCE_BILLING")
    person = make_person("FINANCE_BILLING", finance)
    make_drawer(person, "1000")
    with doing(person):
        record_tender("CASH", rupees("800"), patient_id=make_patient().id)
    page = enter(finance)
    page.goto("/day-close/")
    expect(page.get_by_text("Drawers are not closed, or differ")).to_be_visible()
    expect(page.get_by_role("button", name="Close the day")).to_be_disabled()
    end_drawer(person)
    page.reload()
    page.keyboard.press("c")
    page.get_by_role("dialog").get_by_role("button", name="Close the day").click()
    page.wait_for_url("**/day-close/0*")
    expect(page.get_by_role("heading", name="DAY/")).to_be_visible()
    expect(page.get_by_text("₹ 800.00").first).to_be_visible()


def test_the_cash_desks_pages_are_for_everybody(in_clinic: Any, enter: LogIn, barriers_at: Any) -> None:
    finance, asha = make_member(in_clinic.id, "FINANCE_BILLING"), make_member(in_clinic.id, "FINANCE_BILLING")
    person, other = make_person("FINANCE_BILLING", finance), make_person("FINANCE_BILLING", asha)
    make_drawer(person, "1000")
    page = enter(finance)
    invoice, paths = make_invoice("1000.00"), ["/day-close/", "/cashdrawerview/list/", "/moneymovementview/list/"]
    assert barriers_at(page, ["/drawer/"], LIGHT_DESK_DARK_TABLET) == []
    end_drawer(person, "500", "I do not know")
    with doing(other):
        count_safe(rupees("0"), "Nobody knows", key=new_id())
    mine, theirs = make_drawer(person, "300"), make_drawer(other, "700")
    with doing(person):
        record_tender("CASH", rupees("800"), patient_id=make_patient().id)
    with doing(other):
        offer = offer_handover(lock_own_drawer(theirs.id), finance.id, counted("700"))
    paths += ["/drawer/", f"/drawer/{mine.id}/close", f"/drawer/{mine.id}/hand-over", f"/drawer/handover/{offer.id}"]
    paths += ["/safe/", "/bank/", "/drawer-approvals/", f"/billing/split/{invoice.id}", "/daycloserecordview/chart/"]
    assert barriers_at(page, paths, LIGHT_DESK_DARK_TABLET) == []


def test_a_closed_days_page_is_for_everybody(in_clinic: Any, log_in: LogIn, barriers_at: Any) -> None:
    person = make_person("FINANCE_BILLING")
    make_drawer(person, "1000")
    end_drawer(person)
    with doing(person):
        done = close_day(day_to_close())
    assert barriers_at(log_in("ACCOUNTANT"), [f"/day-close/{done.id}"], LIGHT_DESK_DARK_TABLET) == []


def test_the_books_are_for_everybody(in_clinic: Any, log_in: LogIn, barriers: Any, barriers_at: Any) -> None:
    patient = make_patient()
    collect(make_invoice("1000.00", patient=patient), "400.00")
    page = log_in("ACCOUNTANT")
    assert barriers_at(page, ["/trial-balance/"], LIGHT_DESK_DARK_TABLET) == []
    page.get_by_role("link", name="Revenue").click()
    expect(page.get_by_text("Brought forward")).to_be_visible()
    assert barriers(page, LIGHT_DESK_DARK_TABLET) == []
    assert barriers_at(page, [f"/statements/patient/{patient.id}"], LIGHT_DESK_DARK_TABLET) == []
    expect(page.get_by_text("₹ 600.00").first).to_be_visible()
