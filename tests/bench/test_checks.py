"""Every check of `make bench` in its short form: it gives its figures. How large they are is for the real run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from bench import client
from bench.books import TABLES, open_books
from bench.checks import CHECKS
from bench.checks.console import screens
from bench.checks.plans import WHOLE_TABLE, plans_of
from bench.checks.revenue import booked_totals
from bench.checks.visits import PATH
from bench.data import LOADED, SLOTS_A_DAY, connection_arguments
from bench.figures import Effort
from bench.installation import Installation
from bench.processes import beside
from tests.conftest import TEMPLATE


def scalar(installation: Installation, statement: str) -> Any:
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def test_the_loader_fills_the_clinic(installation: Installation, effort: Effort) -> None:
    (figure,) = CHECKS["loader"](installation, effort)
    assert (figure.unit, figure.target) == ("s", 180)
    assert scalar(installation, "select count(*) from patient") == installation.sizes.patients
    assert scalar(installation, "select count(*) from appointment") == installation.sizes.appointments
    busiest = "select max(n) from (select count(*) n from appointment group by doctor_id, starts_at::date) days"
    assert scalar(installation, busiest) <= SLOTS_A_DAY


def indexes_and_constraints(connection: Any, tables: Sequence[str] = LOADED) -> list[tuple[str, str]]:
    """Names and definitions; without casts and brackets, which PostgreSQL writes anew whenever it reads one back."""
    statement = """
        select conname, pg_get_constraintdef(oid) from pg_constraint
          where conrelid = any(%(tables)s::text[]::regclass[])
        union all select indexname, indexdef from pg_indexes where tablename = any(%(tables)s::text[])"""
    rows = connection.execute(statement, {"tables": list(tables)})
    return sorted((name, re.sub(r"::[a-z ]+(\[\])?|[()]", "", definition)) for name, definition in rows.fetchall())


def test_the_loader_puts_every_index_and_constraint_back(installation: Installation, servers: tuple[str, str]) -> None:
    """As in the template, which has never been loaded."""
    untouched = make_url(servers[0]).set(database=TEMPLATE).render_as_string(hide_password=False)
    with psycopg.connect(**connection_arguments(untouched)) as connection:
        expected = indexes_and_constraints(connection)
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        found = indexes_and_constraints(connection)
    assert {"ex_appointment_doctor", "ix_patient_search_name"} <= {name for name, _definition in found}
    assert found == expected


def test_hot_questions_are_answered_from_an_index(installation: Installation, effort: Effort) -> None:
    with installation.app.app_context():
        found = plans_of(installation)
    assert {"visits 1", "visits of a doctor 1", "free slots 1", "search 'mee' 1"} <= set(found)
    assert any("ix_appointment_clinic_start" in plan for plan in found.values())
    assert [name for name, plan in found.items() if WHOLE_TABLE.search(plan)] == []
    assert CHECKS["plans"](installation, effort)[0].reached


def test_both_lists_show_the_same_visits(installation: Installation) -> None:
    environment = {**installation.environment, "BENCH_CLINIC": installation.house.clinic_id}
    asked = client.request("GET", PATH, installation.house.logins["RECEPTIONIST"].bearer())
    with beside("bench.bare:create_app()", environment, installation.directory) as (ours, theirs):
        status, mine = client.once(ours.port, asked)
        _status, other = client.once(theirs.port, client.request("GET", "/appointments"))
    assert status == 200, mine
    assert len(json.loads(mine)["items"]) == 20
    assert json.loads(mine)["items"] == json.loads(other)["items"]


def test_the_list_gives_a_ratio(installation: Installation, effort: Effort) -> None:
    (figure,) = CHECKS["list"](installation, effort)
    assert (figure.unit, figure.bound, figure.target) == ("×", ">=", 0.6)
    assert figure.value > 0
    assert "requests/s" in figure.detail


def test_booking_gives_a_ratio_over_the_same_rows(installation: Installation, effort: Effort) -> None:
    tables = ("appointment_change", "event", "audit_entry")
    about_visits = {
        "appointment_change": "true",
        "event": "type = 'appointment.created'",
        "audit_entry": "action = 'appointment.created'",
    }
    visits = scalar(installation, "select count(*) from appointment")
    alone, figure = CHECKS["booking"](installation, effort)
    assert (alone.unit, alone.target, figure.unit, figure.target) == ("ms", 40, "×", 0.4)
    assert alone.value > 0
    booked = scalar(installation, "select count(*) from appointment") - visits
    written = [scalar(installation, f"select count(*) from {name} where {about_visits[name]}") for name in tables]
    assert figure.value > 0
    assert written == [booked] * 3
    assert booked >= 4


def test_the_console_gives_lists_forms_and_charts(installation: Installation, effort: Effort) -> None:
    figures = CHECKS["console"](installation, replace(effort, requests=4))
    assert [(figure.unit, figure.target) for figure in figures] == [("×", 3), ("ms", 150), ("ms", 150), ("ms", 150)]
    assert all(figure.value > 0 for figure in figures)
    names = {screen.name for screen in screens(installation.app)}
    assert {"PatientView", "DoctorView", "AuditEntryView"} <= names


def test_the_search_box_gives_a_percentile(installation: Installation, effort: Effort) -> None:
    (figure,) = CHECKS["search"](installation, effort)
    assert (figure.unit, figure.target) == ("ms", 30)
    assert "median" in figure.detail


def test_webhooks_are_stored_on_both_sides_and_processed_meanwhile(installation: Installation, effort: Effort) -> None:
    ratio, answer = CHECKS["intake"](installation, effort)
    assert [(item.unit, item.bound, item.target) for item in (ratio, answer)] == [("×", ">=", 0.5), ("ms", "<", 50)]
    assert ratio.value > 0
    assert "webhooks/s" in ratio.detail
    kept = "select count(*) from webhook_event where gateway = '{}'"
    assert scalar(installation, kept.format("razorpay")) >= 4
    assert scalar(installation, kept.format("bare")) >= 4
    assert scalar(installation, "select count(*) from webhook_event where status = 'PARKED'") == 0


def test_the_transition_moves_money_for_each_notice(installation: Installation, effort: Effort) -> None:
    paid = "select count(*) from payment where status = 'COMPLETED'"
    before = scalar(installation, paid)
    figures = CHECKS["transition"](installation, effort)
    assert [(item.unit, item.target) for item in figures] == [("ms", 30)] * 2
    assert 0 < figures[0].value <= figures[1].value
    assert scalar(installation, paid) - before >= effort.requests
    assert scalar(installation, "select count(*) from event_delivery where status = 'PENDING'") == 0


def test_bulk_issues_invoices_for_visits(installation: Installation, effort: Effort) -> None:
    wanted = replace(effort, requests=2)
    (figure,) = CHECKS["bulk"](installation, wanted)
    assert (figure.unit, figure.target) == ("invoices/s", 100)
    issued = int(figure.what.split()[0].replace(",", ""))
    numbered = "select count(*) from invoice where appointment_id is not null and number is not null"
    assert scalar(installation, numbered) == issued >= 100


def test_paper_is_drawn_on_both_sides(installation: Installation, effort: Effort) -> None:
    (figure,) = CHECKS["paper"](installation, effort)
    assert (figure.unit, figure.bound, figure.target) == ("×", "<", 1.5)
    assert figure.value > 0


def test_revenue_is_told_of_loaded_payments_and_equals_the_journal(installation: Installation, effort: Effort) -> None:
    report, apart, summing = CHECKS["revenue"](installation, effort)
    assert (report.unit, report.target) == ("ms", 300)
    assert "1,500 payments" in report.what
    assert apart.value == 0
    assert "365 days" in summing.detail
    lines = "select sum(debit_minor), sum(credit_minor) from journal_line group by entry_id"
    assert scalar(installation, f"select count(*) from ({lines}) entry (debit, credit) where debit <> credit") == 0
    with installation.app.app_context():
        assert booked_totals(open_books(installation, 1_500)).taken > 0


def test_loading_books_keeps_indexes_and_constraints(installation: Installation, servers: tuple[str, str]) -> None:
    open_books(installation, 1_500)
    untouched = make_url(servers[0]).set(database=TEMPLATE).render_as_string(hide_password=False)
    with psycopg.connect(**connection_arguments(untouched)) as connection:
        expected = indexes_and_constraints(connection, TABLES)
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        found = indexes_and_constraints(connection, TABLES)
    assert {"uq_journal_entry_number", "ix_payment_completed"} <= {name for name, _definition in found}
    assert found == expected


@pytest.mark.slow
def test_memory_of_web_and_workers(installation: Installation, effort: Effort) -> None:
    figures = CHECKS["memory"](installation, effort)
    assert [(figure.what, figure.target) for figure in figures] == [
        ("web process after the load", 220),
        ("worker of light jobs", 200),
        ("worker of heavy jobs", 200),
    ]
    assert all(figure.value > 20 for figure in figures)
