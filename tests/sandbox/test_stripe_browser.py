"""The hosted page of the simulated Stripe in a real browser: a refused card, a bank that asks, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.sandbox.test_stripe import StripeMerchant
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture
def shop() -> Iterator[Server]:
    """The clinic's page that the browser comes back to."""
    with scripted_server() as server:
        server.will(answer(200, b"Thank you", Content_Type="text/html"))
        yield server


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_browser_is_refused_asked_by_the_bank_and_comes_back_paid(
    sandbox: RunningSandbox, clinic: Server, shop: Server, chromium: Browser, scripts: bool
) -> None:
    merchant = StripeMerchant(sandbox, clinic.url)
    session = merchant.session(success_url=f"{shop.url}/back?s={{CHECKOUT_SESSION_ID}}", cancel_url=f"{shop.url}/no")
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(session.url)
    page.get_by_label("Test card without funds").check()
    page.get_by_role("button", name="Pay").click()
    assert page.get_by_role("alert").inner_text() == "Your card has insufficient funds."
    page.get_by_label("3-D Secure").check()
    page.get_by_role("button", name="Pay").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/back?s=*")
    context.close()
    assert f"/back?s={session.id}" in [call.path for call in shop.received]
    assert merchant.api.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_cancelling_leads_back_unpaid(sandbox: RunningSandbox, clinic: Server, shop: Server, chromium: Browser) -> None:
    merchant = StripeMerchant(sandbox, clinic.url)
    session = merchant.session(cancel_url=f"{shop.url}/no")
    page = chromium.new_page()
    page.goto(session.url)
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url("**/no")
    page.close()
    assert merchant.api.checkout.sessions.retrieve(session.id).status == "open"
