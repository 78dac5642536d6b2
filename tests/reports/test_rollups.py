"""The sums of days that are over, made in parts: nobody can book while one is made."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.reports import rollups
from app.reports.finished_days import sum_up_finished_days
from app.reports.models import RevenueDay, RolledDay, TakingsDay
from tests.factories.billing import collect, make_invoice

pytestmark = pytest.mark.usefixtures("in_clinic")


def test_a_long_journal_is_summed_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "DAYS_AT_ONCE", 2)
    for days in (3, 2):
        with clock.travel(timedelta(days=-days)):
            collect(make_invoice("90.00"), "90.00")
    done = []
    for _part in range(3):
        with unit_of_work():
            done.append(sum_up_finished_days())
    assert done == [2, 1, 0]
    assert db.session.scalar(select(func.count()).select_from(RolledDay)) == 3
    assert db.session.scalar(select(func.sum(TakingsDay.came_minor))) == balance(AccountCode.CASH).minor == 18_000
    assert db.session.scalar(select(func.sum(RevenueDay.net_minor))) == balance(AccountCode.REVENUE).minor
