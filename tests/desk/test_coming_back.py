"""A patient who was checked in and went away is checked in again at the desk."""

from __future__ import annotations

from app.core.transaction import unit_of_work
from app.queueing.services import arrive, leave
from app.scheduling.models import Appointment
from tests.desk.conftest import Screen, words

AGAIN = "Check in again"


def test_who_went_away_is_checked_in_again(desk: Screen, visit: Appointment) -> None:
    path = f"/desk/visits/{visit.id}"
    assert AGAIN not in words(desk.piece(path))
    with unit_of_work():
        token = arrive(visit.id)[1]
    assert AGAIN not in words(desk.piece(path))
    with unit_of_work():
        leave(token.id)
    assert AGAIN in words(desk.piece(path))
    answer = desk.send(f"{path}/check-in")
    assert answer.status_code == 200
    assert AGAIN not in words(answer)
    assert token.number in words(desk.piece("/desk/queue"))
