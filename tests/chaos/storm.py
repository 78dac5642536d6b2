"""What the processes of the storm run: an event, the listener that writes a message for each, and the books after it.

`python -m tests.chaos.storm [queue ...]` is a worker of ours that has the listener.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from sqlalchemy import func, select

from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.base import Category, Event, listens_to
from app.events.models import EventRecord
from app.events.services import publish
from app.messaging.models import Message
from app.messaging.rules import change_rules
from app.messaging.services import queue_message
from app.payments.models import Payment  # noqa: F401 - the application's models are whole

EVERY_NTH_IS_MAIL = 4
IN_HASTE = "STORM_IN_HASTE"  # set in the environment: providers and breakers have less time
TEMPLATE = "refund_settled"
TYPE = "test.storm.passed"


class StormPassed(Event):
    type = TYPE
    category = Category.SYSTEM
    subject = "storm_id"
    storm_id: str
    number: int


@listens_to(StormPassed, queue="notification")
def write(event: StormPassed) -> None:
    """One message for each event, however often it is heard."""
    mail = event.number % EVERY_NTH_IS_MAIL == 0
    queue_message(
        "email" if mail else "whatsapp",
        f"p{event.number}@example.com" if mail else f"+9198{event.number:08d}",
        TEMPLATE,
        {"patient": f"No {event.number}", "amount": "₹300", "number": "INV/1", "clinic": "Sunrise Clinic"},
        dedupe_key=f"storm:{event.number}",
    )


def prepare(clinic_id: str) -> None:
    """No pace and no quiet hours: the storm is about what goes wrong."""
    with tenant_scope(clinic_id), unit_of_work():
        change_rules(email_per_minute=0, whatsapp_per_minute=0)


def publish_some(clinic_id: str, first: int, count: int) -> None:
    """Each event in a transaction of its own, as verbs publish."""
    with tenant_scope(clinic_id):
        for number in range(first, first + count):
            with unit_of_work():
                publish(StormPassed(storm_id=new_id(), number=number))


def books(clinic_id: str) -> dict[str, Any]:
    """What became of everything."""
    with tenant_scope(clinic_id):
        events = db.session.scalar(select(func.count()).where(EventRecord.type == TYPE))
        wanted = select(Message.id, Message.dedupe_key, Message.channel, Message.status, Message.reason)
        rows = db.session.execute(wanted.where(Message.dedupe_key.like("storm:%"))).all()
        return {"events": events, "messages": [row._asdict() for row in rows]}


def main(arguments: list[str]) -> int:
    """Breakers open and try as always, with shorter pauses: the storm is to be over in minutes, a short one sooner."""
    from app.core.providers import Timeouts
    from app.messaging import breaker
    from app.messaging.channels.smtp import Smtp
    from app.messaging.channels.whatsapp_cloud import WhatsAppCloud
    from worker import main as work

    if os.environ.get(IN_HASTE):
        breaker.OPEN_MS, breaker.LONGEST_OPEN_MS, breaker.PROBE_MS = 1_000, 4_000, 15_000
        Smtp.default_timeouts = WhatsAppCloud.default_timeouts = Timeouts(connect=3, read=5)
    else:
        breaker.OPEN_MS, breaker.LONGEST_OPEN_MS, breaker.PROBE_MS = 3_000, 30_000, 40_000
    return work(["work", *arguments])


if __name__ == "__main__":
    from tests.chaos import storm  # so that the listener is known by the module's own name

    sys.exit(storm.main(sys.argv[1:]))
