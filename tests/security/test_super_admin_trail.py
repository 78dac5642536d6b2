"""A SUPER_ADMIN may enter any clinic, by whatever door; that clinic's trail says so (SPEC TEN-4)."""

from __future__ import annotations

from typing import Any

import pytest
import socketio
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.tenant import db, tenant_scope
from tests.factories.access import bearer, make_member, make_user
from tests.live_server import running_server


@pytest.fixture
def keeper(clinic: Any) -> dict[str, str]:
    """Authorization of a SUPER_ADMIN whose session is at work in the first clinic."""
    return bearer(make_user(super_admin=True), clinic.id)


def entries(clinic_id: str) -> list[tuple[str | None, str | None]]:
    with tenant_scope(clinic_id):
        wanted = select(AuditEntry.username, AuditEntry.role).where(AuditEntry.action == "auth.clinic.entered")
        return [(row.username, row.role) for row in db.session.execute(wanted)]


def test_a_clinic_entered_by_header_knows_of_it_once(app: Any, keeper: dict[str, str], other_clinic: Any) -> None:
    client = app.test_client()
    for _ in range(3):
        answer = client.get("/api/v1/patients", headers={**keeper, "X-Clinic-Id": other_clinic.id})
        assert answer.status_code == 200
    assert [role for _name, role in entries(other_clinic.id)] == ["SUPER_ADMIN"]


def test_a_lost_redis_loses_no_entry(app: Any, keeper: dict[str, str], other_clinic: Any) -> None:
    from app.core.jobs import redis_connection

    headers = {**keeper, "X-Clinic-Id": other_clinic.id}
    app.test_client().get("/api/v1/patients", headers=headers)
    redis_connection().flushdb()
    app.test_client().get("/api/v1/patients", headers=headers)
    assert len(entries(other_clinic.id)) == 2


def test_the_sessions_own_clinic_is_no_new_entry(app: Any, keeper: dict[str, str], clinic: Any) -> None:
    app.test_client().get("/api/v1/patients", headers={**keeper, "X-Clinic-Id": clinic.id})
    assert entries(clinic.id) == []


def test_a_member_of_two_clinics_is_no_visitor(app: Any, clinic: Any, other_clinic: Any) -> None:
    user = make_member(other_clinic.id, "DOCTOR", make_member(clinic.id, "DOCTOR"))
    headers = {**bearer(user, clinic.id), "X-Clinic-Id": other_clinic.id}
    assert app.test_client().get("/api/v1/patients", headers=headers).status_code == 200
    assert entries(other_clinic.id) == []


def test_a_clinic_entered_by_socket_knows_of_it(app: Any, keeper: dict[str, str], other_clinic: Any) -> None:
    token = keeper["Authorization"].removeprefix("Bearer ")
    with running_server(app) as address:
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.connect(
            address,
            namespaces=["/live"],
            transports=["websocket"],
            auth={"token": token, "clinicId": other_clinic.id},
            wait_timeout=60,
        )
        client.eio.ws.shutdown()
    assert [role for _name, role in entries(other_clinic.id)] == ["SUPER_ADMIN"]
