"""The pages of long work, queues and workers."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import select

from app.core.jobs import ended_by_minute, redis_connection
from app.core.tenant import db, tenant_scope
from app.jobs.models import JobRun
from tests.factories.people import make_patient
from worker import work

HTML = {"Accept": "text/html"}
FILE = b"source_id,first_name,last_name,gender,date_of_birth\n1,Meera,Iyer,female,1980-02-03\n,Bad,,x,y\n"


@pytest.fixture(autouse=True)
def _quiet(app_context: Any) -> None:
    redis_connection().flushdb()


def run_id_of(clinic: Any) -> str:
    with tenant_scope(clinic.id):
        return db.session.scalars(select(JobRun.id)).one()


def test_an_import_is_ordered_watched_and_downloaded(console_as: Any, clinic: Any) -> None:
    console = console_as("CLINIC_ADMIN")
    assert "source_id" in console.get("/patient-files/import").text
    answer = console.post("/patient-files/import", data={"file": (io.BytesIO(FILE), "patients.csv")})
    run_id = run_id_of(clinic)
    assert answer.headers["Location"].endswith(run_id)
    waiting = console.get(f"/jobrunview/show/{run_id}").text
    assert 'data-over="false"' in waiting and "js/job_run" in waiting
    work(["bulk-ehr-import"], forking=False, burst=True)
    over = console.get(f"/jobrunview/show/{run_id}").text
    assert 'data-over="true"' in over and "Download the result" in over
    result = console.get(f"/jobs/{run_id}/result")
    assert result.headers["Content-Disposition"] == 'attachment; filename="patients.report.csv"'
    assert "accepted" in result.text
    assert "Import of patients" in console.get("/jobrunview/list/").text


def test_a_wrong_file_is_told_on_the_page(console_as: Any) -> None:
    answer = console_as("CLINIC_ADMIN").post(
        "/patient-files/import", data={"file": (io.BytesIO(b"nothing"), "patients.csv")}
    )
    assert answer.status_code == 422
    assert "The header lacks" in answer.text


def test_the_result_needs_the_permission_of_what_is_in_it(client_as: Any, clinic: Any, in_clinic: Any) -> None:
    make_patient()
    db.session.commit()
    admin = client_as("CLINIC_ADMIN")
    assert admin.post("/patient-files/export", headers=HTML).status_code == 302
    work(["report"], forking=False, burst=True)
    run_id = run_id_of(clinic)
    assert admin.get(f"/jobs/{run_id}/result", headers=HTML).status_code == 200
    assert client_as("FINANCE_BILLING").get(f"/jobs/{run_id}/result", headers=HTML).status_code == 403
    assert client_as("FINANCE_BILLING").get(f"/api/v1/jobs/{run_id}").json["status"] == "DONE"


def test_the_api_stops_a_run(client_as: Any, clinic: Any, in_clinic: Any) -> None:
    make_patient()
    db.session.commit()
    admin = client_as("CLINIC_ADMIN")
    admin.post("/patient-files/export", headers=HTML)
    run_id = run_id_of(clinic)
    assert [item["id"] for item in admin.get("/api/v1/jobs").json["items"]] == [run_id]
    assert admin.post(f"/api/v1/jobs/{run_id}/cancel", json={}).json["status"] == "CANCELLED"
    assert admin.post(f"/api/v1/jobs/{run_id}/cancel", json={}).status_code == 409
    assert admin.get(f"/api/v1/jobs/{run_id}/problems").json["items"] == []


def test_the_dashboard_counts_what_workers_did(client_as: Any, clinic: Any, in_clinic: Any) -> None:
    from app.core.jobs import queue_named

    queue_named("report").enqueue_call("json.loads", args=("no json",), meta={"clinic_id": clinic.id})
    queue_named("report").enqueue_call("json.loads", args=("{}",))
    work(["report"], forking=False, burst=True)
    counted = [counts for _minute, counts in ended_by_minute(2) if counts]
    assert sum(item.get("report:done", 0) for item in counted) == 1
    assert sum(item.get("report:failed", 0) for item in counted) == 1
    queue_named("email").enqueue_call("json.loads", args=("{}",))
    page = client_as("CLINIC_ADMIN").get("/queues-and-workers/", headers=HTML).text
    assert "Jobs per minute" in page and "Oldest wait" in page and "bulk-ehr-import-queue" in page
