"""A doctor's hours, their exceptions, and the slots that come of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import clock
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.scheduling.queries import find_leave, slots
from app.scheduling.services import cancel_leave
from app.tenancy.models import Clinic
from tests.daytime import ZONE_NAME
from tests.factories.catalog import make_price, make_service
from tests.factories.people import make_doctor
from tests.factories.scheduling import (
    ZONE,
    make_appointment,
    make_doctor_leave,
    make_exception,
    make_location,
    make_open_doctor,
    make_room,
    make_rule,
    tomorrow,
)

pytestmark = pytest.mark.usefixtures("in_clinic")


def weekly(location: Any, **more: Any) -> dict[str, Any]:
    return {"weekday": 0, "opens": "09:00", "closes": "12:00", "locationId": location.id, **more}


def starts(doctor: Any, day: date, zone: ZoneInfo = ZONE, **more: Any) -> list[str]:
    found = slots(doctor.id, day, **{"type": "IN_PERSON", **more})
    return [f"{slot.starts_at.astimezone(zone):%H:%M}" for slot in found]


def morning_doctor(location: Any = None, **hours: Any) -> Any:
    """Open tomorrow from nine to ten in quarters of an hour."""
    doctor = make_doctor()
    make_rule(doctor, location or make_location(), tomorrow().weekday(), **{"closes": time(10), **hours})
    return doctor


def test_the_weekly_plan_is_replaced_as_a_whole(caller: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    admin, path = caller("CLINIC_ADMIN"), f"/doctors/{doctor.id}/availability"
    first = admin.put(path, json={"weekly": [weekly(location), weekly(location, opens="14:00", closes="17:00")]})
    assert [item["opens"] for item in first.json["weekly"]] == ["09:00", "14:00"]
    second = admin.put(path, json={"weekly": [weekly(location, weekday=4, slotMinutes=30, types=["VIDEO_CALL"])]})
    (rule,) = second.json["weekly"]
    assert (rule["weekday"], rule["slotMinutes"], rule["types"]) == (4, 30, ["VIDEO_CALL"])
    assert admin.get(path).json["weekly"] == second.json["weekly"]
    assert admin.put(path, json={}).json["weekly"] == second.json["weekly"]


def test_exceptions_are_replaced_and_holidays_stay(caller: Callable[..., Any]) -> None:
    doctor, day = make_doctor(), tomorrow()
    make_exception(None, "REMOVE", day, reason="Diwali")
    admin, path = caller("CLINIC_ADMIN"), f"/doctors/{doctor.id}/availability"
    leave = {"kind": "REMOVE", "startsOn": str(day), "endsOn": str(day + timedelta(days=9)), "reason": "Leave"}
    shown = admin.put(path, json={"exceptions": [leave]}).json["exceptions"]
    assert [(item["reason"], item["holiday"]) for item in shown] == [("Diwali", True), ("Leave", False)]
    shown = admin.put(path, json={"exceptions": []}).json["exceptions"]
    assert [item["reason"] for item in shown] == ["Diwali"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weekday": 7}, "weekly.0.weekday"),
        ({"closes": "09:00"}, "weekly.0.closes"),
        ({"opens": "25:00"}, "weekly.0.opens"),
        ({"slotMinutes": 1}, "weekly.0.slotMinutes"),
        ({"capacity": 0}, "weekly.0.capacity"),
        ({"types": []}, "weekly.0.types"),
        ({"types": ["PHONE"]}, "weekly.0.types.0"),
        ({"locationId": new_id()}, "weekly.0.locationId"),
        ({"roomId": new_id()}, "weekly.0.roomId"),
        ({"validFrom": "2030-02-01", "validUntil": "2030-01-01"}, "weekly.0.validUntil"),
    ],
)
def test_hours_that_make_no_sense_are_refused(caller: Callable[..., Any], change: dict[str, Any], field: str) -> None:
    doctor, location = morning_doctor(), make_location()
    admin, path = caller("CLINIC_ADMIN"), f"/doctors/{doctor.id}/availability"
    before = admin.get(path).json
    answer = admin.put(path, json={"weekly": [weekly(location, **change)]})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])
    assert admin.get(path).json == before


def test_hours_that_overlap_are_refused(caller: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    admin, path = caller("CLINIC_ADMIN"), f"/doctors/{doctor.id}/availability"
    twice = [weekly(location), weekly(make_location(), opens="11:00", closes="13:00")]
    assert "weekly.1.opens" in admin.put(path, json={"weekly": twice}).json["error"]["fields"]
    seasons = [weekly(location, validUntil="2030-05-31"), weekly(location, opens="10:00", validFrom="2030-06-01")]
    assert admin.put(path, json={"weekly": seasons}).status_code == 200


def test_a_location_of_another_clinic_is_unknown(other_clinic: Clinic, caller: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        foreign = weekly(make_location())
    path = f"/doctors/{make_doctor().id}/availability"
    answer = caller("CLINIC_ADMIN").put(path, json={"weekly": [foreign]})
    assert answer.json["error"]["fields"] == {"weekly.0.locationId": "Unknown location."}


@pytest.mark.parametrize(
    ("role", "status"), [("CLINIC_ADMIN", 200), ("DOCTOR", 403), ("RECEPTIONIST", 403), ("PATIENT", 403)]
)
def test_who_may_change_hours(caller: Callable[..., Any], role: str, status: int) -> None:
    path = f"/doctors/{make_doctor().id}/availability"
    assert caller(role).put(path, json={"weekly": []}).status_code == status


def test_a_doctor_changes_their_own_hours_only(caller: Callable[..., Any]) -> None:
    own, other = make_open_doctor(), make_open_doctor()
    doctor, nothing = caller("DOCTOR", doctor_id=own.id), {"weekly": [], "exceptions": []}
    assert doctor.put(f"/doctors/{own.id}/availability", json=nothing).json["weekly"] == []
    assert doctor.put(f"/doctors/{other.id}/availability", json=nothing).status_code == 403
    assert len(doctor.get(f"/doctors/{other.id}/availability").json["weekly"]) == 7


def test_leave_takes_the_time_with_its_buffers_and_gives_it_back(caller: Callable[..., Any]) -> None:
    doctor = morning_doctor()
    make_price(make_service(buffer_before_minutes=5), "500")
    ends = datetime.combine(tomorrow(), time(9, 15), ZONE)
    leave = make_doctor_leave(doctor, ends_at=ends, reason="Court")
    assert starts(doctor, tomorrow()) == ["09:30", "09:45"]
    shown = caller("RECEPTIONIST").get(f"/doctors/{doctor.id}/availability").json["leave"]
    assert [(item["id"], datetime.fromisoformat(item["endsAt"])) for item in shown] == [(leave.id, ends)]
    with unit_of_work():
        cancel_leave(db.session.merge(leave))
    assert starts(doctor, tomorrow()) == ["09:00", "09:15", "09:30", "09:45"]
    assert find_leave(doctor.id, ends - timedelta(days=1), ends) == []


def test_leave_that_ends_before_it_begins_is_refused() -> None:
    now = clock.now()
    with pytest.raises(Invalid):
        make_doctor_leave(starts_at=now, ends_at=now)


def test_the_way_to_a_home_visit_is_kept_free(clinic: Clinic) -> None:
    doctor = make_doctor(types=["IN_PERSON", "HOME_VISIT"])
    make_rule(doctor, make_location(), tomorrow().weekday(), closes=time(11))
    make_appointment(doctor, starts_at=datetime.combine(tomorrow(), time(9), ZONE))
    assert starts(doctor, tomorrow())[0] == "09:15"
    assert starts(doctor, tomorrow(), type="HOME_VISIT")[0] == "09:45"


def test_an_overbooked_visit_keeps_its_time_when_the_other_is_cancelled(
    caller: Callable[..., Any], acting: Callable[..., Any]
) -> None:
    doctor = morning_doctor()
    first = make_appointment(doctor, starts_at=datetime.combine(tomorrow(), time(9), ZONE))
    with acting("CLINIC_ADMIN"):
        make_appointment(doctor, starts_at=first.starts_at, overbook_reason="Urgent")
    caller("RECEPTIONIST").delete(f"/appointments/{first.id}")
    assert starts(doctor, tomorrow()) == ["09:15", "09:30", "09:45"]


def test_holidays_over_the_api(caller: Callable[..., Any]) -> None:
    doctor, day, admin = make_open_doctor(), tomorrow(), caller("CLINIC_ADMIN")
    added = admin.post("/holidays", json={"startsOn": str(day), "reason": "Pongal"})
    assert (added.status_code, added.json["endsOn"], added.json["opens"]) == (201, str(day), None)
    assert starts(doctor, day) == []
    path = f"/holidays/{added.json['id']}"
    afternoon = {"startsOn": str(day), "opens": "12:00", "closes": "23:59", "reason": "Pongal"}
    assert admin.put(path, json=afternoon).json["opens"] == "12:00"
    assert starts(doctor, day)[-1] == "11:45"
    listed = caller("PATIENT").get(f"/holidays?from={day}&to={day}").json["items"]
    assert [item["reason"] for item in listed] == ["Pongal"]
    assert caller("PATIENT").get(f"/holidays?from={day + timedelta(days=1)}").json["items"] == []
    assert admin.delete(path).status_code == 204
    assert len(starts(doctor, day)) > 90
    assert admin.put(path, json=afternoon).status_code == 404


def test_holidays_are_for_whoever_runs_the_clinic(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    own = make_exception(doctor, "REMOVE", tomorrow())
    statuses = {role: caller(role).post("/holidays", json={"startsOn": str(tomorrow())}).status_code
                for role in ("LOCATION_HEAD", "DOCTOR", "RECEPTIONIST", "PATIENT")}  # fmt: skip
    assert statuses == {"LOCATION_HEAD": 201, "DOCTOR": 403, "RECEPTIONIST": 403, "PATIENT": 403}
    assert caller("CLINIC_ADMIN").delete(f"/holidays/{own.id}").status_code == 404


def test_slots_have_the_documented_shape(caller: Callable[..., Any]) -> None:
    location = make_location()
    doctor, day = morning_doctor(location), tomorrow()
    query = {"date": str(day), "days": 1, "type": "IN_PERSON"}
    items = caller("PATIENT").get(f"/doctors/{doctor.id}/slots", query_string=query).json["items"]
    assert len(items) == 4
    first = datetime.combine(day, time(9), ZONE)
    assert datetime.fromisoformat(items[0]["startsAt"]) == first
    assert datetime.fromisoformat(items[0]["endsAt"]) == first + timedelta(minutes=15)
    assert (items[0]["locationId"], items[0]["available"]) == (location.id, True)


@pytest.mark.parametrize("query", [{"days": 0}, {"days": 99}, {"type": "X"}, {"date": "soon"}, {"date": "9999-12-31"}])
def test_a_bad_question_for_slots_is_refused(caller: Callable[..., Any], query: dict[str, Any]) -> None:
    assert caller("PATIENT").get(f"/doctors/{new_id()}/slots", query_string=query).status_code == 422


def test_no_slot_of_an_unknown_doctor(caller: Callable[..., Any]) -> None:
    assert caller("PATIENT").get(f"/doctors/{new_id()}/slots").status_code == 404


def test_past_slots_of_today_are_not_offered() -> None:
    doctor = make_open_doctor()
    today = clock.today(ZONE_NAME)
    assert all(slot.starts_at > clock.now() for slot in slots(doctor.id, today, 1, "IN_PERSON"))


def test_booked_time_is_gone_and_comes_back(caller: Callable[..., Any]) -> None:
    doctor = morning_doctor()
    visit = make_appointment(doctor, starts_at=datetime.combine(tomorrow(), time(9, 15), ZONE))
    assert starts(doctor, tomorrow()) == ["09:00", "09:30", "09:45"]
    caller("RECEPTIONIST").delete(f"/appointments/{visit.id}")
    assert starts(doctor, tomorrow()) == ["09:00", "09:15", "09:30", "09:45"]


def test_an_exception_removes_part_of_a_day() -> None:
    doctor = morning_doctor()
    make_exception(doctor, "REMOVE", tomorrow(), opens=time(9, 20), closes=time(9, 30))
    assert starts(doctor, tomorrow()) == ["09:00", "09:30", "09:45"]


def test_leave_and_holidays_remove_days() -> None:
    doctor, other, day = make_open_doctor(), make_open_doctor(), tomorrow()
    make_exception(doctor, "REMOVE", day, ends_on=day + timedelta(days=1))
    make_exception(None, "REMOVE", day + timedelta(days=2))
    open_days = [bool(starts(doctor, day + timedelta(days=n))) for n in range(4)]
    assert open_days == [False, False, False, True]
    assert [bool(starts(other, day + timedelta(days=n))) for n in range(4)] == [True, True, False, True]


def test_an_exception_adds_time_even_on_a_closed_day() -> None:
    doctor, location = make_doctor(), make_location()
    make_exception(None, "REMOVE", tomorrow())
    hours = {"opens": time(18), "closes": time(19), "location_id": location.id, "slot_minutes": 30}
    make_exception(doctor, "ADD", tomorrow(), types=["IN_PERSON"], **hours)
    assert starts(doctor, tomorrow()) == ["18:00", "18:30"]
    assert starts(doctor, tomorrow(), type="VIDEO_CALL") == []


def test_slots_of_one_location_or_all() -> None:
    here, there, doctor = make_location(), make_location(), make_doctor()
    for location, opens in ((here, 9), (there, 15)):
        make_rule(doctor, location, tomorrow().weekday(), opens=time(opens), closes=time(opens, 30))
    assert starts(doctor, tomorrow()) == ["09:00", "09:15", "15:00", "15:15"]
    assert starts(doctor, tomorrow(), location_id=there.id) == ["15:00", "15:15"]


def test_hours_count_from_and_until_their_dates() -> None:
    day = tomorrow()
    assert starts(morning_doctor(valid_from=day + timedelta(days=1)), day) == []
    assert starts(morning_doctor(valid_until=day - timedelta(days=1)), day) == []
    assert len(starts(morning_doctor(valid_from=day, valid_until=day), day)) == 4


def test_a_room_that_is_taken_leaves_no_slot_in_person() -> None:
    location = make_location()
    room = make_room(location)
    doctor, other = (morning_doctor(location, room_id=room.id) for _ in range(2))
    make_appointment(other, starts_at=datetime.combine(tomorrow(), time(9, 30), ZONE))
    assert starts(doctor, tomorrow()) == ["09:00", "09:15", "09:45"]
    assert len(starts(doctor, tomorrow(), type="VIDEO_CALL")) == 4


def test_types_that_the_doctor_does_not_take_have_no_slots() -> None:
    doctor = morning_doctor()
    assert starts(doctor, tomorrow(), type="HOME_VISIT") == []


def test_the_clinics_zone_decides_on_the_day_when_clocks_change(clinic: Clinic) -> None:
    with all_tenants(), unit_of_work():
        db.session.get_one(Clinic, clinic.id).settings_json = {"zone": "America/New_York"}
    zone, doctor, spring = ZoneInfo("America/New_York"), make_doctor(), date(2027, 3, 14)
    make_rule(doctor, make_location(), spring.weekday(), opens=time(1), closes=time(4), slot_minutes=60)
    with clock.travel(to=datetime(2027, 3, 1, tzinfo=zone)):
        found = slots(doctor.id, spring, 1, "IN_PERSON")
    assert [slot.starts_at.isoformat() for slot in found] == ["2027-03-14T06:00:00+00:00", "2027-03-14T07:00:00+00:00"]
    assert [f"{slot.starts_at.astimezone(zone):%H:%M}" for slot in found] == ["01:00", "03:00"]
