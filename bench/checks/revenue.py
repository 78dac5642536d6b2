"""Reports on revenue over a year of payments, from the sums of its days, and that they equal the journal."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from bench import client
from bench.books import ZONE, Books, open_books
from bench.figures import Effort, Figure
from bench.installation import Installation
from bench.processes import Running, console

PATH = "/api/v1/reports/revenue"
# Takings by the first ones, what was earned by the last.
GROUPINGS = ("day", "month", "method", "doctor", "service")
LONGEST_MS = 300
# A day's sums are made in the night; the whole year's only once, after an import.
LONGEST_ROLL_UP_SECONDS = 600


@dataclass(frozen=True)
class Totals:
    """What came in less what went out, and what was earned without tax; in minor units."""

    taken: int
    earned: int


def revenue(installation: Installation, effort: Effort) -> list[Figure]:
    books = open_books(installation, installation.sizes.payments)
    with installation.app.app_context():
        days, seconds = sum_up(books)
    with console(installation.environment, installation.directory) as running:
        report = _slowest(books, running, effort)
    with installation.app.app_context():
        reported, booked = reported_totals(books), booked_totals(books)
    apart = abs(reported.taken - booked.taken) + abs(reported.earned - booked.earned)
    equal = (
        f"taken {reported.taken / 100:,.2f}, earned {reported.earned / 100:,.2f}; loaded in {books.load_seconds:.0f} s"
    )
    summed = f"{days} days summed up now; loaded in {books.load_seconds:.0f} s"
    return [
        report,
        Figure("revenue", "reports of revenue, apart from the journal", apart, "paise", "<", 1, equal),
        Figure("revenue", "summing up the days of a year", seconds, "s", "<", LONGEST_ROLL_UP_SECONDS, summed),
    ]


def sum_up(books: Books) -> tuple[int, float]:
    """Sum up the days that are over, as the worker's job does; how many, and in how many seconds."""
    from app.core.tenant import tenant_scope
    from app.core.transaction import unit_of_work
    from app.reports.finished_days import sum_up_finished_days

    started, done = time.perf_counter(), 0
    with tenant_scope(books.house.clinic_id):
        while True:
            with unit_of_work():
                days = sum_up_finished_days()
            if not days:
                return done, time.perf_counter() - started
            done += days


def reported_totals(books: Books) -> Totals:
    """What the reports say of all days up to today."""
    from app.core.tenant import tenant_scope
    from app.reports.catalogue.collections import takings_by, total_of
    from app.reports.catalogue.revenue import earned_by, total_earned

    with tenant_scope(books.house.clinic_id):
        taken = total_of(takings_by(_span(books), "month")).net.minor
        return Totals(taken, total_earned(earned_by(_span(books), "month")).net.minor)


def booked_totals(books: Books) -> Totals:
    """What the journal itself says: every line on the accounts of tenders and of revenue."""
    from app.core.tenant import tenant_scope
    from app.ledger.accounts import AccountCode
    from app.reports.takings import TENDERS

    with tenant_scope(books.house.clinic_id):
        return Totals(_balance(TENDERS, books), -_balance((AccountCode.REVENUE, AccountCode.DISCOUNT), books))


def _balance(codes: Iterable[str], books: Books) -> int:
    from sqlalchemy import func, select

    from app.core.tenant import db
    from app.ledger.models import JournalEntry, JournalLine, LedgerAccount

    span = _span(books)
    wanted = (
        select(func.sum(JournalLine.debit_minor - JournalLine.credit_minor))
        .join(JournalEntry, JournalEntry.id == JournalLine.entry_id)
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(LedgerAccount.code.in_(list(codes)), JournalEntry.booked_on.between(span.first, span.last))
    )
    return int(db.session.scalar(wanted) or 0)


def _span(books: Books) -> Any:
    from app.core import clock
    from app.reports.base import Filters

    return Filters(books.first, clock.today(ZONE))


def _slowest(books: Books, running: Running, effort: Effort) -> Figure:
    """The median of the grouping that takes longest, over HTTP, with today's payments straight from the journal."""
    bearer, span = books.house.logins["CLINIC_ADMIN"].bearer(), _span(books)
    milliseconds: dict[str, float] = {}
    for name in GROUPINGS:
        raw = client.request("GET", f"{PATH}?from={span.first}&to={span.last}&groupBy={name}", bearer)
        client.timed(running.port, [raw] * effort.warm_up_requests)
        times = client.timed(running.port, [raw] * max(1, effort.requests // 10))
        milliseconds[name] = 1000 * median(times)
    slowest = max(milliseconds, key=lambda name: milliseconds[name])
    others = ", ".join(f"{name} {found:.0f}" for name, found in milliseconds.items())
    days = (span.last - span.first) // timedelta(days=1) + 1
    what = f"report of revenue over {books.payments:,} payments, slowest grouping"
    detail = f"by {slowest} over {days} days, today's unsummed (medians of: {others} ms)"
    return Figure("revenue", what, milliseconds[slowest], "ms", "<", LONGEST_MS, detail)
