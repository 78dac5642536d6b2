"""The administrator's home tells what does not work and what waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import current_app

from app.audit.jobs import check_trails
from app.audit.models import AuditEntry
from app.audit.verdicts import last_verdict
from app.core.ids import new_id
from app.core.jobs import queue_named, redis_connection
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.desk.queries import well
from app.events.models import DeliveryStatus, EventDelivery
from app.events.services import publish
from app.integrations.services import add_endpoint
from app.people.events import PatientRegistered
from worker import work

HTML = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def _quiet(app_context: Any) -> None:
    redis_connection().flushdb()


def home(client: Any) -> str:
    text: str = client.get("/health/", headers=HTML).text
    return text


def matters(clinic: Any, acting: Any) -> list[well.Check]:
    with current_app.test_request_context(), acting("CLINIC_ADMIN"), tenant_scope(clinic.id):
        return well.clinic_matters()


def tones(clinic: Any, acting: Any) -> dict[str, str]:
    return {item.name: item.tone for item in matters(clinic, acting)}


@pytest.mark.parametrize(
    ("role", "status"),
    [("CLINIC_ADMIN", 200), ("SYSTEM_AUDITOR", 200), ("RECEPTIONIST", 403), ("FINANCE_BILLING", 403), ("DOCTOR", 403)],
)
def test_who_sees_it(client_as: Callable[..., Any], role: str, status: int) -> None:
    for path in ("/health/", "/health/now"):
        assert client_as(role).get(path, headers=HTML).status_code == status


def test_an_installation_without_workers_is_not_well(client_as: Callable[..., Any]) -> None:
    page = home(client_as("CLINIC_ADMIN"))
    assert "Something does not work." in page
    assert "nobody works on event, payment" in page
    assert "does not run" in page


def test_what_waits_is_counted(clinic: Any, other_clinic: Any, acting: Any) -> None:
    assert tones(clinic, acting)["Parked events"] == "ok"
    for place in (clinic, other_clinic):
        with tenant_scope(place.id), unit_of_work():
            record = publish(PatientRegistered(patient_id=new_id()))
            row = EventDelivery(event_id=record.id, listener="gone", status=DeliveryStatus.PARKED)
            db.session.add(row)
            endpoint, _secret = add_endpoint("Own system", "http://127.0.0.1:9/", ["patient.**"])
            endpoint.enabled, endpoint.disabled_reason = False, "It answered that it is gone (HTTP 410)."
        queue_named("report").enqueue_call("json.loads", args=("no json",), meta={"clinic_id": place.id})
    work(["report"], forking=False, burst=True)
    found = tones(clinic, acting)
    assert (found["Parked events"], found["Dead jobs"]) == ("warn", "warn")
    assert found["Webhook endpoints that were switched off"] == "bad"
    texts = {item.name: item.text for item in matters(clinic, acting)}
    assert (texts["Parked events"], texts["Dead jobs"]) == ("1", "1")


def test_the_trail_is_walked_by_a_worker(clinic: Any, other_clinic: Any, acting: Any) -> None:
    assert tones(clinic, acting)["Audit trail"] == "warn"
    with tenant_scope(clinic.id), unit_of_work():
        publish(PatientRegistered(patient_id=new_id()))
    before = check_trails()
    assert tones(clinic, acting)["Audit trail"] == "ok"
    with all_tenants(), unit_of_work():
        entry = db.session.query(AuditEntry).filter(AuditEntry.clinic_id == clinic.id).first()
        assert entry is not None
        db.session.execute(
            AuditEntry.__table__.update().where(AuditEntry.id == entry.id).values(action="forged")  # type: ignore[attr-defined]
        )
    assert check_trails() == before + 1
    assert tones(clinic, acting)["Audit trail"] == "bad"
    with tenant_scope(clinic.id):
        verdict = last_verdict()
    assert verdict is not None and verdict.findings == 1


def test_a_dead_redis_is_told_and_breaks_nothing(clinic: Any, acting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core import jobs
    from app.core.redis_guard import guarded_redis

    monkeypatch.setattr(jobs, "_connection", guarded_redis("redis://127.0.0.1:9", 1))
    with current_app.test_request_context(), acting("CLINIC_ADMIN"), tenant_scope(clinic.id):
        found = {item.name: item.tone for item in (*well.installation(), *well.clinic_matters())}
    assert (found["Redis"], found["Dead jobs"], found["Database"]) == ("bad", "warn", "ok")
