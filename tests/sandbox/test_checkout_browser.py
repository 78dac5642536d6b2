from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser

from tests.sandbox.merchants import KEY_ID, TestMerchant
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture
def shop() -> Iterator[Server]:
    """The clinic's own pages: one that posts the checkout form, one that the browser comes back to."""
    with scripted_server() as server:
        yield server


def _form(sandbox: RunningSandbox, shop: Server, order_id: str) -> bytes:
    fields = {
        "key_id": KEY_ID,
        "order_id": order_id,
        "callback_url": f"{shop.url}/return",
        "cancel_url": f"{shop.url}/no",
    }
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    action = f"{sandbox.razorpay_url}/v1/checkout/embedded"
    return f'<form method="post" action="{action}">{inputs}<button>Go</button></form>'.encode()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_comes_back_with_the_signed_fields(
    merchant: TestMerchant, sandbox: RunningSandbox, shop: Server, chromium: Browser, scripts: bool
) -> None:
    order = merchant.order(80_000)
    shop.will(answer(200, _form(sandbox, shop, order["id"]), Content_Type="text/html"), answer(200, b"Thank you"))
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(shop.url)
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Pay").click()
    if not scripts:
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/return")
    context.close()
    back = next(call for call in shop.received if call.path == "/return")
    fields = {name: values[0] for name, values in parse_qs(back.body.decode()).items()}
    assert back.method == "POST"
    assert merchant.sdk.utility.verify_payment_signature(fields)
    assert merchant.payment(fields["razorpay_payment_id"])["status"] == "captured"
