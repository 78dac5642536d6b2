"""A list that is fetched while its day is not over: what comes later on is taken in, what is known stays as it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import Settlement
from app.payments.services.settlements import store_lines, stored_lines
from tests.daytime import ZONE_NAME
from tests.factories.payments import rupees

DAY = "2026-11-20"


def line(gateway_id: str, amount: str, settlement_id: str = DAY) -> SettlementLine:
    gross, fee = rupees(amount), rupees("10")
    return SettlementLine(
        settlement_id=settlement_id,
        kind=SettlementKind.PAYMENT,
        gateway_id=gateway_id,
        gross=gross,
        fee=fee,
        tax=Money.zero("INR"),
        net=gross - fee,
        settled_at=clock.now(),
    )


def take(account_id: str, *lines: SettlementLine) -> None:
    with unit_of_work():
        store_lines("paypal", account_id, lines)


def test_a_day_that_fills_up_is_taken_in_as_it_does(in_clinic: Any) -> None:
    account_id, today = new_id(), clock.today(ZONE_NAME)
    morning, noon, night = line("CAP1", "100"), line("CAP2", "200"), line("CAP3", "400")
    take(account_id, morning)
    take(account_id, morning)
    take(account_id, morning, noon)
    take(account_id, morning, noon, night)
    take(account_id, morning, noon, night)
    rows = db.session.scalars(select(Settlement).order_by(Settlement.settlement_id)).all()
    assert [(row.settlement_id, row.net_minor) for row in rows] == [
        (DAY, 9000),
        (f"{DAY}+2", 19000),
        (f"{DAY}+3", 39000),
    ]
    assert balance(AccountCode.BANK) == rupees("670")
    assert sorted(item.gateway_id for item in stored_lines(account_id, today, today)) == ["CAP1", "CAP2", "CAP3"]


def test_a_line_that_the_gateway_lists_twice_stays_twice(in_clinic: Any) -> None:
    account_id = new_id()
    twice = (line("CAP1", "100"), line("CAP1", "100"))
    take(account_id, *twice)
    take(account_id, *twice)
    assert [row.net_minor for row in db.session.scalars(select(Settlement))] == [18000]


def test_a_longer_name_is_another_settlement(in_clinic: Any) -> None:
    account_id = new_id()
    take(account_id, line("CAP1", "100"))
    take(account_id, line("CAP1", "100", f"{DAY}1"))
    assert sorted(db.session.scalars(select(Settlement.settlement_id))) == [DAY, f"{DAY}1"]
