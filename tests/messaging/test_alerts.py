"""An in-app alert reaches whom it is for, on an open socket, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio

from app.access.models import User
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import send
from app.messaging.models import Channel
from app.messaging.services import queue_message
from tests.factories.access import bearer, make_member, make_user
from tests.live_server import running_server
from tests.waiting import wait_until

VARIABLES = {"patient": "Meera Iyer", "number": "INV/1", "amount": "₹ 800.00", "clinic": "Sunrise Clinic"}
Listen = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def listen(app: Any, clinic: Any) -> Iterator[Listen]:
    """`listen(user)`: the alerts that a client of the user hears; it subscribes to nothing."""
    clients: list[Any] = []

    def connect(user: User, **auth: str) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []
        client = socketio.Client(reconnection=False, handle_sigint=False)
        client.on("alert", heard.append, namespace="/live")
        token = bearer(user, clinic.id)["Authorization"].removeprefix("Bearer ")
        own = {"token": token, **auth}
        client.connect(address, namespaces=["/live"], transports=["websocket"], auth=own, wait_timeout=60)
        clients.append(client)
        return heard

    with running_server(app) as address:
        yield connect
        for client in clients:
            client.eio.ws.shutdown()


def alert(clinic_id: str, user: User, key: str = "one") -> str:
    with tenant_scope(clinic_id), unit_of_work():
        message = queue_message(
            Channel.IN_APP, user.id, "invoice_paid", VARIABLES, dedupe_key=f"{key}:{user.id}", user_id=user.id
        )
        message_id = message.id
    send(clinic_id, message_id)
    return str(message_id)


def test_whom_it_is_for_hears_it_and_nobody_else(listen: Listen, clinic: Any) -> None:
    nurse, doctor = make_member(clinic.id, "NURSE"), make_member(clinic.id, "DOCTOR")
    on_the_desk, on_the_phone, other = listen(nurse), listen(nurse), listen(doctor)
    message_id = alert(clinic.id, nurse)
    wait_until(lambda: bool(on_the_desk and on_the_phone))
    assert [item["id"] for item in on_the_desk] == [message_id]
    assert "INV/1" in on_the_desk[0]["title"]
    for_the_doctor = alert(clinic.id, doctor)
    wait_until(lambda: bool(other))
    assert [item["id"] for item in other] == [for_the_doctor]
    assert len(on_the_desk) == len(on_the_phone) == 1


def test_an_alert_of_another_clinic_is_not_heard_in_this_one(listen: Listen, clinic: Any, other_clinic: Any) -> None:
    both = make_member(other_clinic.id, "DOCTOR", make_member(clinic.id, "NURSE"))
    here, there = listen(both), listen(both, clinicId=other_clinic.id)
    alert(other_clinic.id, both, "there")
    wait_until(lambda: bool(there))
    alert(clinic.id, both, "here")
    wait_until(lambda: bool(here))
    assert (len(here), len(there)) == (1, 1)


def test_a_super_admin_hears_their_own_in_the_clinic_they_are_in(listen: Listen, clinic: Any) -> None:
    keeper = make_user(super_admin=True)
    heard = listen(keeper)
    alert(clinic.id, keeper)
    wait_until(lambda: bool(heard))
    assert len(heard) == 1
