"""A clinic with a gateway account, a sandbox behind it, and who acts in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.tenant import all_tenants
from app.core.transaction import unit_of_work
from tests.factories.history import end_payments
from tests.factories.payments import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, make_gateway_account
from tests.payments.gateway_accounts import ACCOUNTS, GatewayClinic, connected
from tests.payments.paypal import connect as connect_paypal
from tests.payments.phonepe import PhonePeClinic, connect
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture(autouse=True)
def _nothing_else_is_due(request: pytest.FixtureRequest) -> None:
    """Earlier tests' clinics have no work left that a sweeper would find."""
    if "app_context" not in request.fixturenames:
        return
    request.getfixturevalue("app_context")
    with all_tenants(), unit_of_work():
        end_payments()


@pytest.fixture
def razorpay_clinic(in_clinic: Any) -> Any:
    """A clinic with a Razorpay account that nobody calls."""
    make_gateway_account()
    return in_clinic


@pytest.fixture(scope="session")
def gateway_server() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def gateway(gateway_server: RunningSandbox, in_clinic: Any) -> RunningSandbox:
    """A sandbox that remembers nothing of the test before, and the clinic's account at it."""
    gateway_server.reset()
    secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
    gateway_server.account("razorpay", **secrets, webhookUrl=None)
    make_gateway_account(gateway_server.razorpay_url)
    return gateway_server


@pytest.fixture
def inbox(gateway: RunningSandbox) -> Iterator[Server]:
    """Where the sandbox posts its webhooks: kept for the test to hand on as it likes."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
        gateway.account("razorpay", **secrets, webhookUrl=server.url)
        yield server


@pytest.fixture
def phonepe(gateway_server: RunningSandbox, in_clinic: Any, request: pytest.FixtureRequest) -> PhonePeClinic:
    """With the default header, unless a test asks for another scheme."""
    return connect(gateway_server, getattr(request, "param", "sha"))


@pytest.fixture
def phonepe_inbox(phonepe: PhonePeClinic) -> Iterator[Server]:
    """Where the sandbox posts its webhooks: kept for the test to hand on as it likes."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        phonepe.register(server.url)
        yield server


@pytest.fixture
def paypal_inbox() -> Iterator[Server]:
    """Where the sandbox posts PayPal's webhooks: kept for the test to hand on as it likes."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        yield server


@pytest.fixture
def paypal(gateway_server: RunningSandbox, in_clinic: Any, paypal_inbox: Server) -> RunningSandbox:
    """A sandbox that remembers nothing of the test before, and the clinic's PayPal account at it."""
    gateway_server.reset()
    connect_paypal(gateway_server, paypal_inbox)
    return gateway_server


@pytest.fixture(params=ACCOUNTS, ids=lambda account: account.code)
def any_gateway(
    request: pytest.FixtureRequest, gateway_server: RunningSandbox, in_clinic: Any
) -> Iterator[GatewayClinic]:
    """The clinic with an account at each gateway in turn, and what the gateway posts to it."""
    with connected(request.param, gateway_server) as clinic:
        yield clinic
