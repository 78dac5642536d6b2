"""The staff's queue page, the waiting room's board, and the records behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.queueing.jobs import tell_waits_again
from app.queueing.models import PriorityClass, QueueToken
from app.tenancy.models import Clinic
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_arrival, make_token
from tests.factories.scheduling import make_location

pytestmark = pytest.mark.usefixtures("in_clinic")


@pytest.mark.parametrize("screen", ["queuetokenview", "doctorqueueview", "queuemoveview"])
def test_every_list_and_chart_opens(visitor: Callable[..., Any], screen: str) -> None:
    token = make_arrival()
    admin = visitor("CLINIC_ADMIN")
    assert admin.get(f"/{screen}/list/").status_code == 200
    assert admin.get(f"/{screen}/chart/").status_code == 200
    assert admin.get(f"/{screen}/export").status_code == 200
    assert token.number in admin.get(f"/queuetokenview/show/{token.id}").text


def test_a_walk_in_gets_a_token_on_the_form(visitor: Callable[..., Any]) -> None:
    doctor, location, patient = make_doctor(), make_location(), make_patient()
    form = {"patient": patient.id, "doctor": doctor.id, "location": location.id, "priority": "1"}
    answer = visitor("RECEPTIONIST").post("/queuetokenview/add", data=form)
    assert answer.status_code == 302, answer.text
    token = db.session.scalars(select(QueueToken)).one()
    assert (token.number, token.priority, token.patient_id) == ("A-01", 1, patient.id)


def test_the_queue_page_shows_who_waits_and_calls_them(visitor: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    patient = make_patient(first_name="Zubeida")
    token = make_token(doctor, location, patient_id=patient.id)
    desk = visitor("RECEPTIONIST")
    page = desk.get("/queue/").text
    assert ("Zubeida" in page, token.number in page, doctor.name in page) == (True, True, True)
    answer = desk.post(f"/queue/{doctor.id}/call-next", data={"at": location.id})
    assert answer.location == "/queue/"
    assert token.status == "CALLED"
    assert "A-01: Called" in desk.get("/queue/").text
    desk.post(f"/queue/tokens/{token.id}/skip")
    assert token.status == "SKIPPED"
    assert "Nobody waits" in desk.post(f"/queue/{doctor.id}/call-next", follow_redirects=True).text


def test_a_call_keeps_the_choice_of_location_and_takes_the_queue_that_was_pressed(
    visitor: Callable[..., Any],
) -> None:
    here, there, doctor, desk = make_location(), make_location(), make_doctor(), visitor("RECEPTIONIST")
    first, second = make_token(doctor, here), make_token(doctor, there)
    page = desk.get("/queue/").text
    assert f'name="location" value=""><input type="hidden" name="at" value="{there.id}"' in page
    assert desk.post(f"/queue/{doctor.id}/call-next", data={"at": there.id}).location == "/queue/"
    assert (first.status, second.status) == ("WAITING", "CALLED")
    chosen = {"at": here.id, "location": here.id}
    assert desk.post(f"/queue/{doctor.id}/call-next", data=chosen).location == f"/queue/?location={here.id}"


def test_who_is_called_stands_above_who_waits_and_who_was_put_aside_below(visitor: Callable[..., Any]) -> None:
    doctor, location, desk = make_doctor(), make_location(), visitor("RECEPTIONIST")
    held, inside, waiting, emergency = (make_token(doctor, location) for _ in range(4))
    for token, move in ((held, "hold"), (inside, "call")):
        desk.post(f"/queue/tokens/{token.id}/{move}")
    desk.post(f"/queue/tokens/{emergency.id}/class", data={"priority": int(PriorityClass.EMERGENCY)})
    shown = re.findall(r'class="row-link"[^>]*>([^<]+)<', desk.get("/queue/").text)
    assert shown == [token.number for token in (inside, emergency, waiting, held)]


def test_a_move_that_is_not_possible_is_told(visitor: Callable[..., Any]) -> None:
    token, desk = make_token(make_doctor(), make_location()), visitor("RECEPTIONIST")
    answer = desk.post(f"/queue/tokens/{token.id}/recall", follow_redirects=True)
    assert "has not been called yet" in answer.text
    assert desk.post(f"/queue/tokens/{token.id}/juggle").status_code == 404


def test_the_list_alone_is_what_the_page_takes_in(visitor: Callable[..., Any]) -> None:
    here, there, doctor = make_location(), make_location(), make_doctor()
    make_token(doctor, here)
    make_token(doctor, there)
    make_token(doctor, there)
    part = visitor("NURSE").get("/queue/list", query_string={"location": there.id}).text
    assert "<html" not in part
    assert part.count('class="row-link"') == 2


def test_the_board_has_numbers_and_no_names(visitor: Callable[..., Any]) -> None:
    location, doctor = make_location(), make_doctor(last_name="Rao")
    token = make_token(doctor, location, patient_id=make_patient(first_name="Zubeida").id)
    make_token(doctor, location)
    nurse = visitor("NURSE")
    nurse.post(f"/queue/{doctor.id}/call-next")
    page = nurse.get(f"/board/{location.id}").text
    assert ("Dr Rao" in page, f">{token.number}<" in page, "A-02" in page) == (True, True, True)
    assert "Zubeida" not in page
    visitor("RECEPTIONIST").post(f"/queue/{doctor.id}/call-next")
    page = nurse.get(f"/board/{location.id}").text
    assert ('board-now">A-02<' in page, f"<li>{token.number}<span>Called<" in page) == (True, True)
    assert nurse.get("/board/").location == f"/board/{location.id}"
    make_location()
    assert location.name in nurse.get("/board/").text
    assert nurse.get(f"/board/{new_id()}").status_code == 404


@pytest.mark.parametrize(
    ("role", "queue", "board"),
    [("DOCTOR", 200, 200), ("SYSTEM_AUDITOR", 200, 200), ("PATIENT", 403, 403), ("ACCOUNTANT", 403, 403)],
)
def test_who_sees_the_pages(visitor: Callable[..., Any], role: str, queue: int, board: int) -> None:
    location, person = make_location(), visitor(role)
    assert person.get("/queue/").status_code == queue
    assert person.get(f"/board/{location.id}").status_code == board


def test_who_may_move_tokens_on_the_page(visitor: Callable[..., Any]) -> None:
    token = make_token(make_doctor(), make_location())
    auditor = visitor("SYSTEM_AUDITOR")
    assert auditor.post(f"/queue/tokens/{token.id}/skip").status_code == 403
    assert auditor.post(f"/queue/{token.doctor_id}/call-next").status_code == 403
    assert token.status == "WAITING"


def test_a_patient_sees_their_own_tokens(visitor: Callable[..., Any]) -> None:
    doctor, location, me = make_doctor(), make_location(), make_patient()
    other, mine = make_token(doctor, location), make_token(doctor, location, patient_id=me.id)
    page = visitor("PATIENT", patient_id=me.id).get("/queuetokenview/list/").text
    assert (mine.number in page, other.number in page) == (True, False)


def test_another_clinics_pages_are_not_found(other_clinic: Clinic, visitor: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        doctor, location = make_doctor(), make_location()
        token = make_token(doctor, location)
        ids = {"doctor": doctor.id, "location": location.id, "token": token.id}
    admin = visitor("CLINIC_ADMIN")
    assert admin.get(f"/board/{ids['location']}").status_code == 404
    assert admin.post(f"/queue/{ids['doctor']}/call-next").status_code == 404
    assert admin.post(f"/queue/tokens/{ids['token']}/skip").status_code == 404
    assert ids["token"] not in admin.get("/queue/", query_string={"location": ids["location"]}).text


def test_a_click_is_undone_where_it_was_made(visitor: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    token, desk = make_token(doctor, location), visitor("RECEPTIONIST")
    assert "Undo" not in desk.get("/queue/").text
    desk.post(f"/queue/tokens/{token.id}/leave")
    page = desk.get("/queue/").text
    assert f'aria-label="Undo {token.number}: Left"' in page
    desk.post(f"/queue/tokens/{token.id}/undo")
    db.session.refresh(token)
    assert (token.status, "Undo" in desk.get("/queue/list").text) == ("WAITING", False)


def test_a_patient_is_sent_on_from_the_page(visitor: Callable[..., Any]) -> None:
    here, there, other = make_location(), make_location(), make_doctor(last_name="Sen")
    token, desk = make_token(make_doctor(), here), visitor("RECEPTIONIST")
    page = desk.get(f"/queue/tokens/{token.id}/transfer").text
    assert (other.name in page, there.name in page) == (True, True)
    desk.post(f"/queue/tokens/{token.id}/transfer", data={"doctor": other.id, "to": there.id, "note": "X-ray"})
    after = db.session.scalars(select(QueueToken).where(QueueToken.came_from_id == token.id)).one()
    assert (after.doctor_id, after.location_id, after.status) == (other.id, there.id, "WAITING")
    same = desk.post(
        f"/queue/tokens/{after.id}/transfer", data={"doctor": other.id, "to": there.id}, follow_redirects=True
    )
    assert "Choose another doctor" in same.text
    assert visitor("SYSTEM_AUDITOR").get(f"/queue/tokens/{after.id}/transfer").status_code == 403


def test_long_waits_are_coloured_by_the_clinics_thresholds(visitor: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    for minutes in (1, 20, 40):
        with clock.travel(timedelta(minutes=-minutes)):
            make_token(doctor, location)
    page = visitor("NURSE").get("/queue/").text
    assert re.findall(r'class="pill (ok|warn|bad)">(\d+)', page) == [("bad", "40"), ("warn", "20"), ("ok", "1")]


@pytest.mark.parametrize(("role", "listed"), [("RECEPTIONIST", True), ("DOCTOR", True), ("ACCOUNTANT", False)])
def test_the_board_is_in_the_menu_of_those_who_may_open_it(
    visitor: Callable[..., Any], role: str, listed: bool
) -> None:
    menu = visitor(role).get("/profile/").text.partition("<main")[0]
    assert ('href="/board/"' in menu) == listed


def test_the_board_speaks_the_clinics_languages(visitor: Callable[..., Any]) -> None:
    location = make_location()
    page = visitor("NURSE").get(f"/board/{location.id}").text
    words = json.loads(page.split('id="board">')[1].split("</script>")[0])
    assert [voice["language"] for voice in words["voices"]] == ["en-IN", "hi-IN"]
    assert words["voices"][0]["call"] == "Number {number}, {doctor}, please."
    assert "{number}" in words["voices"][1]["call"]
    assert words["voices"][1]["call"] != words["voices"][0]["call"]


def test_waits_are_told_again_without_a_move(app: Any, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor, location = make_doctor(), make_location()
    for _ in range(2):
        make_token(doctor, location)
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(app.extensions["socketio"], "emit", lambda name, data, **_: told.append((name, data)))
    assert tell_waits_again() >= 1
    states = [data for name, data in told if name == "queue" and data["doctorId"] == doctor.id]
    assert {state["locationId"] for state in states} == {None, location.id}
    assert {(state["revision"], state["previous"]) for state in states} == {(2, None)}
