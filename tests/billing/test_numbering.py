"""Document numbers: without gaps under any number of writers and rollbacks, one series per kind and fiscal year."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice, Receipt
from app.billing.numbering import fiscal_year, numbered
from app.billing.services import collect_at_desk, draft_invoice, lock_invoice, open_invoice
from app.billing.services.lines import NewLine
from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.queries import trial_balance, trial_balance_totals
from tests.daytime import ZONE_NAME
from tests.factories.access import set_settings
from tests.factories.billing import make_invoice, make_priced_visit, rupees
from tests.factories.people import make_patient

THREADS, ROUNDS = 16, 6


class Changed(Exception):
    """Somebody thinks better of it: everything is rolled back."""


def test_sixteen_desks_number_without_a_gap(app: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        patients = [make_patient().id for _ in range(THREADS)]

    def work(seed: int) -> int:
        chance, kept = Random(seed), 0
        with app.app_context(), tenant_scope(clinic.id):
            for _ in range(ROUNDS):
                try:
                    with unit_of_work():
                        invoice = draft_invoice(patients[seed], [NewLine("Item", rupees("10"))])
                        open_invoice(invoice)
                        collect_at_desk(invoice, "CASH")
                        if chance.random() < 0.4:
                            raise Changed
                except Changed:
                    continue
                kept += 1
        return kept

    with ThreadPoolExecutor(THREADS) as pool:
        kept = sum(pool.map(work, range(THREADS)))
    with tenant_scope(clinic.id):
        assert kept and kept < THREADS * ROUNDS
        for model in (Invoice, Receipt):
            last = sorted(int(number.rpartition("/")[2]) for number in db.session.scalars(select(model.number)))
            assert last == list(range(1, kept + 1)), model
        assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_two_desks_that_collect_for_one_visit_get_the_money_once(app: Any, clinic: Any) -> None:
    from app.billing.services import AlreadyPaid
    from app.scheduling.models import Appointment

    with tenant_scope(clinic.id):
        visit_id = make_priced_visit("100.00").id

    def take(_: int) -> bool:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                with unit_of_work():
                    collect_at_desk(db.session.get_one(Appointment, visit_id), "CASH")
            except AlreadyPaid:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
    with tenant_scope(clinic.id):
        assert [(item.status, item.paid_minor) for item in db.session.scalars(select(Invoice))] == [("PAID", 10000)]


def test_each_clinic_and_each_fiscal_year_begins_anew(clinic: Any, other_clinic: Any) -> None:
    for each in (clinic, other_clinic):
        set_settings(each.id, zone="Asia/Kolkata")
    with tenant_scope(clinic.id):
        before = clock.travel(to=datetime(2027, 3, 31, 12, 0, tzinfo=UTC))
        with before:
            assert [make_invoice().number for _ in range(2)] == ["INV/26-27/000001", "INV/26-27/000002"]
        with clock.travel(to=datetime(2027, 3, 31, 19, 0, tzinfo=UTC)):  # already 1 April in Kolkata
            assert make_invoice().number == "INV/27-28/000001"
    with tenant_scope(other_clinic.id), clock.travel(to=datetime(2027, 3, 31, 12, 0, tzinfo=UTC)):
        assert make_invoice().number == "INV/26-27/000001"


def test_a_draft_takes_no_number(in_clinic: Any) -> None:
    draft = make_invoice(opened=False)
    assert make_invoice().number is not None
    with unit_of_work():
        assert open_invoice(lock_invoice(draft.id)).number == f"INV/{this_year()}/000002"


def this_year() -> str:
    return fiscal_year(clock.today(ZONE_NAME), 4)


@pytest.mark.parametrize(
    ("on", "first_month", "expected"),
    [
        (date(2026, 3, 31), 4, "25-26"),
        (date(2026, 4, 1), 4, "26-27"),
        (date(2099, 12, 31), 4, "99-00"),
        (date(2026, 12, 31), 1, "2026"),
    ],
)
def test_fiscal_years(on: date, first_month: int, expected: str) -> None:
    assert fiscal_year(on, first_month) == expected


@pytest.mark.parametrize(
    ("prefix", "number", "expected"),
    [("INV", 1, "INV/26-27/000001"), ("A", 1234567, "A/26-27/1234567"), ("LAKESI", 7, "LAKESI/26-27/007")],
)
def test_numbers_have_sixteen_characters_as_long_as_possible(prefix: str, number: int, expected: str) -> None:
    assert numbered(prefix, "26-27", number) == expected
