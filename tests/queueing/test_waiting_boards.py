"""Boards without a log-in: a link shows one waiting room, live, until it is revoked, and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import socketio
from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import WaitingBoard
from app.queueing.services import call_next
from app.queueing.services.screens import make_link, revoke_link
from app.tenancy.models import Location
from tests.api_caller import scope_kept
from tests.factories.access import make_clinic
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token, make_waiting_board
from tests.factories.scheduling import make_location
from tests.live_server import running_server
from tests.queueing.test_live import PATIENCE, Listener

pytestmark = pytest.mark.usefixtures("in_clinic")

Visitor = Callable[..., Any]


@pytest.fixture
def place() -> Location:
    return make_location(name="Andheri")


@pytest.fixture
def doctor(place: Location) -> Doctor:
    """With one patient who waits."""
    found = make_doctor(last_name="Rao")
    make_token(found, place, patient_id=make_patient(first_name="Zubeida", last_name="Quraishi").id)
    return found


@pytest.fixture
def look(app: Any) -> Callable[[str], Any]:
    """`look(token)`: the page, for somebody who is not logged in."""
    client = app.test_client()

    def get(token: str) -> Any:
        with scope_kept():
            return client.get(f"/waiting-room/{token}")

    return get


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    with running_server(app) as address:
        yield address


@pytest.fixture
def screen(address: str) -> Iterator[Callable[[str], Listener]]:
    """`screen(token)`: a board's socket."""
    opened: list[Listener] = []

    def connect(token: str) -> Listener:
        opened.append(Listener(address, "", board=token))
        return opened[-1]

    yield connect
    for listener in opened:
        if listener.client.connected:
            listener.drop()


def test_the_link_shows_numbers_and_no_names(place: Location, doctor: Doctor, look: Any) -> None:
    board, token = make_waiting_board(place)
    page = look(token)
    assert page.status_code == 200
    assert ("Andheri" in page.text, "Rao" in page.text, "A-01" in page.text) == (True, True, True)
    assert ("Zubeida" in page.text, "Quraishi" in page.text) == (False, False)
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    db.session.refresh(board)
    assert board.last_used_at is not None


def test_a_new_link_ends_the_one_before_and_a_revoked_one_leads_nowhere(visitor: Visitor, look: Any) -> None:
    admin = visitor("CLINIC_ADMIN")
    admin.post("/waitingboardview/add", data={"name": "Left of the door", "location": make_location().id})
    board = db.session.scalars(select(WaitingBoard)).one()
    assert board.open is False
    first, second = (_token(admin.post(f"/waiting-boards/{board.id}/link").text) for _ in range(2))
    assert (look(first).status_code, look(second).status_code) == (404, 200)
    admin.post(f"/waitingboardview/action/revoke/{board.id}")
    assert [look(second).status_code, look("nonsense").status_code] == [404, 404]
    assert second not in admin.get(f"/waitingboardview/show/{board.id}").text


def _token(page: str) -> str:
    start = page.index("/waiting-room/", page.index('id="screen-link"')) + len("/waiting-room/")
    return page[start : page.index('"', start)]


@pytest.mark.parametrize(("role", "status"), [("RECEPTIONIST", 403), ("LOCATION_HEAD", 403), ("CLINIC_ADMIN", 200)])
def test_who_may_make_a_link(visitor: Visitor, place: Location, role: str, status: int) -> None:
    board, _token_before = make_waiting_board(place)
    assert visitor(role).post(f"/waiting-boards/{board.id}/link").status_code == status


def test_the_screen_hears_every_call(screen: Callable[[str], Listener], place: Location, doctor: Doctor) -> None:
    wall = screen(make_waiting_board(place)[1])
    assert wall.ask("subscribe", board="whatever") == {"ok": True}
    shown = wall.wait_for("board", lambda board: True)
    assert (shown["location"], [queue["tokens"][0]["number"] for queue in shown["queues"]]) == ("Andheri", ["A-01"])
    with unit_of_work():
        call_next(doctor.id)
    assert wall.wait_for("queue", lambda state: state["current"] == "A-01")["locationId"] == place.id
    assert "Quraishi" not in repr(dict(wall.heard))


def test_the_screen_hears_nothing_of_other_places_and_may_do_nothing_else(
    screen: Callable[[str], Listener], place: Location, doctor: Doctor
) -> None:
    """Whatever it asks for, it is its own board."""
    elsewhere = make_location()
    make_token(doctor, elsewhere)
    wall = screen(make_waiting_board(place)[1])
    for asked in ({"board": elsewhere.id}, {"doctorId": doctor.id}, {"topic": "appointments"}, {"me": True}):
        assert wall.ask("subscribe", **asked) == {"ok": True}
    assert wall.ask("unsubscribe", board=place.id)["error"]["code"] == "UNAUTHORIZED"
    assert wall.ask("chat", text="Hello")["error"]["code"] == "NOT_FOUND"
    with unit_of_work():
        call_next(doctor.id, elsewhere.id)
    with unit_of_work():
        call_next(doctor.id, place.id)
    wall.wait_for("queue", lambda state: state["current"] == "A-01" and state["locationId"] == place.id)
    assert {state["locationId"] for state in wall.heard["queue"]} == {place.id}
    assert {board["locationId"] for board in wall.heard["board"]} == {place.id}


def test_a_bad_link_is_refused_whoever_is_logged_in(address: str, place: Location) -> None:
    other = make_clinic()
    with tenant_scope(other.id):
        foreign, theirs = make_waiting_board(make_location())
        with unit_of_work():
            revoke_link(db.session.merge(foreign))
    for token in ("x", theirs, theirs[:-4] + "AAAA"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            Listener(address, "", board=token)


def test_a_revoked_screen_goes_silent_at_once(screen: Callable[[str], Listener], place: Location) -> None:
    board, token = make_waiting_board(place)
    wall = screen(token)
    wall.ask("subscribe")
    with unit_of_work():
        make_link(db.session.merge(board))
    assert wall.ask("subscribe")["error"]["code"] == "NOT_FOUND"
    assert wall.wait_until_closed(PATIENCE)
