"""The cash desk over HTTP: who may open which page, papers, and what the API says where a drawer is missing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import CashDrawer, DayClose
from app.billing.services.day_close import close_day, day_to_close
from app.core import clock
from app.core.tenant import db
from app.payments.services import record_tender
from tests.factories.access import make_clinic
from tests.factories.billing import make_invoice, rupees
from tests.factories.cash_desk import doing, end_drawer, make_drawer, make_person, set_rules
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf

ClientAs = Callable[..., Any]


def opened(console_as: ClientAs, role: str) -> Any:
    return copy_context().run(console_as, role)


def call(client: Any, method: str, path: str, **options: Any) -> Any:
    return copy_context().run(lambda: client.open(path, method=method, **options))


@pytest.fixture
def closed_day(in_clinic: Any) -> str:
    """A day with a drawer that was short, and its close."""
    finance = make_person("FINANCE_BILLING")
    make_drawer(finance, "1000")
    with doing(finance):
        record_tender("CASH", rupees("800"), patient_id=make_patient().id)
        record_tender("UPI", rupees("300"), patient_id=make_patient().id)
    end_drawer(finance, "1795", "Wrong change")
    with doing(finance):
        return close_day(day_to_close()).id


def test_a_close_on_paper_says_both_totals_and_every_drawer(
    console_as: ClientAs, in_clinic: Any, closed_day: str
) -> None:
    accountant = opened(console_as, "ACCOUNTANT")
    paper = ReadPdf(call(accountant, "GET", f"/day-close/{closed_day}.pdf").data).text
    for words in ("Day close", "DAY/", "Cash", "800.00", "UPI", "300.00", "1,795.00", "Wrong change", "1,100.00"):
        assert words in paper, words


def test_a_close_as_csv_has_a_line_per_tender(console_as: ClientAs, in_clinic: Any, closed_day: str) -> None:
    answer = call(opened(console_as, "ACCOUNTANT"), "GET", f"/day-close/{closed_day}.csv")
    rows = {row["tender"]: row for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))}
    assert (rows["CASH"]["net"], rows["CASH"]["ledger_net"]) == ("800.00", "800.00")
    assert (rows["UPI"]["taken"], rows["CASH_IN_DRAWERS"]["net"]) == ("300.00", "0.00")


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("RECEPTIONIST", "/drawer/", 200),
        ("RECEPTIONIST", "/drawer-approvals/", 403),
        ("RECEPTIONIST", "/day-close/", 403),
        ("ACCOUNTANT", "/day-close/", 200),
        ("ACCOUNTANT", "/drawer/", 403),
        ("FINANCE_BILLING", "/drawer-approvals/", 200),
        ("DOCTOR", "/drawer/", 403),
        ("PATIENT", "/day-close/", 403),
    ],
)
def test_pages_are_for_whom_the_matrix_says(
    console_as: ClientAs, in_clinic: Any, role: str, path: str, status: int
) -> None:
    links = {"patient_id": make_patient().id} if role == "PATIENT" else {}
    client = copy_context().run(lambda: console_as(role, **links))
    assert call(client, "GET", path).status_code == status


def test_who_reads_a_day_does_not_close_it(console_as: ClientAs, in_clinic: Any) -> None:
    assert call(opened(console_as, "ACCOUNTANT"), "POST", "/day-close/close").status_code == 403
    assert db.session.scalars(select(DayClose.id)).all() == []


def test_a_day_that_is_not_ready_is_refused_on_its_page(console_as: ClientAs, in_clinic: Any) -> None:
    make_drawer(make_person())
    answer = call(opened(console_as, "FINANCE_BILLING"), "POST", "/day-close/close")
    assert answer.status_code == 409
    assert "see the checklist" in answer.text


def test_somebody_elses_drawer_is_not_found(console_as: ClientAs, in_clinic: Any) -> None:
    drawer = make_drawer(make_person())
    receptionist = opened(console_as, "RECEPTIONIST")
    for path in (f"/drawer/{drawer.id}/close", f"/drawer/{drawer.id}/hand-over"):
        assert call(receptionist, "GET", path).status_code == 404
    assert call(receptionist, "POST", f"/drawer/{drawer.id}/pay", data={"amount": "1"}).status_code == 404


def test_the_day_close_leads_to_the_drawer_of_somebody_absent(console_as: ClientAs, in_clinic: Any) -> None:
    drawer = make_drawer(make_person(), "1000")
    finance, path = opened(console_as, "FINANCE_BILLING"), f"/drawer/{drawer.id}/of-absent"
    record = f"/cashdrawerview/show/{drawer.id}"
    assert record in call(finance, "GET", "/day-close/").text
    assert path in call(finance, "GET", record).text
    assert call(finance, "GET", path).status_code == 200
    count = {"count_50000": "2"}
    refused = call(finance, "POST", path, data=count)
    assert refused.status_code == 422 and "Say why the holder does not count it." in refused.text
    assert call(finance, "POST", path, data={**count, "reason": "Went home ill"}).status_code == 302
    assert "₹\xa01,000.00" in call(finance, "GET", "/drawer/").text
    assert path not in call(finance, "GET", record).text
    receptionist = opened(console_as, "RECEPTIONIST")
    assert call(receptionist, "GET", path).status_code == 403
    assert call(receptionist, "POST", path, data=count).status_code == 403


def test_another_clinics_drawers_and_closes_are_not_found(
    console_as: ClientAs, in_clinic: Any, closed_day: str
) -> None:
    elsewhere, drawer = make_clinic().id, make_drawer(make_person())
    stranger = copy_context().run(lambda: console_as("FINANCE_BILLING", clinic_id=elsewhere))
    for path in (f"/day-close/{closed_day}", f"/day-close/{closed_day}.pdf", f"/day-close/{closed_day}.csv"):
        assert call(stranger, "GET", path).status_code == 404
    assert call(stranger, "POST", f"/drawer-approvals/{drawer.id}/approve").status_code == 404


def test_a_drawer_is_opened_and_refused_in_words(console_as: ClientAs, in_clinic: Any) -> None:
    receptionist = opened(console_as, "RECEPTIONIST")
    wrong = call(receptionist, "POST", "/drawer/open", data={"count_50000": "two"})
    assert wrong.status_code == 422 and "whole number of notes" in wrong.text
    assert 'value="two"' in wrong.text
    assert call(receptionist, "POST", "/drawer/open", data={"count_50000": "2"}).status_code == 302
    again = call(receptionist, "POST", "/drawer/open", data={"count_50000": "2"})
    assert again.status_code == 409
    assert db.session.scalars(select(CashDrawer.float_minor)).all() == [100_000]


def test_what_moved_last_stands_first_whatever_was_written_down_first(console_as: ClientAs, in_clinic: Any) -> None:
    receptionist = opened(console_as, "RECEPTIONIST")
    call(receptionist, "POST", "/drawer/open", data={"count_50000": "2"})
    address = f"/drawer/{db.session.scalars(select(CashDrawer.id)).one()}/pay"
    for later, reason in ((10, "Second"), (5, "First"), (15, "Third")):
        form = {"direction": "out", "amount": "10", "counter": "PETTY_EXPENSES", "reason": reason}
        with clock.travel(timedelta(minutes=later)):
            assert call(receptionist, "POST", address, data=form).status_code == 302
    shown = re.findall(r">(First|Second|Third)<", call(receptionist, "GET", "/drawer/").text)
    assert shown == ["Third", "Second", "First"]


def test_the_api_says_that_a_drawer_is_missing(in_clinic: Any, client_as: ClientAs) -> None:
    set_rules(in_clinic, cash_drawer_required=True)
    invoice = make_invoice("500.00")
    client = copy_context().run(client_as, "RECEPTIONIST")
    body = {"method": "CASH"}
    answer = call(client, "POST", f"/api/v1/billing/invoices/{invoice.id}/mark-paid", json=body)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "NO_OPEN_DRAWER")
    make_drawer(make_person(user=client.user))
    assert call(client, "POST", f"/api/v1/billing/invoices/{invoice.id}/mark-paid", json=body).status_code == 200
