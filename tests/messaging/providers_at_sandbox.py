"""A running console and a running sandbox that know each other: what the providers tell arrives over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS, channel_with_code
from app.messaging.delivery import deliver
from app.messaging.models import Message, ProviderNotice
from app.messaging.receipts import process_notice
from app.messaging.services import queue_message
from app.messaging.suppression import find_suppression
from app.tenancy.models import GlobalProviderAccount, ProviderAccount
from app.tenancy.providers import save_account
from tests.contract.providers.rigs import RIGS
from tests.sandbox_server import RunningSandbox
from tests.waiting import wait_until

VARIABLES = {"patient": "Meera Iyer", "number": "INV/1", "amount": "₹ 800.00", "clinic": "Sunrise Clinic"}
CONTENT = "HX" + "0" * 32
TELLING = ("zeptomail", "ses", "whatsapp_cloud", "twilio_whatsapp", "twilio_sms")
EXTRAS = {"twilio_whatsapp": {"content_sids": f"invoice_paid {CONTENT}"}}


@dataclass
class World:
    """One clinic with the accounts that a test opens, at a sandbox that calls the console back."""

    clinic_id: str
    sandbox: RunningSandbox
    address: str
    sent: int = field(default=0)

    def hook(self, provider: str, clinic_id: str | None) -> str:
        query = f"?clinicId={clinic_id}" if clinic_id else ""
        return f"{self.address}/api/messaging/{provider}/webhook{query}"

    def open_account(self, provider: str, *, shared: bool = False, **changes: Any) -> str:
        """An account of the clinic (or a global one) there and here; its id."""
        rig, adapter = RIGS[provider], channel_with_code(provider)
        hook = self.hook(provider, None if shared else self.clinic_id)
        self.sandbox.account(rig.simulator, **{**rig.account, "webhookUrl": hook, **changes.pop("there", {})})
        row = (GlobalProviderAccount if shared else ProviderAccount)(channel=adapter.channel, provider=provider)
        credentials = {**rig.credentials, **rig.told(self.sandbox), **EXTRAS.get(provider, {}), **changes}
        with tenant_scope(self.clinic_id), unit_of_work():
            return save_account(row, CHANNELS, credentials=credentials, base_url=rig.base_url(self.sandbox)).id

    def queue(self, provider: str, to: str | None = None) -> str:
        self.sent += 1
        channel, recipient = channel_with_code(provider).channel, to or RIGS[provider].recipient
        with tenant_scope(self.clinic_id), unit_of_work():
            key = f"receipts:{self.sent}"
            return queue_message(channel, recipient, "invoice_paid", VARIABLES, dedupe_key=key).id

    def send(self, provider: str, to: str | None = None) -> str:
        """Send one message now; its id."""
        message_id = self.queue(provider, to)
        assert deliver({self.clinic_id: [message_id]}) == 1
        return message_id

    def message(self, message_id: str) -> Message:
        with tenant_scope(self.clinic_id):
            row = db.session.get_one(Message, message_id)
            db.session.refresh(row)
            db.session.expunge(row)
            return row

    def notices(self) -> list[ProviderNotice]:
        """What was stored, oldest first."""
        with tenant_scope(self.clinic_id):
            rows = db.session.scalars(select(ProviderNotice).order_by(ProviderNotice.id)).all()
            for row in rows:
                db.session.expunge(row)
            return list(rows)

    def take_in(self, count: int) -> list[ProviderNotice]:
        """Wait until so many notices are stored, and process them in the order in which they came."""
        wait_until(lambda: len(self.notices()) >= count)
        return self.process()

    def process(self, order: Callable[[list[ProviderNotice]], list[ProviderNotice]] = list) -> list[ProviderNotice]:
        with tenant_scope(self.clinic_id):
            for notice in order(self.notices()):
                process_notice(notice.id)
        return self.notices()

    def suppressed(self, channel: str, address: str) -> str | None:
        """Why nothing is sent to the address."""
        with tenant_scope(self.clinic_id):
            row = find_suppression(channel, address)
            return row.reason if row is not None and row.active else None
