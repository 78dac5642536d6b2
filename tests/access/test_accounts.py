"""The life of an account over the API, and what the event log keeps of it (SPEC EVT-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.events.models import EventRecord
from tests.factories.access import PASSWORD, make_member

pytestmark = pytest.mark.usefixtures("in_clinic")


def told(prefix: str, **columns: Any) -> list[EventRecord]:
    wanted = select(EventRecord).where(EventRecord.type.startswith(prefix)).filter_by(**columns)
    return list(db.session.scalars(wanted.order_by(EventRecord.id)))


def test_a_user_is_made_changed_and_disabled_and_each_is_told(app: Any, caller: Callable[..., Any]) -> None:
    admin = caller("CLINIC_ADMIN")
    name = f"ravi-{new_id()[-12:]}"
    asked = {"username": name, "password": PASSWORD, "firstName": "Ravi", "role": "NURSE"}
    made = admin.post("/users", json=asked)
    assert made.status_code == 201
    path = f"/users/{made.json['id']}"
    assert admin.put(path, json={"firstName": "Ravindra"}).json["firstName"] == "Ravindra"
    assert admin.delete(path).status_code == 204
    records = told("user.", subject_id=made.json["id"])
    assert [record.type for record in records] == ["user.created", "user.updated", "user.deleted"]
    assert {(record.category, record.source, record.user_id) for record in records} == {
        ("USER_ACTIVITY", "access", admin.user.id)
    }
    assert all(record.payload == {"userId": made.json["id"]} and record.audit_entry_id for record in records)
    refused = app.test_client().post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert refused.status_code == 401


def test_a_change_that_is_refused_tells_nothing(caller: Callable[..., Any], clinic: Any) -> None:
    nurse = make_member(clinic.id, "NURSE")
    assert caller("RECEPTIONIST").delete(f"/users/{nurse.id}").status_code == 403
    assert caller("CLINIC_ADMIN").put(f"/users/{nurse.id}", json={"email": "nobody"}).status_code == 422
    assert told("user.", subject_id=nurse.id) == []


def test_a_session_from_log_in_to_log_out_is_told(app: Any, clinic: Any) -> None:
    person, client = make_member(clinic.id, "NURSE"), app.test_client()
    given = client.post("/api/v1/auth/login", json={"username": person.username, "password": PASSWORD}).json
    again = client.post("/api/v1/auth/refresh", json={"refreshToken": given["refreshToken"]}).json
    out = client.post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {again['accessToken']}"})
    assert out.status_code == 204
    with tenant_scope(clinic.id):
        records = told("auth.")
        assert [record.type for record in records] == ["auth.login", "auth.token.refreshed", "auth.logout"]
        assert {record.category for record in records} == {"SECURITY"}
        secrets = (given["accessToken"], given["refreshToken"], again["accessToken"], PASSWORD)
        assert not any(secret in str(record.payload) for secret in secrets for record in records)
