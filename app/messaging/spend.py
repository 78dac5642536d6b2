"""What messages cost, by day of the clinic's zone and channel, and the cap on a day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, require_clinic
from app.messaging.models import Message, MessageSpend
from app.messaging.rules import Rules

CRITICAL = "CRITICAL"


def charge(message: Message, rules: Rules, zone: str) -> bool:
    """Book the cost of a message that is about to leave; False when the day's cap does not allow it.

    Critical messages are booked and never held. With a cap, those of a clinic are booked one after the other.
    """
    cost = rules.cost_micros(message.channel)
    message.cost_micros = cost
    if cost == 0:
        return True
    if rules.cap_micros:
        _one_after_the_other()
        if message.priority != CRITICAL and spent_today(zone) + cost > rules.cap_micros:
            message.cost_micros = 0
            return False
    _book(message.channel, clock.today(zone), 1, cost)
    return True


def give_back(message: Message, day: date) -> None:
    """It did not leave after all; `day` is the one that it was booked on, which may be over by now."""
    if message.cost_micros:
        _book(message.channel, day, -1, -message.cost_micros)
        message.cost_micros = 0


def spent_today(zone: str) -> int:
    """Millionths of the clinic's currency."""
    found = select(func.coalesce(func.sum(MessageSpend.cost_micros), 0)).where(MessageSpend.day == clock.today(zone))
    return int(db.session.scalar(found) or 0)


def _one_after_the_other() -> None:
    """Until the transaction ends, no other one of the clinic books: the sum stays what it was read as."""
    key = func.hashtextextended(f"message-spend:{require_clinic()}", 0)
    db.session.execute(select(func.pg_advisory_xact_lock(key)))


def _book(channel: str, day: date, messages: int, cost: int) -> None:
    fresh = insert(MessageSpend).values(
        id=new_id(), clinic_id=require_clinic(), day=day, channel=channel, messages=0, cost_micros=0
    )
    db.session.execute(fresh.on_conflict_do_nothing(index_elements=["clinic_id", "day", "channel"]))
    db.session.execute(
        update(MessageSpend)
        .where(MessageSpend.day == day, MessageSpend.channel == channel)
        .values(messages=MessageSpend.messages + messages, cost_micros=MessageSpend.cost_micros + cost)
        .execution_options(synchronize_session=False)
    )
