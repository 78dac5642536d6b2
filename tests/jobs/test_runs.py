"""Long work: row by row, stopped and gone on with, nothing lost or done twice when a worker dies."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.errors import Conflict
from app.core.files import StoredFile
from app.core.jobs import redis_connection
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.jobs import services
from app.jobs.jobs import sweep_runs
from app.jobs.kinds import KINDS, Kind, declare_kind
from app.jobs.models import JobProblem, JobRun, JobStatus
from app.people.models import Patient
from app.people.patient_csv import UnusableFile
from app.people.patient_files import order_export, order_import
from app.tenancy.models import Location
from tests.factories.people import make_patient
from worker import work

HEADER = "source_id,first_name,last_name,gender,date_of_birth\n"


class Killed(BaseException):
    """The worker is gone: nothing of ours catches it."""


def rows_of_test(run: JobRun) -> range:
    return range(run.options["rows"])


@pytest.fixture
def kind(app: Any) -> Any:
    """`kind(do)` declares work whose rows are numbers; batches of three."""

    def declare(do: Callable[[JobRun, Sequence[Any]], Sequence[str]], rows: Any = rows_of_test) -> Kind:
        finish = lambda run: services.join_parts(run, "result.txt", "text/plain", b"head ")  # noqa: E731
        return declare_kind(Kind("test", "Test", "report", rows, do, finish, download=("patient", "export"), batch=3))

    redis_connection().flushdb()
    yield declare
    KINDS.pop("test", None)


def do_rows(run: JobRun, batch: Sequence[int]) -> list[str]:
    for row in batch:
        db.session.add(Location(name=f"row {row}"))
    services.keep_part(run, b"".join(b"%d " % row for row in batch))
    return [""] * len(batch)


def ordered(clinic_id: str, rows: int) -> str:
    with tenant_scope(clinic_id), unit_of_work():
        return services.order("test", rows, rows=rows).id


def run_of(clinic_id: str, run_id: str) -> JobRun:
    with tenant_scope(clinic_id):
        run = db.session.get_one(JobRun, run_id)
        db.session.expunge(run)
        return run


def done_rows(clinic_id: str) -> list[str]:
    with tenant_scope(clinic_id):
        return sorted(db.session.scalars(select(Location.name).where(Location.name.like("row %"))))


def result_of(clinic_id: str, run: JobRun) -> bytes:
    with tenant_scope(clinic_id):
        return db.session.get_one(StoredFile, run.result_file_id).content


def test_every_row_is_done_and_the_result_is_whole(clinic: Any, kind: Any) -> None:
    kind(do_rows)
    run_id = ordered(clinic.id, 7)
    work(["report"], forking=False, burst=True)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count, run.failed_count, run.progress) == (JobStatus.DONE, 7, 0, 100)
    assert result_of(clinic.id, run) == b"head 0 1 2 3 4 5 6 "
    assert len(done_rows(clinic.id)) == 7


@pytest.mark.parametrize("killed_at", [0, 3, 6])
def test_a_killed_worker_loses_nothing_and_repeats_nothing(clinic: Any, kind: Any, killed_at: int) -> None:
    lives = [killed_at]

    def do(run: JobRun, batch: Sequence[int]) -> list[str]:
        outcome = do_rows(run, batch)
        if lives and batch[0] == lives[0]:
            lives.clear()
            db.session.flush()
            raise Killed
        return outcome

    kind(do)
    run_id = ordered(clinic.id, 8)
    redis_connection().flushdb()
    with pytest.raises(Killed), tenant_scope(clinic.id):
        services.work_on(run_id)
    assert run_of(clinic.id, run_id).position == killed_at
    with clock.travel(timedelta(seconds=40)):
        assert sweep_runs() >= 1
        work(["report"], forking=False, burst=True)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count) == (JobStatus.DONE, 8)
    assert done_rows(clinic.id) == [f"row {number}" for number in range(8)]
    assert result_of(clinic.id, run) == b"head 0 1 2 3 4 5 6 7 "


def test_a_worker_that_was_taken_for_dead_does_nothing_twice(clinic: Any, kind: Any) -> None:
    """While it hangs in its second batch, another worker does the whole run."""
    overtaken: list[bool] = []

    def rows(run: JobRun) -> Any:
        for row in range(8):
            if row == 4 and not overtaken:
                overtaken.append(True)
                with tenant_scope(clinic.id):
                    services.work_on(run.id)
            yield row

    kind(do_rows, rows)
    run_id = ordered(clinic.id, 8)
    redis_connection().flushdb()
    with tenant_scope(clinic.id):
        services.work_on(run_id)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count) == (JobStatus.DONE, 8)
    assert done_rows(clinic.id) == [f"row {number}" for number in range(8)]
    assert result_of(clinic.id, run) == b"head 0 1 2 3 4 5 6 7 "


def test_a_row_that_fails_holds_up_no_other(clinic: Any, kind: Any) -> None:
    def do(run: JobRun, batch: Sequence[int]) -> list[str]:
        if 4 in batch:
            raise RuntimeError("row 4")
        do_rows(run, batch)
        return ["not wanted" if row == 2 else "" for row in batch]

    kind(do)
    run_id = ordered(clinic.id, 7)
    with tenant_scope(clinic.id):
        services.work_on(run_id)
        problems = db.session.execute(select(JobProblem.row, JobProblem.text).order_by(JobProblem.row)).all()
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count, run.failed_count) == (JobStatus.DONE, 5, 2)
    assert [tuple(item) for item in problems] == [
        (3, "not wanted"),
        (5, "An unexpected failure (RuntimeError); see the log."),
    ]


def test_it_can_be_stopped_and_what_is_done_stays(clinic: Any, kind: Any) -> None:
    def do(run: JobRun, batch: Sequence[int]) -> list[str]:
        if batch[0] == 3:
            run.cancel_wanted = True  # somebody pressed Stop meanwhile
        return do_rows(run, batch)

    kind(do)
    run_id = ordered(clinic.id, 9)
    with tenant_scope(clinic.id):
        services.work_on(run_id)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count, run.result_file_id) == (JobStatus.CANCELLED, 6, None)
    assert len(done_rows(clinic.id)) == 6
    with tenant_scope(clinic.id):
        assert db.session.scalar(select(func.count()).where(StoredFile.owner_id == run_id)) == 0
        with pytest.raises(Conflict), unit_of_work():
            services.cancel_run(run_id)


def test_work_that_nobody_began_is_cancelled_at_once(clinic: Any, kind: Any) -> None:
    kind(do_rows)
    run_id = ordered(clinic.id, 9)
    with tenant_scope(clinic.id), unit_of_work():
        services.cancel_run(run_id)
    work(["report"], forking=False, burst=True)
    assert run_of(clinic.id, run_id).status == JobStatus.CANCELLED
    assert done_rows(clinic.id) == []


def test_work_without_rows_to_be_had_fails_with_words(clinic: Any, kind: Any) -> None:
    def gone(_run: JobRun) -> Any:
        raise LookupError("the file is gone")

    kind(do_rows, gone)
    run_id = ordered(clinic.id, 9)
    with tenant_scope(clinic.id):
        services.work_on(run_id)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.error) == (JobStatus.FAILED, "LookupError")


def test_nothing_to_do_is_said(in_clinic: Any, kind: Any) -> None:
    kind(do_rows)
    with pytest.raises(Conflict), unit_of_work():
        services.order("test", 0, rows=0)


def test_patients_are_imported_with_a_report_per_row(clinic: Any, kind: Any) -> None:
    lines = "1,Meera,Iyer,female,1980-02-03\n2,,Nobody,female,1980-02-03\n1,Meera,Iyer,female,1980-02-03\n"
    with tenant_scope(clinic.id), unit_of_work():
        run_id = order_import((HEADER + lines).encode()).id
    work(["bulk-ehr-import"], forking=False, burst=True)
    run = run_of(clinic.id, run_id)
    assert (run.status, run.done_count, run.failed_count, run.input_file_id) == (JobStatus.DONE, 1, 2, None)
    report = list(csv.reader(io.StringIO(result_of(clinic.id, run).decode("utf-8-sig"))))
    assert [row[2] for row in report] == ["outcome", "accepted", "rejected", "duplicate"]
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Patient.last_name)).all() == ["Iyer"]
        assert "Nobody" not in " ".join(db.session.scalars(select(JobProblem.text)))


def test_a_file_that_is_no_list_of_patients_is_refused_at_once(in_clinic: Any) -> None:
    for content in (b"", b"\xff\xfe", b"name\nMeera\n", HEADER.encode()):
        with pytest.raises(UnusableFile), unit_of_work():
            order_import(content)


def test_every_patient_is_exported(clinic: Any, kind: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        make_patient(last_name="Iyer")
        make_patient(last_name="=cmd")
        run_id = order_export().id
    work(["report"], forking=False, burst=True)
    rows = list(csv.DictReader(io.StringIO(result_of(clinic.id, run_of(clinic.id, run_id)).decode("utf-8-sig"))))
    assert [row["last_name"] for row in rows] == ["Iyer", "'=cmd"]
