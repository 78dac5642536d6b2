"""The live queue over real sockets: pushed, scoped, and the truth at once after a reconnect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Condition, Event
from typing import Any

import pytest
import requests
import socketio

from app.core.ids import new_id
from app.core.tenant import tenant_scope
from app.tenancy.models import Clinic
from tests.factories.access import bearer, make_member
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import make_appointment, make_location
from tests.live_server import running_server

pytestmark = pytest.mark.usefixtures("in_clinic")

PATIENCE = 60


class Listener:
    """A Socket.IO client on /live that keeps what it hears."""

    def __init__(self, address: str, token: str, **auth: Any) -> None:
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._news = Condition()
        self._closed = Event()
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        self.client.on("disconnect", lambda *_reason: self._closed.set(), namespace="/live")
        for event in ("queue", "board", "appointment", "error"):
            self.client.on(event, lambda data, event=event: self._keep(event, data), namespace="/live")
        self.client.connect(
            address,
            namespaces=["/live"],
            transports=["websocket"],
            auth={"token": token, **auth},
            wait_timeout=PATIENCE,
        )

    def _keep(self, event: str, data: Any) -> None:
        with self._news:
            self.heard[event].append(data)
            self._news.notify_all()

    def ask(self, event: str, **data: Any) -> Any:
        return self.client.call(event, data, namespace="/live", timeout=PATIENCE)

    def drop(self) -> None:
        """Lose the line without a word, as phones do; a polite good-bye waits seconds for its answer."""
        self.client.eio.ws.shutdown()

    def wait_until_closed(self, seconds: float) -> bool:
        return self._closed.wait(seconds)

    def wait_for(self, event: str, condition: Callable[[Any], bool]) -> Any:
        """The first thing heard that fits, now or soon."""

        def fitting() -> Any:
            return next((data for data in self.heard[event] if condition(data)), None)

        with self._news:
            assert self._news.wait_for(fitting, PATIENCE), self.heard[event]
            return fitting()


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    with running_server(app) as address:
        yield address


@pytest.fixture
def listen(address: str, clinic: Clinic) -> Iterator[Callable[..., Listener]]:
    """`listen("NURSE")`: a connected client with that role."""
    open_clients: list[Listener] = []

    def connect(role: str, *, clinic_id: str = clinic.id, **links: Any) -> Listener:
        header = bearer(make_member(clinic_id, role, **links), clinic_id)
        listener = Listener(address, header["Authorization"].removeprefix("Bearer "))
        open_clients.append(listener)
        return listener

    yield connect
    for listener in open_clients:
        listener.drop()


def numbers(state: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    return [(token["number"], token["status"], token["position"]) for token in state["tokens"]]


def test_a_subscriber_gets_the_present_state_then_every_change(
    listen: Callable[..., Listener], caller: Callable[..., Any]
) -> None:
    doctor, location = make_doctor(), make_location()
    make_token(doctor, location)
    screen = listen("DOCTOR")
    assert screen.ask("subscribe", doctorId=doctor.id) == {"ok": True}
    first = screen.wait_for("queue", lambda state: True)
    assert (first["doctorId"], first["current"], numbers(first)) == (doctor.id, None, [("A-01", "WAITING", 1)])
    make_token(doctor, location)
    caller("NURSE").post(f"/queues/{doctor.id}/call-next")
    called = screen.wait_for("queue", lambda state: state["current"] == "A-01")
    assert numbers(called) == [("A-01", "CALLED", 0), ("A-02", "WAITING", 1)]
    revisions = [state["revision"] for state in screen.heard["queue"]]
    assert revisions == sorted(set(revisions))


def test_a_client_that_was_away_is_shown_the_truth(listen: Callable[..., Listener], caller: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    away = listen("NURSE")
    away.ask("subscribe", doctorId=doctor.id)
    away.drop()
    make_token(doctor, location)
    caller("DOCTOR").post(f"/queues/{doctor.id}/call-next")
    back = listen("NURSE")
    back.ask("subscribe", doctorId=doctor.id)
    assert back.wait_for("queue", lambda state: True)["current"] == "A-01"


def test_a_patient_hears_numbers_only(listen: Callable[..., Listener]) -> None:
    doctor, location, me = make_doctor(), make_location(), make_patient(first_name="Zubeida")
    phone = listen("PATIENT", patient_id=me.id)
    phone.ask("subscribe", doctorId=doctor.id)
    make_token(doctor, location, patient_id=me.id)
    heard = phone.wait_for("queue", lambda state: state["tokens"])
    assert [set(token) for token in heard["tokens"]] == [{"number", "status", "position", "waitMinutes"}]
    assert "Zubeida" not in str(heard)


def test_the_board_changes_without_being_asked(listen: Callable[..., Listener], caller: Callable[..., Any]) -> None:
    here, there, doctor = make_location(), make_location(), make_doctor(last_name="Rao")
    make_token(doctor, here)
    board = listen("RECEPTIONIST")
    board.ask("subscribe", board=here.id)
    shown = board.wait_for("board", lambda state: True)
    assert [(queue["doctor"], queue["current"]) for queue in shown["queues"]] == [("Dr Rao", None)]
    make_token(doctor, there)
    caller("NURSE").post(f"/queues/{doctor.id}/call-next", json={"locationId": here.id})
    state = board.wait_for("queue", lambda state: state["current"] == "A-01")
    assert (state["locationId"], numbers(state)) == (here.id, [("A-01", "CALLED", 0)])


def test_desks_hear_of_visits_and_patients_of_their_own(
    listen: Callable[..., Listener], caller: Callable[..., Any]
) -> None:
    me = make_patient()
    desk, mine, other = listen("RECEPTIONIST"), listen("PATIENT", patient_id=me.id), listen("PATIENT")
    for listener in (desk, mine, other):
        assert listener.ask("subscribe", topic="appointments") == {"ok": True}
    visit = make_appointment(patient_id=me.id)
    caller("RECEPTIONIST").post(f"/appointments/{visit.id}/confirm")
    for listener in (desk, mine):
        heard = listener.wait_for("appointment", lambda data: data["status"] == "CONFIRMED")
        assert (heard["id"], "patientName" in heard) == (visit.id, False)
    assert other.heard["appointment"] == []


@pytest.mark.parametrize(
    ("role", "asked", "code"),
    [
        ("PATIENT", {"board": new_id()}, "FORBIDDEN"),
        ("ACCOUNTANT", {"doctorId": new_id()}, "FORBIDDEN"),
        ("NURSE", {"doctorId": new_id()}, "NOT_FOUND"),
        ("NURSE", {"board": new_id()}, "NOT_FOUND"),
        ("NURSE", {"doctorId": "1"}, "BAD_ID"),
        ("NURSE", {"topic": "jobs"}, "FORBIDDEN"),
        ("NURSE", {"topic": ["x"]}, "UNKNOWN_TOPIC"),
        ("NURSE", {}, "UNKNOWN_TOPIC"),
    ],
)
def test_what_may_not_be_heard_is_refused(
    listen: Callable[..., Listener], role: str, asked: dict[str, Any], code: str
) -> None:
    listener = listen(role)
    assert listener.ask("subscribe", **asked)["error"]["code"] == code
    assert listener.wait_for("error", lambda data: True)["code"] == code


def test_another_clinics_queue_is_not_heard(
    listen: Callable[..., Listener], other_clinic: Clinic, address: str
) -> None:
    with tenant_scope(other_clinic.id):
        doctor, location = make_doctor(), make_location()
        doctor_id, location_id = doctor.id, location.id
    spy, owner = listen("CLINIC_ADMIN"), listen("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert spy.ask("subscribe", doctorId=doctor_id)["error"]["code"] == "NOT_FOUND"
    assert spy.ask("subscribe", board=location_id)["error"]["code"] == "NOT_FOUND"
    spy.ask("subscribe", topic="appointments")
    owner.ask("subscribe", doctorId=doctor_id)
    with tenant_scope(other_clinic.id):
        make_token(doctor, location)
    owner.wait_for("queue", lambda state: state["tokens"])
    assert (spy.heard["queue"], spy.heard["appointment"]) == ([], [])


def test_nobody_connects_without_a_log_in(address: str) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        Listener(address, "no-token")


def test_two_desks_never_call_the_same_patient(clinic: Clinic, address: str) -> None:
    doctor, location = make_doctor(), make_location()
    for _ in range(40):
        make_token(doctor, location)
    path = f"{address}/api/v1/queues/{doctor.id}/call-next"
    desks = [bearer(make_member(clinic.id, "RECEPTIONIST"), clinic.id) for _ in range(8)]
    start = Barrier(len(desks))

    def call_until_empty(headers: dict[str, str]) -> list[str]:
        called = []
        with requests.Session() as session:
            start.wait()
            while True:
                token = session.post(path, headers=headers).json()["token"]
                if token is None:
                    return called
                called.append(token["number"])

    with ThreadPoolExecutor(len(desks)) as pool:
        called = [number for numbers in pool.map(call_until_empty, desks) for number in numbers]
    assert len(called) == 40
    assert sorted(called) == [f"A-{number:02d}" for number in range(1, 41)]


def test_patients_who_arrive_at_once_get_different_numbers(clinic: Clinic, address: str) -> None:
    doctor, location = make_doctor(), make_location()
    patient = make_patient()
    path = f"{address}/api/v1/queues/{doctor.id}/tokens"
    body = {"patientId": patient.id, "locationId": location.id}
    headers = bearer(make_member(clinic.id, "RECEPTIONIST"), clinic.id)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: requests.post(path, json=body, headers=headers, timeout=30), range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    assert sorted(answer.json()["number"] for answer in answers) == [f"A-{number:02d}" for number in range(1, 21)]


def test_one_visit_checked_in_at_two_desks_gets_one_token(clinic: Clinic, address: str) -> None:
    visit = make_appointment()
    path = f"{address}/api/v1/appointments/{visit.id}/check-in"
    headers = bearer(make_member(clinic.id, "RECEPTIONIST"), clinic.id)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: requests.post(path, headers=headers, timeout=30), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"]["id"] for answer in answers}) == 1
