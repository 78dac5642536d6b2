"""The demo clinics' accounts fit on both sides: what we store opens what the sandbox knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.demo import outside
from app.demo.cast import SUNRISE
from app.messaging.channels import channel_with_code
from app.payments.gateways import GATEWAYS
from app.payments.services.gateway import open_account
from app.tenancy.providers import accounts_for
from config import Settings
from tests.sandbox_server import RunningSandbox, running_sandbox


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


def test_every_gateway_of_a_demo_clinic_connects_and_razorpay_comes_first(
    clinic: Any, app_context: Any, sandbox: RunningSandbox
) -> None:
    settings = Settings(sandbox_port=sandbox.port)
    root = outside._paypal_root(settings)
    for _ in range(2):  # a second time changes nothing
        with tenant_scope(clinic.id), unit_of_work():
            outside._save(settings, SUNRISE, root)
    for account in outside._sandbox_accounts(settings, clinic.id, SUNRISE):
        outside._register(settings, account)
    with tenant_scope(clinic.id):
        found = accounts_for("payment")
        reports = {account.provider: open_account(account).test_connection() for account in found}
    assert found[0].provider == "razorpay"
    assert len(reports) == len(found) and {"phonepe", "paypal"} <= set(reports)
    assert set(reports) <= {adapter.code for adapter in GATEWAYS}
    assert {provider: report.ok for provider, report in reports.items()} == dict.fromkeys(reports, True)


def test_every_messaging_account_of_a_demo_clinic_connects_in_the_order_in_which_they_are_tried(
    clinic: Any, app_context: Any, sandbox: RunningSandbox
) -> None:
    settings = Settings(sandbox_port=sandbox.port, sandbox_smtp_port=sandbox.smtp_port)
    further = outside._message_accounts(settings, SUNRISE, clinic.id)
    with tenant_scope(clinic.id), unit_of_work():
        outside._save(settings, SUNRISE, outside._paypal_root(settings))
        for item in further:
            base_url = outside._sandbox(settings) + item.path
            outside._save_account(item.channel, item.provider, base_url, item.credentials, item.priority)
    known = outside._sandbox_accounts(settings, clinic.id, SUNRISE)
    for account in (*known, *(item.there for item in further)):
        outside._register(settings, account)
    with tenant_scope(clinic.id):
        found = {channel: accounts_for(channel) for channel in ("email", "whatsapp", "sms", "push")}
    assert {channel: [account.provider for account in accounts] for channel, accounts in found.items()} == {
        "email": ["zeptomail", "ses", "smtp"],
        "whatsapp": ["whatsapp_cloud", "twilio_whatsapp"],
        "sms": ["twilio_sms"],
        "push": ["fcm", "sns_push"],
    }
    for account in (account for accounts in found.values() for account in accounts):
        adapter = channel_with_code(account.provider).open(account.credentials, base_url=account.base_url)
        assert adapter.test_connection().ok, account.provider


def test_a_webhook_of_the_demo_goes_to_its_clinic(clinic: Any) -> None:
    accounts = outside._sandbox_accounts(Settings(port=8123), clinic.id, SUNRISE)
    hooks = {account["provider"]: account["webhookUrl"] for account in accounts}
    assert hooks["phonepe"] == f"http://127.0.0.1:8123/api/payments/phonepe/webhook?clinicId={clinic.id}"
