"""The life of a clinic over the API, and what its event log keeps of it (SPEC TEN-1, EVT-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import all_tenants, db
from app.events.models import EventRecord
from app.tenancy.models import Clinic

pytestmark = pytest.mark.usefixtures("in_clinic")


def told(clinic_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Type, category and payload of what a clinic's log says of the clinic itself."""
    wanted = select(EventRecord).where(EventRecord.clinic_id == clinic_id, EventRecord.type.startswith("clinic."))
    with all_tenants():
        records = list(db.session.scalars(wanted.order_by(EventRecord.id)))
        return [(record.type, record.category, record.payload) for record in records]


def test_a_clinic_is_made_changed_and_archived_and_each_is_told(
    app: Any, caller: Callable[..., Any], client_as: Callable[..., Any]
) -> None:
    asked = {"name": "Riverside Clinic", "subdomain": f"river-{new_id()[-12:]}"}
    made = caller("SUPER_ADMIN").post("/clinics", json=asked)
    assert made.status_code == 201
    clinic_id = made.json["id"]
    keeper = caller("SUPER_ADMIN", clinic_id=clinic_id)
    assert keeper.put(f"/clinics/{clinic_id}", json={"name": "Riverside"}).json["name"] == "Riverside"
    assert keeper.delete(f"/clinics/{clinic_id}").status_code == 204
    about = {"clinicId": clinic_id}
    assert told(clinic_id) == [
        ("clinic.created", "CLINIC", about),
        ("clinic.updated", "CLINIC", about),
        ("clinic.deleted", "CLINIC", about),
    ]
    with all_tenants():
        assert db.session.get_one(Clinic, clinic_id).archived


def test_a_name_that_is_taken_makes_no_clinic_and_tells_nothing(caller: Callable[..., Any], clinic: Any) -> None:
    answer = caller("SUPER_ADMIN").post("/clinics", json={"name": "Twin", "subdomain": clinic.subdomain})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "SUBDOMAIN_TAKEN")
    with all_tenants():
        assert db.session.scalars(select(Clinic.id).where(Clinic.name == "Twin")).all() == []


def test_only_a_super_admin_makes_and_archives_clinics(caller: Callable[..., Any], clinic: Any) -> None:
    admin = caller("CLINIC_ADMIN")
    assert admin.post("/clinics", json={"name": "Mine", "subdomain": "mine-too"}).status_code == 403
    assert admin.delete(f"/clinics/{clinic.id}").status_code == 403
    assert "clinic.deleted" not in [event for event, _category, _payload in told(clinic.id)]
