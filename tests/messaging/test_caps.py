"""The cap on a day's cost, where the day ends: by the clinic's clock, when it is changed, in the middle of a call."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS
from app.messaging.delivery import send
from app.messaging.jobs import send_notifications
from app.messaging.models import MessageSpend, MessageStatus
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.access import set_settings
from tests.messaging.conftest import PHONE
from tests.scripted_server import Handler, answer, scripted_server

KOLKATA = ZoneInfo("Asia/Kolkata")


def add_zeptomail(clinic_id: str, url: str) -> None:
    credentials = {"token": "agent-token", "from_address": "desk@sunrise.test"}
    with tenant_scope(clinic_id), unit_of_work():
        row = ProviderAccount(channel="email", provider="zeptomail")
        save_account(row, CHANNELS, credentials=credentials, base_url=url)


@pytest.mark.parametrize(
    ("zone", "evening", "midnight"),
    [
        # The night that is an hour shorter, the one that is an hour longer, and a midnight that the clock skips.
        ("Europe/Berlin", datetime(2027, 3, 27, 23, 30), datetime(2027, 3, 28, 0, 0)),
        ("Europe/Berlin", datetime(2027, 3, 28, 1, 30), datetime(2027, 3, 29, 0, 0)),
        ("Europe/Berlin", datetime(2027, 10, 31, 1, 30), datetime(2027, 11, 1, 0, 0)),
        ("Africa/Cairo", datetime(2027, 4, 29, 23, 30), datetime(2027, 4, 30, 1, 0)),
    ],
)
def test_a_days_cap_ends_with_the_day_whatever_the_clock_does(  # noqa: PLR0913, PLR0917 - one row of the table
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any, zone: str, evening: datetime, midnight: datetime
) -> None:
    set_settings(clinic.id, zone=zone)
    rules(whatsapp_cost="0.80", daily_cap="1.00")
    evening, midnight = evening.replace(tzinfo=ZoneInfo(zone)), midnight.replace(tzinfo=ZoneInfo(zone))
    with clock.travel(to=evening):
        first, second = queued("whatsapp", PHONE, key="a"), queued("whatsapp", PHONE, key="b")
        for message_id in (first, second):
            send(clinic.id, message_id)
        assert [look(item).status for item in (first, second)] == ["SENT", "QUEUED"]
        assert look(second).next_at == midnight.astimezone(UTC)
    with clock.travel(to=midnight.astimezone(UTC) - timedelta(seconds=1)):
        send_notifications()
        assert look(second).status == MessageStatus.QUEUED
    with clock.travel(to=midnight.astimezone(UTC) + timedelta(seconds=1)):
        send_notifications()
        assert look(second).status == MessageStatus.SENT


def test_a_call_that_fails_after_midnight_gives_back_to_the_day_before(clinic: Any, queued: Any, rules: Any) -> None:
    """The provider thinks from one day into the next."""
    set_settings(clinic.id, zone=KOLKATA.key)
    rules(email_cost="0.50", daily_cap="5.00")
    evening = datetime(2027, 3, 1, 23, 59, 58, tzinfo=KOLKATA)
    midnight_passes = ExitStack()

    def refuse(handler: Handler) -> None:
        midnight_passes.enter_context(clock.travel(to=evening + timedelta(seconds=5)))
        answer(500, {"error": {"code": "TM_5000"}})(handler)

    with scripted_server() as provider, clock.travel(to=evening), midnight_passes:
        provider.will(refuse)
        add_zeptomail(clinic.id, provider.url)
        send(clinic.id, queued())
        assert clock.today(KOLKATA.key) == date(2027, 3, 2)
    with tenant_scope(clinic.id):
        spent = db.session.execute(select(MessageSpend.day, MessageSpend.messages, MessageSpend.cost_micros)).all()
    assert [tuple(row) for row in spent] == [(date(2027, 3, 1), 0, 0)]
