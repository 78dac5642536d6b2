"""Regular work goes from clinic to clinic: what goes wrong at one keeps no other from theirs, and is told of."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from rq.timeouts import JobTimeoutException
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.audit import jobs as audit_jobs
from app.audit.verdicts import Verdict
from app.core import clock
from app.core.tenant import all_tenants, current_clinic_id, db, require_clinic
from app.core.transaction import unit_of_work
from app.payments import jobs as payments_jobs
from app.payments import services as payments
from app.queueing import jobs as queueing_jobs
from app.reports import jobs as reports_jobs
from app.scheduling import jobs as scheduling_jobs
from app.tenancy.models import Clinic
from app.tenancy.rounds import ClinicsFailed, in_every_clinic
from app.tenancy.services import archive_clinic
from tests.factories.access import make_clinic

FAULT = "no such zone"


class Round:
    """Work that fails at one clinic, and remembers where it was."""

    def __init__(self, failing: str, error: Exception, answer: Any = 1) -> None:
        self.been: list[str] = []
        self._failing, self._error, self._answer = failing, error, answer

    def __call__(self) -> Any:
        self.been.append(require_clinic())
        if self.been[-1] == self._failing:
            raise self._error
        return self._answer


@pytest.fixture
def three(app_context: Any) -> list[str]:
    return [make_clinic().id for _clinic in range(3)]


def theirs(clinics: list[str]) -> Any:
    return select(Clinic.id).where(Clinic.id.in_(clinics))


def test_the_others_have_their_turn_and_the_fault_is_told(three: list[str], caplog: pytest.LogCaptureFixture) -> None:
    work = Round(three[0], LookupError(FAULT))
    with pytest.raises(ClinicsFailed, match="1 of 3"):
        in_every_clinic(work, among=theirs(three))
    assert work.been == three
    (told,) = [record for record in caplog.records if record.name == "app.tenancy.rounds"]
    assert told.exc_info and isinstance(told.exc_info[1], LookupError)
    assert current_clinic_id() is None


def test_what_they_did_is_summed_up(three: list[str]) -> None:
    assert in_every_clinic(lambda: 2, among=theirs(three)) == 6


def test_an_archived_clinic_is_passed_by(three: list[str]) -> None:
    with all_tenants(), unit_of_work():
        archive_clinic(db.session.get_one(Clinic, three[1]))
    work = Round("", LookupError(FAULT))
    in_every_clinic(work, among=theirs(three))
    assert work.been == [three[0], three[2]]


@pytest.mark.parametrize(
    "error", [JobTimeoutException("time is over"), OperationalError("select 1", {}, psycopg.OperationalError("gone"))]
)
def test_what_holds_for_all_ends_the_round(three: list[str], error: Exception) -> None:
    work = Round(three[1], error)
    with pytest.raises(type(error)):
        in_every_clinic(work, among=theirs(three))
    assert work.been == three[:2]


def test_a_statement_that_took_too_long_is_that_clinics_own(three: list[str]) -> None:
    late = OperationalError("select 1", {}, psycopg.errors.QueryCanceled("took too long"))
    work = Round(three[1], late)
    with pytest.raises(ClinicsFailed):
        in_every_clinic(work, among=theirs(three))
    assert work.been == three


@pytest.mark.parametrize(
    ("job", "place", "name", "answer"),
    [
        (audit_jobs.check_trails, audit_jobs, "check_trail", Verdict(clock.now(), 1)),
        (payments_jobs.sweep_reconciliations, payments, "plan_nightly_runs", []),
        (queueing_jobs.tell_waits_again, queueing_jobs, "today", clock.now().date()),
        (reports_jobs.sum_up_days, reports_jobs, "sum_up_finished_days", 0),
        (scheduling_jobs.end_waiting_lists, scheduling_jobs, "end_waiting", 0),
        (scheduling_jobs.remind_of_visits, scheduling_jobs, "due_reminders", []),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_no_nightly_work_ends_at_one_clinic(
    three: list[str], monkeypatch: pytest.MonkeyPatch, job: Any, place: Any, name: str, answer: Any
) -> None:
    work = Round(three[0], LookupError(FAULT), answer)
    monkeypatch.setattr(place, name, work)
    with pytest.raises(ClinicsFailed):
        job()
    assert [clinic for clinic in work.been if clinic in three] == three
