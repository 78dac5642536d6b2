"""An account opens every clinic of its owner: no clinic's administrator may take over what another clinic trusts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.access.models import Member
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from tests.factories.access import PASSWORD, make_member, make_session, make_user

NEW_PASSWORD = "taken-over-2026"

pytestmark = pytest.mark.usefixtures("in_clinic")


def log_in(app: Any, user: Any, password: str) -> int:
    answer = app.test_client().post("/api/v1/auth/login", json={"username": user.username, "password": password})
    return int(answer.status_code)


def member_id(clinic_id: str, user_id: str) -> str:
    with tenant_scope(clinic_id):
        return str(db.session.query(Member.id).filter(Member.user_id == user_id).scalar())


@pytest.fixture
def shared_doctor(clinic: Any, other_clinic: Any) -> Any:
    """Somebody who works in both clinics."""
    user = make_member(clinic.id, "DOCTOR")
    return make_member(other_clinic.id, "CLINIC_ADMIN", user)


def test_another_clinics_user_cannot_be_made_a_member(
    caller: Callable[..., Any], clinic: Any, other_clinic: Any
) -> None:
    stranger = make_member(other_clinic.id, "CLINIC_ADMIN")
    answer = caller("CLINIC_ADMIN").post(f"/clinics/{clinic.id}/members", json={"userId": stranger.id, "role": "NURSE"})
    assert answer.status_code == 404


def test_a_super_admin_cannot_be_made_a_member_by_a_clinic(caller: Callable[..., Any], clinic: Any) -> None:
    keeper = make_user(super_admin=True)
    answer = caller("CLINIC_ADMIN").post(f"/clinics/{clinic.id}/members", json={"userId": keeper.id, "role": "NURSE"})
    assert answer.status_code == 404


@pytest.mark.parametrize("change", [{"password": NEW_PASSWORD}, {"email": "thief@example.com"}, {"firstName": "X"}])
def test_the_account_of_somebody_who_also_works_elsewhere_is_not_the_clinics(
    app: Any, caller: Callable[..., Any], shared_doctor: Any, change: dict[str, str]
) -> None:
    answer = caller("CLINIC_ADMIN").put(f"/users/{shared_doctor.id}", json=change)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "WORKS_ELSEWHERE")
    assert log_in(app, shared_doctor, PASSWORD) == 200
    assert log_in(app, shared_doctor, NEW_PASSWORD) == 401


def test_a_membership_that_ended_elsewhere_still_counts(
    app: Any, caller: Callable[..., Any], shared_doctor: Any, other_clinic: Any
) -> None:
    with tenant_scope(other_clinic.id), unit_of_work():
        db.session.query(Member).filter(Member.user_id == shared_doctor.id).one().active = False
    answer = caller("CLINIC_ADMIN").put(f"/users/{shared_doctor.id}", json={"password": NEW_PASSWORD})
    assert answer.status_code == 403


def test_nobody_is_locked_out_of_another_clinic(app: Any, caller: Callable[..., Any], shared_doctor: Any) -> None:
    assert caller("CLINIC_ADMIN").delete(f"/users/{shared_doctor.id}").status_code == 403
    assert log_in(app, shared_doctor, PASSWORD) == 200


def test_the_screen_refuses_what_the_api_refuses(
    app: Any, visitor: Callable[..., Any], shared_doctor: Any, clinic: Any
) -> None:
    admin, row = visitor("CLINIC_ADMIN"), member_id(clinic.id, shared_doctor.id)
    admin.post(f"/memberview/edit/{row}", data={"role": "DOCTOR", "new_password": NEW_PASSWORD})
    admin.post(f"/memberview/action/delete/{row}")
    assert log_in(app, shared_doctor, NEW_PASSWORD) == 401
    assert log_in(app, shared_doctor, PASSWORD) == 200


def test_a_lock_out_is_not_lifted_for_another_clinic(
    app: Any, visitor: Callable[..., Any], shared_doctor: Any, clinic: Any, settings: Any
) -> None:
    for _ in range(settings.lock_out_after):
        log_in(app, shared_doctor, "a-wrong-password")
    visitor("CLINIC_ADMIN").post(f"/memberview/action/update/{member_id(clinic.id, shared_doctor.id)}")
    assert log_in(app, shared_doctor, PASSWORD) == 429


def test_a_super_admin_is_changed_by_no_clinic(app: Any, caller: Callable[..., Any], clinic: Any) -> None:
    keeper = make_member(clinic.id, "NURSE", make_user(super_admin=True))
    assert caller("CLINIC_ADMIN").put(f"/users/{keeper.id}", json={"password": NEW_PASSWORD}).status_code == 403
    assert log_in(app, keeper, PASSWORD) == 200


def test_the_clinics_own_user_is_still_the_clinics(app: Any, caller: Callable[..., Any], clinic: Any) -> None:
    nurse = make_member(clinic.id, "NURSE")
    assert caller("CLINIC_ADMIN").put(f"/users/{nurse.id}", json={"password": NEW_PASSWORD}).status_code == 200
    assert log_in(app, nurse, NEW_PASSWORD) == 200


def test_a_super_admin_may_change_a_shared_account_and_ends_its_sessions_everywhere(
    app: Any, caller: Callable[..., Any], shared_doctor: Any, clinic: Any, other_clinic: Any
) -> None:
    make_session(shared_doctor, clinic.id)
    make_session(shared_doctor, other_clinic.id)
    keeper = super_admin(app, clinic.id)
    answer = keeper.put(f"/api/v1/users/{shared_doctor.id}", json={"password": NEW_PASSWORD})
    assert answer.status_code == 200
    assert log_in(app, shared_doctor, NEW_PASSWORD) == 200


def test_a_member_who_left_can_come_back(caller: Callable[..., Any], clinic: Any) -> None:
    admin, nurse = caller("CLINIC_ADMIN"), make_member(clinic.id, "NURSE")
    path = f"/clinics/{clinic.id}/members"
    assert admin.delete(path, json={"userId": nurse.id, "role": "NURSE"}).status_code == 204
    assert admin.get(f"/users/{nurse.id}").status_code == 404
    assert admin.post(path, json={"userId": nurse.id, "role": "DOCTOR"}).status_code == 201
    assert admin.get(f"/users/{nurse.id}").json["role"] == "DOCTOR"
    assert admin.post(path, json={"userId": nurse.id, "role": "DOCTOR"}).status_code == 409


def super_admin(app: Any, clinic_id: str) -> Any:
    from tests.factories.access import bearer

    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(make_user(super_admin=True), clinic_id)["Authorization"]
    return client
