"""Billing's own pages in a browser: the payer's way through a pay link, and pages that anybody can use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.billing.services import make_pay_link
from app.core.transaction import unit_of_work
from config import get_settings
from tests.browser.looks import LIGHT_DESK_DARK_TABLET
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload
from tests.factories.payments import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, make_gateway_account
from tests.factories.people import make_patient
from tests.sandbox_server import RunningSandbox, running_sandbox

LOOKS = [(False, 1280), (True, 820)]


@pytest.fixture
def reachable(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The address that pages and gateways are told is that of the test's own server."""
    monkeypatch.setenv("PUBLIC_URL", server)
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def sandbox(in_clinic: Any) -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
        running.account("razorpay", **secrets, webhookUrl=None)
        make_gateway_account(running.razorpay_url)
        yield running


def link_to(invoice: Any) -> str:
    with unit_of_work():
        return urlsplit(make_pay_link(invoice)[1]).path


@pytest.mark.usefixtures("sandbox", "reachable")
@pytest.mark.parametrize("logged_in", [False, True])
def test_a_pay_link_leads_through_the_hosted_page_and_back(
    open_browser: Callable[..., Page], log_in: Callable[..., Page], logged_in: bool
) -> None:
    """Also for somebody whose browser has a session here: the gateway posts back from another origin."""
    invoice = make_invoice("1250.00")
    page = log_in("RECEPTIONIST") if logged_in else open_browser()
    page.goto(link_to(invoice))
    expect(page.get_by_text("Amount due: ₹ 1,250.00")).to_be_visible()
    page.get_by_role("button", name="Pay ₹ 1,250.00").click()
    page.wait_for_url("**/razorpay/v1/checkout/embedded")
    page.locator("button[value=success]").click()
    page.wait_for_url("**/pay/return/**")
    expect(page.get_by_role("heading", name="Thank you, the payment has arrived")).to_be_visible()
    assert reload(invoice).status == "PAID"


@pytest.mark.parametrize(("dark", "width"), LOOKS)
def test_the_payers_page_is_for_everybody(
    in_clinic: Any, open_browser: Callable[..., Page], violations: Callable[[Page], list[str]], dark: bool, width: int
) -> None:
    page = open_browser(dark=dark, width=width)
    invoice = make_invoice("10.00")
    page.goto(link_to(invoice))
    assert violations(page) == []
    page.goto("/pay/unknown")
    assert violations(page) == []


def test_billings_pages_are_for_everybody(in_clinic: Any, log_in: Callable[..., Page], barriers_at: Any) -> None:
    invoice, draft = make_invoice("10.00"), make_invoice("20.00", opened=False)
    paid = collect(make_priced_visit(percent="18")).invoice
    paths = [f"/billing/{act}/{invoice.id}" for act in ("collect", "void", "credit")]
    paths += ["/billing/draft/new", f"/billing/draft/{draft.id}", f"/invoiceview/show/{paid.id}", "/invoiceview/chart/"]
    assert barriers_at(log_in("FINANCE_BILLING"), paths, LIGHT_DESK_DARK_TABLET) == []


def test_an_invoice_is_written_with_the_keyboard(in_clinic: Any, log_in: Callable[..., Page]) -> None:
    patient = make_patient(first_name="Kavya", last_name="Das")
    page = log_in("FINANCE_BILLING")
    page.goto("/billing/draft/new")
    page.get_by_role("combobox", name="Patient", exact=True).fill("kavya")
    page.get_by_role("option", name="Kavya Das").click()
    page.get_by_label("Description").first.fill("Crutches")
    page.get_by_label("Unit price").first.fill("750")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/invoiceview/show/**")
    expect(page.get_by_text("Crutches")).to_be_visible()
    expect(page.get_by_text(patient.name).first).to_be_visible()
