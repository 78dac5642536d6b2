"""Urgent messages behind many others: how long until each is handed over to a provider without a limit of its own."""

from __future__ import annotations

import socket
import time
from typing import Any

from bench.figures import Effort, Figure, percentile
from bench.installation import Installation
from bench.orders import nothing_left_to_do
from bench.processes import program, worker

LONGEST_SECONDS = 5
URGENT_A_REQUEST, OTHERS_A_REQUEST = 5, 50  # of the usual effort: 1,000 and 10,000
PATIENCE_SECONDS = 180
VARIABLES = {"patient": "Meera Iyer", "number": "INV/1", "amount": "₹ 800.00", "clinic": "Bench Clinic"}


def messages(installation: Installation, effort: Effort) -> list[Figure]:
    urgent, others = effort.requests * URGENT_A_REQUEST, effort.requests * OTHERS_A_REQUEST
    port, directory = _free_port(), installation.directory
    with (
        nothing_left_to_do(installation),
        program(["-m", "bench.mail_sink", str(port)], {}, directory / "mail_sink.log"),
        installation.app.app_context(),
    ):
        clinic_id = installation.house.clinic_id
        _prepare(clinic_id, port)
        try:
            _queue(clinic_id, "LOW", others)
            _queue(clinic_id, "HIGH", urgent)
            with worker(["work"], installation.environment, directory):
                waits, rate = _waits(clinic_id, urgent)
        finally:
            _forget(clinic_id)
    median = percentile(waits, 0.5)
    detail = f"{urgent:,} at once behind {others:,} at LOW, one worker, {rate:.0f} mails/s; median {median:.1f} s"
    return [Figure("messages", "HIGH to hand-over, p95", percentile(waits, 0.95), "s", "<", LONGEST_SECONDS, detail)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _prepare(clinic_id: str, port: int) -> None:
    """The clinic's only account for mail is the sink, and its own limit is off."""
    from app.core.tenant import tenant_scope
    from app.core.transaction import unit_of_work
    from app.messaging.channels import CHANNELS
    from app.messaging.rules import change_rules
    from app.tenancy.models import ProviderAccount
    from app.tenancy.providers import save_account

    _forget(clinic_id)
    with tenant_scope(clinic_id), unit_of_work():
        change_rules(email_per_minute=0)
        account = ProviderAccount(channel="email", provider="smtp")
        sender = {"from_address": "desk@bench.example"}
        save_account(account, CHANNELS, credentials=sender, base_url=f"smtp://127.0.0.1:{port}")


def _forget(clinic_id: str) -> None:
    from sqlalchemy import delete

    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.messaging.models import Message, MessageAttempt
    from app.tenancy.models import ProviderAccount

    with tenant_scope(clinic_id), unit_of_work():
        db.session.execute(delete(MessageAttempt))
        db.session.execute(delete(Message))
        db.session.execute(delete(ProviderAccount).where(ProviderAccount.channel == "email"))


def _queue(clinic_id: str, priority: str, many: int) -> None:
    from sqlalchemy import insert

    from app.core.ids import new_id
    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.messaging.models import URGENCY, Message

    def row(number: int) -> dict[str, Any]:
        return {
            "id": new_id(),
            "clinic_id": clinic_id,
            "channel": "email",
            "recipient": f"person{number}@bench.example",
            "template": "invoice_paid",
            "variables": VARIABLES,
            "dedupe_key": f"{priority}:{new_id()}",
            "priority": priority,
            "urgency": URGENCY[priority],
        }

    with tenant_scope(clinic_id), unit_of_work():
        db.session.execute(insert(Message), [row(number) for number in range(many)])


def _waits(clinic_id: str, urgent: int) -> tuple[list[float], float]:
    """Seconds from the worker's first look until each urgent message was handed over; and mails a second."""
    from sqlalchemy import func, select

    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.messaging.jobs import send_mail, wake
    from app.messaging.models import Message, MessageAttempt, MessageStatus

    wake(send_mail)
    handed = select(func.count()).where(Message.priority == "HIGH", Message.status == MessageStatus.SENT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with tenant_scope(clinic_id):
        while True:
            with unit_of_work():
                if int(db.session.scalar(handed) or 0) >= urgent:
                    break
            if time.monotonic() > deadline:
                raise RuntimeError("urgent messages were not handed over")
            time.sleep(0.2)
        begin = db.session.scalar(select(func.min(MessageAttempt.created_at)))
        wanted = select(Message.sent_at).where(Message.priority == "HIGH", Message.sent_at.is_not(None))
        waits = [(sent_at - begin).total_seconds() for sent_at in db.session.scalars(wanted)]
    return waits, urgent / max(waits)
