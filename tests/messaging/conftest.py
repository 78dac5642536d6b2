"""A sandbox with mail and WhatsApp, and short ways to queue and look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update

from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS
from app.messaging.models import Message, MessageStatus
from app.messaging.rules import change_rules
from app.messaging.services import queue_message
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.sandbox_server import running_sandbox

VARIABLES = {"patient": "Meera Iyer", "number": "INV/1", "amount": "₹ 800.00", "clinic": "Sunrise Clinic"}
PHONE, MAIL = "+919876543210", "meera@example.com"
CLOSED_PORT = 9


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_sandbox() as running:
        running.account(
            "whatsapp",
            phoneNumberId="1001",
            accessToken="token-1",
            appSecret="secret-1",
            verifyToken="verify-1",
            webhookUrl="http://127.0.0.1:9/nowhere",
        )
        yield running


@pytest.fixture(autouse=True)
def _nothing_else_waits(request: pytest.FixtureRequest) -> None:
    """What other tests left in the outbox would be sent first, and fill the batch."""
    if "clinic" in request.fixturenames:
        request.getfixturevalue("app_context")
        waiting = Message.status.in_((MessageStatus.QUEUED, MessageStatus.SENDING))
        with all_tenants(), unit_of_work():
            db.session.execute(update(Message).where(waiting).values(status=MessageStatus.FAILED))


@pytest.fixture
def reachable(clinic: Any, outside: Any) -> Any:
    """The clinic has one account for mail and one for WhatsApp, both at the sandbox."""
    outside.post("/_control/reset")
    with tenant_scope(clinic.id), unit_of_work():
        add_whatsapp(outside)
        add_mail(outside, priority=1)
    return outside


def add_whatsapp(outside: Any, **columns: Any) -> str:
    secrets = {"app_secret": "secret-1", "verify_token": "verify-1"}
    account = save_account(
        ProviderAccount(channel="whatsapp", provider="whatsapp_cloud"),
        CHANNELS,
        credentials={"phone_number_id": "1001", "access_token": "token-1", **secrets},
        base_url=outside.whatsapp_url,
        **columns,
    )
    return account.id


def add_mail(outside: Any, port: int | None = None, **columns: Any) -> str:
    account = save_account(
        ProviderAccount(channel="email", provider="smtp"),
        CHANNELS,
        credentials={"from_address": "desk@sunrise.example.com"},
        base_url=f"smtp://{outside.smtp_host}:{port or outside.smtp_port}",
        **columns,
    )
    return account.id


@pytest.fixture
def queued(clinic: Any) -> Callable[..., str]:
    """`queued("email", MAIL, key="two", priority="LOW")`: the id of a message in the outbox."""

    def queue(channel: str = "email", to: str = MAIL, *, key: str = "one", **options: Any) -> str:
        template = options.pop("template", "invoice_paid")
        variables = options.pop("variables", VARIABLES)
        with tenant_scope(clinic.id), unit_of_work():
            return queue_message(channel, to, template, variables, dedupe_key=key, **options).id

    return queue


@pytest.fixture
def look(clinic: Any) -> Callable[[str], Message]:
    """The message as it stands in the database."""

    def read(message_id: str) -> Message:
        with tenant_scope(clinic.id):
            row = db.session.get_one(Message, message_id)
            db.session.refresh(row)
            db.session.expunge(row)
            return row

    return read


@pytest.fixture
def rules(clinic: Any) -> Callable[..., None]:
    """`rules(digest_at="18:00")` changes the clinic's rules."""

    def change(**values: Any) -> None:
        with tenant_scope(clinic.id), unit_of_work():
            change_rules(**values)

    return change
