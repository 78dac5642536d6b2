"""The cache in use: a write shows at once, nobody is shown another's list, and Redis may go away at any time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from app.core.jobs import redis_connection
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.cache import shared_cache
from app.tenancy.models import Clinic, ProviderAccount
from app.tenancy.providers import accounts_for
from app.tenancy.queries import settings_in_scope
from config import get_settings
from tests.api_caller import scope_kept
from tests.core.redis_process import RedisProcess
from tests.factories.access import bearer, make_member, make_user
from tests.factories.billing import collect, make_invoice
from tests.factories.payments import KEY_SECRET, make_gateway_account, make_tender
from tests.factories.people import make_doctor, make_patient, make_speciality

pytest_plugins = ["tests.api_caller"]


def reads(client: Any, region: str, layer: str, result: str) -> float:
    """A figure of /metrics."""
    wanted = f'clinic_cache_reads_total{{layer="{layer}",region="{region}",result="{result}"}}'
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(wanted)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def amounts(answer: Any) -> list[float]:
    return [item["total" if "total" in item else "amount"] for item in answer.get_json()["items"]]


# ---- hits are counted, writes show ----


def test_the_second_read_is_a_hit_and_metrics_tell(app: Any, caller: Callable[..., Any], in_clinic: Any) -> None:
    patient = make_patient()
    make_tender(patient_id=patient.id)
    finance, scrape = caller("FINANCE_BILLING"), app.test_client()
    path = f"/billing/payments/user/{patient.id}"
    hits, misses = (reads(scrape, "user_payments", "redis", result) for result in ("hit", "miss"))
    first, second = finance.get(path), finance.get(path)
    assert first.get_json() == second.get_json()
    assert len(first.get_json()["items"]) == 1
    assert reads(scrape, "user_payments", "redis", "miss") == misses + 1
    assert reads(scrape, "user_payments", "redis", "hit") == hits + 1


def test_a_payment_shows_in_the_next_read_of_the_list(caller: Callable[..., Any], in_clinic: Any) -> None:
    patient = make_patient()
    finance = caller("FINANCE_BILLING")
    path = f"/billing/payments/user/{patient.id}"
    assert amounts(finance.get(path)) == []
    payment = make_tender(patient_id=patient.id)
    assert amounts(finance.get(path)) == [800]
    finance.put(f"/billing/payments/{payment.id}", json={"notes": "Came by bus"})
    assert finance.get(path).get_json()["items"][0]["notes"] == "Came by bus"


def test_invoices_follow_payments_and_the_patients_name(caller: Callable[..., Any], in_clinic: Any) -> None:
    patient = make_patient(first_name="Asha", last_name="Nair")
    invoice = make_invoice("500.00", patient=patient)
    desk = caller("RECEPTIONIST")
    path = f"/billing/invoices/user/{patient.id}"
    assert desk.get(path).get_json()["items"][0]["status"] == "OPEN"
    collect(invoice)
    assert desk.get(path).get_json()["items"][0]["status"] == "PAID"
    desk.put(f"/patients/{patient.id}", json={"lastName": "Menon"})
    assert desk.get(path).get_json()["items"][0]["patientName"] == "Asha Menon"
    make_invoice("70.00", patient=patient)
    assert amounts(desk.get(path)) == [70, 500]


def test_what_was_rolled_back_is_in_no_list(caller: Callable[..., Any], in_clinic: Any) -> None:
    patient = make_patient()
    finance = caller("FINANCE_BILLING")
    path = f"/billing/payments/user/{patient.id}"
    payment = make_tender(patient_id=patient.id)
    with pytest.raises(RuntimeError), unit_of_work():
        db.session.merge(payment).notes = "never"
        db.session.flush()
        raise RuntimeError
    assert finance.get(path).get_json()["items"][0]["notes"] != "never"


# ---- nobody's list reaches another ----


def test_patients_are_never_shown_each_others_lists(caller: Callable[..., Any], in_clinic: Any) -> None:
    asha, ravi = make_patient(first_name="Asha"), make_patient(first_name="Ravi")
    for patient, amount in ((asha, "111.00"), (ravi, "222.00")):
        collect(make_invoice(amount, patient=patient))
    as_asha, as_ravi = caller("PATIENT", patient_id=asha.id), caller("PATIENT", patient_id=ravi.id)
    desk = caller("RECEPTIONIST")
    for _ in range(2):  # from the database, then from the cache
        for path in ("/billing/invoices", "/billing/payments"):
            assert amounts(as_asha.get(path)) == [111]
            assert amounts(as_ravi.get(path)) == [222]
            assert amounts(desk.get(f"{path}/user/{asha.id}")) == [111]
            assert as_ravi.get(f"{path}/user/{asha.id}").status_code == 404
            assert amounts(desk.get(path)) != [111]


def test_a_location_head_is_not_given_the_whole_clinics_list(
    caller: Callable[..., Any], in_clinic: Any, client_as: Callable[..., Any]
) -> None:
    from tests.factories.scheduling import make_location

    patient = make_patient()
    here = make_location()
    make_invoice("300.00", patient=patient)
    path = f"/billing/invoices/user/{patient.id}"
    assert amounts(caller("FINANCE_BILLING").get(path)) == [300]
    assert amounts(caller("LOCATION_HEAD", location_id=here.id).get(path)) == []


def test_another_clinic_has_entries_of_its_own(caller: Callable[..., Any], in_clinic: Any, other_clinic: Any) -> None:
    make_doctor(first_name="Anita", last_name="Rao")
    with tenant_scope(other_clinic.id):
        make_doctor(first_name="Vikram", last_name="Shah")
    for _ in range(2):
        assert [item["name"] for item in caller("NURSE").get("/doctors").get_json()["items"]] == ["Dr Anita Rao"]
        theirs = caller("NURSE", clinic_id=other_clinic.id).get("/doctors").get_json()
        assert [item["name"] for item in theirs["items"]] == ["Dr Vikram Shah"]
    keys = [key.decode() for key in redis_connection().keys(f"{in_clinic.id}:doctors:*")]
    assert len(keys) == 1


# ---- doctors, users, settings, accounts ----


def test_doctors_follow_their_specialities(caller: Callable[..., Any], in_clinic: Any) -> None:
    speciality = make_speciality(name="Cardiology")
    doctor = make_doctor(specialities=(speciality,))
    nurse = caller("NURSE")
    assert nurse.get("/doctors").get_json()["items"][0]["specialties"] == ["Cardiology"]
    with unit_of_work():
        db.session.merge(speciality).name = "Heart"
    assert nurse.get("/doctors").get_json()["items"][0]["specialties"] == ["Heart"]
    with unit_of_work():
        db.session.merge(doctor).active = False
    assert nurse.get("/doctors").get_json()["items"] == []


def super_admin_in(app: Any, clinic_id: str) -> Any:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(make_user(super_admin=True), clinic_id)["Authorization"]
    return client


def test_users_follow_a_change_made_in_another_clinic(
    app: Any, caller: Callable[..., Any], in_clinic: Any, other_clinic: Any
) -> None:
    person = make_member(in_clinic.id, "NURSE")
    make_member(other_clinic.id, "DOCTOR", user=person)
    admin, keeper = caller("CLINIC_ADMIN"), super_admin_in(app, other_clinic.id)

    def name() -> tuple[str, str]:
        listed = {item["id"]: item for item in admin.get("/users").get_json()["items"]}
        return listed[person.id]["firstName"], admin.get(f"/users/{person.id}").get_json()["firstName"]

    assert name() == ("Test", "Test")
    with scope_kept():
        assert keeper.put(f"/api/v1/users/{person.id}", json={"firstName": "Meera"}).status_code == 200
    assert name() == ("Meera", "Meera")


def test_members_come_and_go(caller: Callable[..., Any], in_clinic: Any) -> None:
    admin = caller("CLINIC_ADMIN")
    path = f"/clinics/{in_clinic.id}/members"
    before = len(admin.get(path).get_json()["items"])
    person = make_member(in_clinic.id, "NURSE")
    assert len(admin.get(path).get_json()["items"]) == before + 1
    admin.delete(path, json={"userId": person.id, "role": "NURSE"})
    assert len(admin.get(path).get_json()["items"]) == before


def test_settings_hold_when_their_change_answers(caller: Callable[..., Any], in_clinic: Any) -> None:
    admin = caller("CLINIC_ADMIN")
    assert settings_in_scope().hold_minutes == 5
    changed = admin.put(f"/clinics/{in_clinic.id}", json={"settings": {"hold_minutes": 9}})
    assert changed.get_json()["settings"]["hold_minutes"] == 9
    assert settings_in_scope().hold_minutes == 9


def test_uncommitted_settings_are_seen_by_their_transaction_alone(in_clinic: Any, app: Any) -> None:
    from flask import g

    def fresh() -> int:
        g.pop("clinic_settings", None)  # what one request would remember
        return settings_in_scope().hold_minutes

    assert fresh() == 5
    with pytest.raises(RuntimeError), unit_of_work():
        db.session.get_one(Clinic, in_clinic.id).settings_json = {"hold_minutes": 7}
        assert fresh() == 7
        db.session.flush()
        assert fresh() == 7
        with tenant_scope(in_clinic.id):
            assert fresh() == 5
        raise RuntimeError
    assert fresh() == 5


def test_accounts_follow_their_screen_and_stay_sealed_in_redis(in_clinic: Any) -> None:
    account_id = make_gateway_account()
    assert [account.credentials["key_secret"] for account in accounts_for("payment")] == [KEY_SECRET]
    kept = [redis_connection().get(key) for key in redis_connection().keys(f"{in_clinic.id}:provider_accounts:*")]
    assert len(kept) == 1
    assert all(KEY_SECRET.encode() not in octets for octets in kept)
    with unit_of_work():
        db.session.get_one(ProviderAccount, account_id).enabled = False
    assert accounts_for("payment") == []


def test_lists_with_names_are_sealed_in_redis(caller: Callable[..., Any], in_clinic: Any) -> None:
    patient = make_patient(first_name="Kaveri", last_name="Raghunathan")
    make_invoice("10.00", patient=patient)
    caller("RECEPTIONIST").get(f"/billing/invoices/user/{patient.id}")
    kept = [redis_connection().get(key) for key in redis_connection().keys(f"{in_clinic.id}:user_invoices:*")]
    assert len(kept) == 1
    assert b"Raghunathan" not in kept[0]


# ---- without Redis ----


@pytest.fixture
def redis_that_dies(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """The process's Redis is one of this test's own."""
    from app.core import jobs

    process = RedisProcess()
    shared = jobs.redis_connection()
    monkeypatch.setenv("REDIS_URL", process.url)
    monkeypatch.setattr(jobs, "_connection", Redis.from_url(process.url, socket_timeout=15))
    get_settings.cache_clear()
    assert get_settings().redis_url == os.environ["REDIS_URL"]
    yield process
    process.close()
    monkeypatch.undo()
    get_settings.cache_clear()
    assert jobs.redis_connection() is shared


def test_reads_and_writes_go_on_when_redis_dies(
    redis_that_dies: RedisProcess, caller: Callable[..., Any], in_clinic: Any
) -> None:
    patient = make_patient()
    make_tender(patient_id=patient.id)
    finance = caller("FINANCE_BILLING")
    path = f"/billing/payments/user/{patient.id}"
    assert amounts(finance.get(path)) == [800]
    assert shared_cache().invalidate(in_clinic.id, "anything") is True
    redis_that_dies.kill()
    assert shared_cache().invalidate(in_clinic.id, "anything") is False
    assert amounts(finance.get(path)) == [800]
    make_tender(patient_id=patient.id)
    assert amounts(finance.get(path)) == [800, 800]
    assert settings_in_scope().currency == "INR"
