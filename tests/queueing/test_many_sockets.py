"""Many sockets on two web processes: every change once and in order, nothing for strangers, the truth after a cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from app.core.tenant import tenant_scope
from app.tenancy.models import Clinic
from tests.factories.access import bearer, make_member
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import make_location
from tests.queueing.web_processes import ROOT, JavaScriptClients, Line, PythonClient, in_parallel, web_processes
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("in_clinic")

BACK_SECONDS = 2


@pytest.fixture(scope="module")
def webs(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with web_processes(2, tmp_path_factory.mktemp("webs")) as addresses:
        yield addresses


@pytest.fixture
def closing() -> Iterator[Callable[[Any], Any]]:
    """What is given to it is closed at the end."""
    opened: list[Any] = []

    def keep(item: Any) -> Any:
        opened.append(item)
        return item

    yield keep
    for item in opened:
        item.close()


class Desk:
    """A doctor's queue, moved over HTTP."""

    def __init__(self, clinic_id: str) -> None:
        doctor, location = make_doctor(), make_location()
        self.doctor_id, self.location_id = doctor.id, location.id
        self.patient_id = make_patient().id
        make_token(doctor, location, patient_id=self.patient_id)
        self.headers = bearer(make_member(clinic_id, "RECEPTIONIST"), clinic_id)

    @property
    def key(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")

    def walk_in(self, address: str) -> None:
        body = {"patientId": self.patient_id, "locationId": self.location_id}
        self._post(f"{address}/api/v1/queues/{self.doctor_id}/tokens", body)

    def call(self, address: str) -> None:
        self._post(f"{address}/api/v1/queues/{self.doctor_id}/call-next", {})

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = requests.post(path, json=body, headers=self.headers, timeout=60)
        assert answer.ok, answer.text

    def state(self, address: str) -> Any:
        path = f"{address}/api/v1/queues/{self.doctor_id}"
        return requests.get(path, headers=self.headers, timeout=60).json()


def assert_every_change_once_and_in_order(heard: list[tuple[str, int | None, int]], last: int) -> None:
    """The first is the state on subscribing; each push follows exactly on the one before it."""
    assert heard[0][1] is None
    for before, push in zip(heard, heard[1:], strict=False):
        assert push[1] == before[2], heard
        assert push[2] > before[2], heard
    assert heard[-1][2] == last


@pytest.mark.parametrize(
    ("sockets", "changes"), [(200, 40), pytest.param(1000, 100, marks=pytest.mark.chaos)], ids=["200", "1000"]
)
def test_every_change_arrives_once_and_in_order_and_strangers_hear_nothing(
    webs: list[str], clinic: Clinic, other_clinic: Clinic, closing: Any, sockets: int, changes: int
) -> None:
    desk = Desk(clinic.id)
    wanted = {"doctorId": desk.doctor_id}
    foreign = bearer(make_member(other_clinic.id, "CLINIC_ADMIN"), other_clinic.id)
    accountant = bearer(make_member(clinic.id, "ACCOUNTANT"), clinic.id)
    groups = [
        {"address": address, "token": desk.key, "count": int(sockets * 0.45), "subscribe": wanted} for address in webs
    ]
    strangers = [
        {"address": address, "token": who["Authorization"][7:], "count": 2, "subscribe": wanted}
        for address in webs
        for who in (foreign, accountant)
    ]
    scripts = closing(JavaScriptClients(groups + strangers))
    pythons = [closing(PythonClient(webs[number % 2], desk.key, wanted)) for number in range(sockets // 20)]
    inside, outside = scripts.acknowledged[: -len(strangers) * 2], scripts.acknowledged[-len(strangers) * 2 :]
    assert all(answer["ok"] for answer in inside)
    assert {answer["error"]["code"] for answer in outside} == {"NOT_FOUND", "FORBIDDEN"}

    def move(address: str, verb: Callable[[str], None]) -> Callable[[], None]:
        return lambda: [verb(address) for _ in range(changes // 4)] and None

    in_parallel(*(move(address, verb) for address in webs for verb in (desk.walk_in, desk.call)))
    state = desk.state(webs[0])
    last = state["revision"]
    assert last >= changes
    wait_until(lambda: all(client.heard()[-1][2] == last for client in pythons), 60)
    wait_until(lambda: all(heard[-1][2] == last for heard in scripts.heard()[: len(inside)]), 60)
    for heard in (*scripts.heard()[: len(inside)], *(client.heard() for client in pythons)):
        assert_every_change_once_and_in_order(heard, last)
    assert scripts.heard()[len(inside) :] == [[]] * len(outside)
    assert pythons[0].pushes[-1]["current"] == state["current"]


@pytest.mark.parametrize("silent", [False, True], ids=["hung up", "silent"])
@pytest.mark.parametrize("seconds", [1, pytest.param(30, marks=pytest.mark.chaos)])
def test_a_client_that_was_cut_off_is_right_within_two_seconds_of_coming_back(
    webs: list[str], clinic: Clinic, closing: Any, seconds: int, silent: bool
) -> None:
    """With its first connection: it tries again at least once a second."""
    desk = Desk(clinic.id)
    wanted = {"doctorId": desk.doctor_id}
    line = closing(Line(webs[0]))
    script = closing(JavaScriptClients([{"address": line.address, "token": desk.key, "count": 1, "subscribe": wanted}]))
    python = closing(PythonClient(line.address, desk.key, wanted, reconnect=True))
    line.cut(silent=silent)
    for address in (*webs, *webs):
        desk.walk_in(address)
        desk.call(address)
    time.sleep(seconds)  # the length of the cut is what is tried
    truth = desk.state(webs[1])
    assert python.heard()[-1][2] < truth["revision"]
    line.mend()
    back = time.monotonic()
    wait_until(lambda: python.heard()[-1][2] == truth["revision"], BACK_SECONDS)
    wait_until(lambda: script.heard()[0][-1][2] == truth["revision"], BACK_SECONDS - min(time.monotonic() - back, 1.9))
    assert python.pushes[-1]["current"] == truth["current"]
    desk.call(webs[1])
    wait_until(lambda: script.heard()[0][-1][2] > truth["revision"])
    assert (python.connects, script.report()[0]["connects"]) == (2, 2)


def test_pages_try_to_come_back_once_a_second() -> None:
    for script in ("app/static/js/live.js", "bench/listeners.mjs"):
        assert "reconnectionDelay: 300, reconnectionDelayMax: 1000," in (ROOT / script).read_text()


def test_what_was_missed_is_told_on_coming_back(webs: list[str], clinic: Clinic, closing: Any) -> None:
    desk = Desk(clinic.id)
    client = closing(PythonClient(webs[0], desk.key, {"doctorId": desk.doctor_id}))
    known = client.pushes[-1]
    for address in webs:
        desk.walk_in(address)
    desk.call(webs[0])
    again = {"doctorId": desk.doctor_id, "since": known["revision"], "day": known["day"]}
    missed = client.client.call("subscribe", again, namespace="/live", timeout=60)["missed"]
    moves = [(move["number"], move["move"]) for move in missed]
    assert moves == [("A-02", "ISSUED"), ("A-03", "ISSUED"), ("A-01", "CALLED")]
    other_day = client.client.call("subscribe", {**again, "day": "2020-01-01"}, namespace="/live", timeout=60)
    assert len(other_day["missed"]) == 4


def test_a_patients_phone_is_told_place_and_time_and_nothing_of_others(
    webs: list[str], clinic: Clinic, other_clinic: Clinic, closing: Any
) -> None:
    desk, me, other = Desk(clinic.id), make_patient(), make_patient()
    phones = [
        bearer(make_member(clinic.id, "PATIENT", patient_id=patient.id), clinic.id)["Authorization"][7:]
        for patient in (me, other)
    ]
    with tenant_scope(other_clinic.id):
        namesake = make_patient()
        stranger = bearer(make_member(other_clinic.id, "PATIENT", patient_id=namesake.id), other_clinic.id)
    tokens = [*phones, stranger["Authorization"][7:]]
    group = {"count": 1, "subscribe": {"me": True}, "event": "token"}
    scripts = closing(
        JavaScriptClients([{"address": webs[n % 2], "token": token, **group} for n, token in enumerate(tokens)])
    )
    assert [answer["ok"] for answer in scripts.acknowledged] == [True] * 3
    desk.patient_id = me.id
    desk.walk_in(webs[1])
    desk.call(webs[1])
    desk.call(webs[0])
    wait_until(lambda: len(scripts.report()[0]["heard"]) >= 3)
    mine, others, strangers = scripts.report()
    assert [item[4] for item in mine["heard"]] == [None, "A-01", "A-02"]
    assert (others["heard"], strangers["heard"]) == ([], [])
