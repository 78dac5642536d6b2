"""A session that has ended hears nothing more: log-out, a new role and a lock-out reach open sockets too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio

from app.access.models import Member
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from tests.factories.access import bearer, make_member, make_user
from tests.factories.people import make_doctor
from tests.live_server import running_server
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("in_clinic")


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    with running_server(app) as address:
        yield address


@pytest.fixture
def connect(address: str) -> Iterator[Callable[[dict[str, str]], Any]]:
    """`connect(headers)`: a client on /live with that bearer token."""
    clients: list[Any] = []

    def open_client(headers: dict[str, str]) -> Any:
        client = socketio.Client(reconnection=False, handle_sigint=False)
        token = headers["Authorization"].removeprefix("Bearer ")
        client.connect(address, namespaces=["/live"], transports=["websocket"], auth={"token": token}, wait_timeout=60)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        if client.connected:
            client.eio.ws.shutdown()


def test_log_out_ends_the_sockets_of_the_session_and_of_no_other(app: Any, connect: Any, clinic: Any) -> None:
    nurse, doctor = make_member(clinic.id, "NURSE"), make_doctor()
    here, there = bearer(nurse, clinic.id), bearer(nurse, clinic.id)
    leaving, staying = connect(here), connect(there)
    assert app.test_client().post("/api/v1/auth/logout", headers=here).status_code == 204
    wait_until(lambda: not leaving.connected)
    assert staying.call("subscribe", {"doctorId": doctor.id}, namespace="/live", timeout=60) == {"ok": True}


def test_a_role_that_was_taken_away_ends_the_sockets(app: Any, connect: Any, clinic: Any) -> None:
    admin, nurse = make_member(clinic.id, "CLINIC_ADMIN"), make_member(clinic.id, "NURSE")
    listening = connect(bearer(nurse, clinic.id))
    body = {"userId": nurse.id, "role": "NURSE"}
    path = f"/api/v1/clinics/{clinic.id}/members"
    assert app.test_client().delete(path, json=body, headers=bearer(admin, clinic.id)).status_code == 204
    wait_until(lambda: not listening.connected)


def test_a_disabled_users_sockets_end_without_redis_knowing(connect: Any, clinic: Any) -> None:
    """The entry that Redis keeps is believed for a minute at most; here it is lost at once."""
    from app.access.models import User
    from app.core.jobs import redis_connection

    nurse = make_member(clinic.id, "NURSE")
    listening = connect(bearer(nurse, clinic.id))
    with unit_of_work():
        db.session.get_one(User, nurse.id).active = False
    redis_connection().flushdb()
    wait_until(lambda: not listening.connected)


def test_another_role_is_another_socket(connect: Any, clinic: Any) -> None:
    from app.access.principals import forget_user

    nurse = make_member(clinic.id, "NURSE")
    listening = connect(bearer(nurse, clinic.id))
    with tenant_scope(clinic.id), unit_of_work():
        db.session.query(Member).filter(Member.user_id == nurse.id).one().role = "PHARMACIST"
    forget_user(nurse.id)
    wait_until(lambda: not listening.connected)


def test_a_super_admins_socket_stays(connect: Any, clinic: Any) -> None:
    listening = connect(bearer(make_user(super_admin=True), clinic.id))
    assert listening.call("subscribe", {"topic": "jobs"}, namespace="/live", timeout=60) == {"ok": True}
    assert listening.connected
