"""A doctor's leave: every visit in it is settled once, whoever dies on the way, and nothing is booked into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Invalid
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.jobs.models import JobRun
from app.jobs.services import work_on
from app.payments.models import Refund
from app.people.models import Doctor
from app.scheduling.models import Appointment, DoctorLeave, LeaveAction, LeaveVisit
from app.scheduling.queries import history_of, lock_appointment
from app.scheduling.services import SlotTaken, cancel_appointment
from app.scheduling.services import leave_plans as plans
from app.scheduling.services.leave_choices import choices
from app.scheduling.services.leave_plans import Decision, VisitsChanged, leave_visits, plan_leave
from tests.factories.access import make_member
from tests.factories.billing import collect, make_priced_doctor, rupees
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

NINE, NOON = local(tomorrow(), 9), local(tomorrow(), 12)
CANCEL, MOVE, KEEP = LeaveAction.CANCEL, LeaveAction.MOVE, LeaveAction.KEEP


@pytest.fixture
def doctor() -> Doctor:
    return make_open_doctor()


def booked(doctor: Doctor, *hours: int) -> list[Appointment]:
    return [make_appointment(doctor, starts_at=local(tomorrow(), hour)) for hour in hours]


def planned(doctor: Doctor, *decisions: Decision) -> DoctorLeave:
    with unit_of_work():
        return plan_leave(doctor.id, NINE, NOON, decisions)[0]


def work(leave: DoctorLeave) -> JobRun:
    run_id = leave_visits(leave.id)[0].job_run_id
    assert run_id is not None
    work_on(run_id)
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(JobRun, run_id)


def test_only_visits_that_meet_the_time_and_have_not_begun_are_asked_about(doctor: Doctor) -> None:
    before, first, last, after = booked(doctor, 8, 9, 11, 12)
    over = booked(doctor, 10)[0]
    with unit_of_work():
        over.status = "COMPLETED"
    booked(make_open_doctor(), 10)
    assert [item.visit.id for item in choices(doctor.id, NINE, NOON)] == [first.id, last.id]
    assert {before.status, after.status} == {"SCHEDULED"}


def test_each_visit_is_proposed_a_slot_of_its_own_and_a_free_colleague() -> None:
    place = make_location()
    doctor, colleague = make_open_doctor(place), make_open_doctor(place)
    booked(doctor, 9, 10)
    booked(colleague, 9)
    nine, ten = choices(doctor.id, NINE, NOON)
    assert [target.starts_at for target in (nine.targets[0], ten.targets[0])] == [NOON, NOON + timedelta(minutes=15)]
    assert [target.doctor.id for target in nine.targets] == [doctor.id]
    assert [(t.doctor.id, t.starts_at) for t in ten.targets[1:]] == [(colleague.id, local(tomorrow(), 10))]


def test_visits_are_moved_called_off_or_kept_as_decided(doctor: Doctor, acting: Callable[..., Any]) -> None:
    moved, called_off, kept = booked(doctor, 9, 10, 11)
    with acting("CLINIC_ADMIN"):
        leave = planned(
            doctor,
            Decision(moved.id, MOVE, doctor.id, local(tomorrow(), 14)),
            Decision(called_off.id, CANCEL),
            Decision(kept.id, KEEP),
        )
        run = work(leave)
    assert (run.status, run.done_count, run.failed_count) == ("DONE", 2, 0)
    assert (moved.starts_at, kept.starts_at) == (local(tomorrow(), 14), local(tomorrow(), 11))
    assert (called_off.status, called_off.cancelled_reason) == ("CANCELLED", "DOCTOR_UNAVAILABLE")
    assert history_of(moved.id)[-1].reason == "The doctor is on leave."
    assert {row.status for row in leave_visits(leave.id)} == {"DONE"}


@pytest.mark.parametrize("doctor_id", ["nobody", "01a1fe2a-c7f5-7072-b326-318d5fb9e021"])
def test_nobody_moves_to_a_doctor_who_does_not_exist(doctor: Doctor, doctor_id: str) -> None:
    (visit,) = booked(doctor, 9)
    with pytest.raises(Invalid):
        planned(doctor, Decision(visit.id, MOVE, doctor_id, NOON))
    assert db.session.scalars(select(DoctorLeave)).all() == []


def test_nothing_is_booked_into_the_leave(doctor: Doctor) -> None:
    planned(doctor)
    with pytest.raises(SlotTaken):
        booked(doctor, 10)


def test_who_decided_about_other_visits_looks_again(doctor: Doctor) -> None:
    first, _second = booked(doctor, 9, 10)
    with pytest.raises(VisitsChanged):
        planned(doctor, Decision(first.id, CANCEL))
    assert db.session.scalars(select(DoctorLeave)).all() == []


def test_a_slot_that_is_taken_meanwhile_is_told_and_holds_up_no_other(doctor: Doctor) -> None:
    first, second = booked(doctor, 9, 10)
    three = local(tomorrow(), 15)
    leave = planned(doctor, Decision(first.id, MOVE, doctor.id, three), Decision(second.id, CANCEL))
    make_appointment(doctor, starts_at=three)
    run = work(leave)
    assert (run.done_count, run.failed_count) == (1, 1)
    failed, done = leave_visits(leave.id)
    assert (failed.status, "taken" in failed.problem, done.status) == ("FAILED", True, "DONE")
    assert (first.status, first.starts_at, second.status) == ("SCHEDULED", NINE, "CANCELLED")


def test_a_visit_that_its_patient_called_off_meanwhile_is_left_alone(doctor: Doctor) -> None:
    (visit,) = booked(doctor, 9)
    leave = planned(doctor, Decision(visit.id, CANCEL))
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "PATIENT_REQUEST")
    assert work(leave).failed_count == 0
    assert visit.cancelled_reason == "PATIENT_REQUEST"


def test_a_worker_that_dies_is_followed_by_one_that_repeats_nothing(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of the third of five: two stay done, three are done by the next, each once."""
    visits = [make_appointment(doctor, starts_at=NINE + timedelta(minutes=15 * n)) for n in range(5)]
    leave = planned(doctor, *(Decision(visit.id, CANCEL) for visit in visits))
    settle, seen = plans._settle, []

    def dying(row: LeaveVisit) -> str:
        seen.append(row.appointment_id)
        answer = settle(row)
        if len(seen) == 3:
            raise SystemExit  # after the work, before its commit
        return answer

    monkeypatch.setattr(plans, "_settle", dying)
    with pytest.raises(SystemExit):
        work(leave)
    db.session.rollback()
    db.session.expire_all()
    assert [visit.status for visit in visits] == ["CANCELLED"] * 2 + ["SCHEDULED"] * 3
    run = work(leave)
    assert (run.status, run.done_count) == ("DONE", 5)
    assert [len([1 for step in history_of(visit.id) if step.kind == "CANCELLED"]) for visit in visits] == [1] * 5


@pytest.mark.parametrize(("role", "status"), [("CLINIC_ADMIN", {"SETTLED"}), ("RECEPTIONIST", {"REQUESTED"})])
def test_what_was_paid_goes_back_as_far_as_who_orders_it_may(
    in_clinic: Any, acting: Callable[..., Any], role: str, status: set[str]
) -> None:
    doctor = make_priced_doctor("800.00")
    visit = make_appointment(doctor, starts_at=NINE)
    collect(visit)
    assert choices(doctor.id, NINE, NOON)[0].paid == rupees("800.00")
    person = make_member(in_clinic.id, role)
    with acting(role, person.id):
        leave = planned(doctor, Decision(visit.id, CANCEL, refund=True))
    assert work(leave).failed_count == 0
    refunds = db.session.scalars(select(Refund)).all()
    assert ({refund.status for refund in refunds}, visit.status) == (status, "CANCELLED")
    assert refunds[0].requested_by_id == person.id


def test_who_may_not_ask_for_refunds_orders_none(acting: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    (visit,) = booked(doctor, 9)
    with acting("DOCTOR"), pytest.raises(Invalid):
        planned(doctor, Decision(visit.id, CANCEL, refund=True))


# ---- on screen and by API ----


def typed(hour: int) -> str:
    return f"{tomorrow().isoformat()}T{hour:02d}:00"


def test_one_screen_shows_the_visits_takes_the_decisions_and_follows_them(
    doctor: Doctor, visitor: Callable[..., Any]
) -> None:
    first, second = booked(doctor, 9, 10)
    admin = visitor("CLINIC_ADMIN")
    asked = {"doctor": doctor.id, "starts_at": typed(9), "ends_at": typed(12), "reason": "Conference"}
    page = admin.get("/leave/", query_string=asked).text
    assert first.patient.name in page and f"MOVE {doctor.id} {NOON.isoformat()}" in page
    answer = admin.post(
        "/leave/",
        data={**asked, f"visit-{first.id}": f"MOVE {doctor.id} {NOON.isoformat()}", f"visit-{second.id}": "CANCEL"},
    )
    assert answer.status_code == 302, answer.text
    leave = db.session.scalars(select(DoctorLeave)).one()
    assert (leave.reason, leave.starts_at) == ("Conference", NINE)
    work(leave)
    assert (first.starts_at, second.status) == (NOON, "CANCELLED")
    assert "Conference" not in admin.get(f"/leave/{leave.id}").text
    assert f'<time datetime="{NINE.isoformat()}">' in admin.get("/leave/").text.partition("Latest leave")[2]
    assert admin.post(f"/leave/{leave.id}/cancel").status_code == 302
    booked(doctor, 10)


def test_a_visit_that_is_booked_while_somebody_decides_is_shown_to_them(
    doctor: Doctor, visitor: Callable[..., Any]
) -> None:
    (first,) = booked(doctor, 9)
    asked = {"doctor": doctor.id, "starts_at": typed(9), "ends_at": typed(12)}
    (late,) = booked(doctor, 11)
    answer = visitor("CLINIC_ADMIN").post("/leave/", data={**asked, f"visit-{first.id}": "CANCEL"})
    assert (answer.status_code, "changed meanwhile" in answer.text, late.id in answer.text) == (422, True, True)


def test_roles(visitor: Callable[..., Any]) -> None:
    assert visitor("NURSE").get("/leave/").status_code == 403
    assert visitor("SYSTEM_AUDITOR").get("/leave/").status_code == 200
    assert visitor("CLINIC_ADMIN").get("/leavevisitview/list/").status_code == 200


def test_who_may_only_look_is_not_asked_for_a_time(doctor: Doctor, visitor: Callable[..., Any]) -> None:
    desk = visitor("RECEPTIONIST")
    assert "Nothing here yet" in desk.get("/leave/").text
    with unit_of_work():
        leave, _run = plan_leave(doctor.id, NINE, NOON, [], reason="Conference")
    page = desk.get("/leave/").text
    assert f"/leave/{leave.id}" in page
    assert "Look for visits" not in page
    assert "Look for visits" in visitor("DOCTOR", doctor_id=doctor.id).get("/leave/").text
    assert desk.post("/leave/", data={"doctor": doctor.id, "starts_at": NINE, "ends_at": NOON}).status_code in (
        403,
        422,
    )


def test_the_api_previews_plans_and_tells(doctor: Doctor, caller: Callable[..., Any]) -> None:
    (visit,) = booked(doctor, 9)
    me = caller("DOCTOR", doctor_id=doctor.id)
    time = {"doctorId": doctor.id, "startsAt": NINE.isoformat(), "endsAt": NOON.isoformat()}
    (shown,) = me.post("/leave-plans/preview", json=time).json["visits"]
    assert shown["targets"] == [{"doctorId": doctor.id, "startsAt": NOON.isoformat()}]
    decision = {"appointmentId": visit.id, "action": "MOVE", **shown["targets"][0]}
    assert me.post("/leave-plans", json=time).json["error"]["code"] == "VISITS_CHANGED"
    made = me.post("/leave-plans", json={**time, "visits": [decision]})
    assert (made.status_code, made.json["job"]["status"]) == (201, "QUEUED")
    work(db.session.get_one(DoctorLeave, made.json["id"]))
    told = me.get(f"/leave-plans/{made.json['id']}").json
    assert (told["job"]["done"], told["visits"][0]["status"], visit.starts_at) == (1, "DONE", NOON)
    other = caller("DOCTOR", doctor_id=make_open_doctor().id)
    assert other.post("/leave-plans", json=time).status_code == 403
