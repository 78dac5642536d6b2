"""Devices that push messages go to: registered by their person, forgotten when a provider calls them dead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import deliver
from app.messaging.devices import MOST_DEVICES, devices_of, register_device
from app.messaging.models import DeviceToken, MessageAttempt, MessageStatus
from tests.contract.providers.rigs import RIGS
from tests.factories.people import make_patient
from tests.messaging.providers_at_sandbox import World

pytest_plugins = ["tests.api_caller", "tests.messaging.world_fixtures"]
TOKEN = "fcm:registration-token-0001"


def registered(clinic_id: str, token: str = TOKEN, **values: Any) -> str:
    about = {"user_id": new_id(), "patient_id": None, "platform": "ANDROID", "kind": "TOKEN", **values}
    with tenant_scope(clinic_id), unit_of_work():
        return register_device(token=token, **about).id


# ---- over the API ----


def test_a_patient_registers_sees_and_unregisters_a_device(in_clinic: Any, caller: Callable[..., Any]) -> None:
    patient = make_patient()
    me = caller("PATIENT", patient_id=patient.id)
    made = me.post("/devices", json={"token": TOKEN, "platform": "IOS", "kind": "FID"})
    assert made.status_code == 201, made.text
    assert TOKEN not in made.text
    again = me.post("/devices", json={"token": TOKEN, "platform": "ANDROID"})
    assert again.get_json()["id"] == made.get_json()["id"]
    (shown,) = me.get("/devices").get_json()["items"]
    assert (shown["platform"], shown["kind"]) == ("ANDROID", "TOKEN")
    assert [device.token for device in devices_of(patient_id=patient.id)] == [TOKEN]
    assert me.delete(f"/devices/{shown['id']}").status_code == 204
    assert me.get("/devices").get_json()["items"] == []
    assert devices_of(patient_id=patient.id) == []


def test_another_persons_device_is_not_found(in_clinic: Any, caller: Callable[..., Any]) -> None:
    mine = caller("DOCTOR").post("/devices", json={"token": TOKEN, "platform": "WEB"}).get_json()
    stranger = caller("NURSE")
    assert stranger.delete(f"/devices/{mine['id']}").status_code == 404
    assert stranger.get("/devices").get_json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"token": "short", "platform": "IOS"},
        {"token": TOKEN, "platform": "FRIDGE"},
        {"token": TOKEN + " <script>", "platform": "IOS"},
        {"token": "x" * 5000, "platform": "IOS"},
        {"platform": "IOS"},
    ],
)
def test_what_is_no_device_is_refused(in_clinic: Any, caller: Callable[..., Any], body: dict[str, Any]) -> None:
    assert caller("DOCTOR").post("/devices", json=body).status_code == 422


# ---- whose they are ----


def test_a_device_that_changed_hands_belongs_to_the_last_one(clinic: Any) -> None:
    first, second = new_id(), new_id()
    device = registered(clinic.id, user_id=first)
    assert registered(clinic.id, user_id=second) == device
    with tenant_scope(clinic.id):
        assert devices_of(user_id=first) == []
        assert [item.id for item in devices_of(user_id=second)] == [device]


def test_idle_devices_and_too_many_are_left_out(clinic: Any) -> None:
    user = new_id()
    registered(clinic.id, user_id=user)
    with clock.travel(timedelta(days=61)), tenant_scope(clinic.id):
        assert devices_of(user_id=user) == []
    for number in range(MOST_DEVICES + 5):
        registered(clinic.id, f"{TOKEN}-{number}", user_id=user)
    with tenant_scope(clinic.id):
        assert len(devices_of(user_id=user)) == MOST_DEVICES
        with pytest.raises(ValueError, match="whose"):
            devices_of()


# ---- what goes to them ----


@pytest.mark.parametrize("provider", ["fcm", "sns_push"])
def test_a_push_goes_to_the_device_and_its_token_stands_nowhere_else(world: World, provider: str) -> None:
    world.open_account(provider)
    device = registered(world.clinic_id)
    message_id = world.send(provider, device)
    row = world.message(message_id)
    assert row.status == MessageStatus.SENT, row.reason
    (shown,) = world.sandbox.messages(channel="push")
    assert (shown["to"], shown["reference"]) == (TOKEN, message_id)
    assert TOKEN not in f"{row.recipient} {row.variables} {row.body}"


@pytest.mark.parametrize("provider", ["fcm", "sns_push"])
def test_a_dead_token_is_forgotten_at_once(world: World, provider: str) -> None:
    world.open_account(provider)
    known = {"provider": RIGS[provider].simulator, "to": TOKEN, "code": 404}
    world.sandbox.post("/_control/recipients", known)
    device = registered(world.clinic_id)
    message_id = world.send(provider, device)
    assert world.message(message_id).status == MessageStatus.FAILED
    assert world.suppressed("push", device) == "INVALID"
    with tenant_scope(world.clinic_id):
        assert db.session.get(DeviceToken, device) is None
        (attempt,) = db.session.query(MessageAttempt).filter_by(message_id=message_id)
        assert TOKEN not in attempt.text
    world.sandbox.post("/_control/recipients", {**known, "code": None})
    back = registered(world.clinic_id)
    assert back != device
    world.send(provider, back)


def test_a_message_to_a_device_that_is_gone_is_not_sent(world: World) -> None:
    world.open_account("fcm")
    message_id = world.queue("fcm", new_id())
    assert deliver({world.clinic_id: [message_id]}) == 0
    row = world.message(message_id)
    assert (row.status, row.reason) == (MessageStatus.SUPPRESSED, "The device is registered no more.")
