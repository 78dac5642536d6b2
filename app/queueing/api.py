"""The live queue's JSON API, and check-in (SPEC 8, 20)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from app.core.api import Api, Body, endpoint
from app.core.principal import own_patient_id
from app.queueing.models import PriorityClass, QueueToken
from app.queueing.queries import QueueState, board_state, my_tokens, queue_state
from app.queueing.queries.queues import patient_names, position_of
from app.queueing.services import (
    arrive,
    call_next,
    call_token,
    check_in_code,
    done,
    hold,
    issue_walk_in,
    leave,
    put_back,
    recall,
    resume,
    serve,
    set_class,
    skip,
    transfer,
    undo,
)
from app.scheduling.queries import get_appointment
from app.scheduling.services.check_in_codes import address_of, end_of_day, qr_svg

Id = Annotated[str, StringConstraints(to_lower=True, pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Priority = Literal["EMERGENCY", "ELDERLY", "DISABLED", "BOOKED", "WALK_IN"]
TOKEN = "/queues/tokens/<id:token_id>"  # noqa: S105  # a place in a queue, not a secret


class CheckIn(Body):
    priority: Priority | None = Field(None, description="BOOKED if left out, ELDERLY from 65 years.")


class WalkIn(Body):
    patient_id: Id
    location_id: Id
    priority: Priority = "WALK_IN"


class Call(Body):
    location_id: Id | None = Field(None, description="Only patients who wait at this location.")


class Note(Body):
    note: str = Field("", max_length=200)


class Reclassing(Body):
    priority: Priority
    note: str = Field("", max_length=200)


class Transfer(Body):
    doctor_id: Id
    location_id: Id | None = Field(None, description="Where the patient is now, unless given.")
    note: str = Field("", max_length=200)


class QueueQuery(Body):
    location_id: Id | None = None


class BoardQuery(Body):
    location_id: Id


class QueueApi(Api):
    """Tokens: who waits, who is next."""

    openapi_tag = "Queue"

    @endpoint(
        "POST", "/appointments/<id:appointment_id>/check-in", resource="appointment", action="check-in", body=CheckIn
    )
    def check_in(self, appointment_id: str, body: CheckIn) -> dict[str, Any]:
        """Check a visit in and give its token; a second call answers the same token."""
        visit, token = arrive(appointment_id, PriorityClass[body.priority] if body.priority else None)
        return {"id": visit.id, "status": visit.status, "token": _show(token)}

    @endpoint("GET", "/appointments/<id:appointment_id>/check-in-code", resource="appointment", action="read")
    def code(self, appointment_id: str) -> dict[str, Any]:
        """The signed code that checks the visit in at a kiosk, until the end of its day, with its QR code as SVG."""
        visit = get_appointment(appointment_id)
        code = check_in_code(visit)
        expires_at = end_of_day(visit.starts_at)
        return {"code": code, "address": address_of(code), "expiresAt": expires_at, "svg": str(qr_svg(code))}

    @endpoint("GET", "/queues/me", resource="queue", action="read")
    def mine(self) -> dict[str, Any]:
        """My tokens of today: how many are before me, and who is called now."""
        return {"items": [_show_mine(*item) for item in my_tokens()], "nextCursor": None}

    @endpoint("GET", "/queues/board", resource="queue", action="board", query=BoardQuery)
    def board(self, query: BoardQuery) -> dict[str, Any]:
        """What the waiting room of a location shows."""
        return board_state(query.location_id)

    @endpoint("GET", "/queues/<id:doctor_id>", resource="queue", action="read", query=QueueQuery)
    def queue(self, doctor_id: str, query: QueueQuery) -> dict[str, Any]:
        """A doctor's queue of today; a PATIENT sees numbers only."""
        state = queue_state(doctor_id, query.location_id)
        return state.to_json() if own_patient_id() is not None else _show_with_names(state)

    @endpoint("POST", "/queues/<id:doctor_id>/call-next", resource="queue", action="call", body=Call, idempotent=True)
    def call_next(self, doctor_id: str, body: Call) -> dict[str, Any]:
        """Call the next patient; whom the caller had before is served."""
        token = call_next(doctor_id, body.location_id)
        return {"token": None if token is None else _show(token)}

    @endpoint(
        "POST",
        "/queues/<id:doctor_id>/tokens",
        resource="queue",
        action="update",
        body=WalkIn,
        status=201,
        idempotent=True,
    )
    def walk_in(self, doctor_id: str, body: WalkIn) -> dict[str, Any]:
        """A token for a patient without a visit."""
        return _show(issue_walk_in(doctor_id, body.location_id, body.patient_id, PriorityClass[body.priority]))

    @endpoint("POST", f"{TOKEN}/call", resource="queue", action="call")
    def call(self, token_id: str) -> dict[str, Any]:
        """Call one who waits out of turn."""
        return _show(call_token(token_id))

    @endpoint("POST", f"{TOKEN}/recall", resource="queue", action="call")
    def recall(self, token_id: str) -> dict[str, Any]:
        """Call the same patient again."""
        return _show(recall(token_id))

    @endpoint("POST", f"{TOKEN}/skip", resource="queue", action="update")
    def skip(self, token_id: str) -> dict[str, Any]:
        """The patient did not come when called."""
        return _show(skip(token_id))

    @endpoint("POST", f"{TOKEN}/hold", resource="queue", action="update", body=Note)
    def hold(self, token_id: str, body: Note) -> dict[str, Any]:
        """The patient waits for something else first."""
        return _show(hold(token_id, body.note))

    @endpoint("POST", f"{TOKEN}/resume", resource="queue", action="update")
    def resume(self, token_id: str) -> dict[str, Any]:
        """A held patient waits again, in the old place."""
        return _show(resume(token_id))

    @endpoint("POST", f"{TOKEN}/priority", resource="queue", action="update", body=Reclassing)
    def reclass(self, token_id: str, body: Reclassing) -> dict[str, Any]:
        """Call somebody who waits earlier, or later."""
        return _show(set_class(token_id, PriorityClass[body.priority], body.note))

    @endpoint("POST", f"{TOKEN}/transfer", resource="queue", action="update", body=Transfer)
    def transfer(self, token_id: str, body: Transfer) -> dict[str, Any]:
        """Send a patient to another doctor's queue; answers the token that they have there."""
        return _show(transfer(token_id, body.doctor_id, body.location_id, body.note))

    @endpoint("POST", f"{TOKEN}/undo", resource="queue", action="update")
    def undo(self, token_id: str) -> dict[str, Any]:
        """Take the last move back, with what the same click did to other tokens."""
        return _show(undo(token_id))

    @endpoint("POST", f"{TOKEN}/return", resource="queue", action="update")
    def put_back(self, token_id: str) -> dict[str, Any]:
        """The patient waits again, in the old place."""
        return _show(put_back(token_id))

    @endpoint("POST", f"{TOKEN}/serve", resource="queue", action="update")
    def serve(self, token_id: str) -> dict[str, Any]:
        """The patient is with the doctor; a visit that is checked in begins."""
        return _show(serve(token_id))

    @endpoint("POST", f"{TOKEN}/done", resource="queue", action="update")
    def done(self, token_id: str) -> dict[str, Any]:
        """The patient is through."""
        return _show(done(token_id))

    @endpoint("POST", f"{TOKEN}/leave", resource="queue", action="update")
    def leave(self, token_id: str) -> dict[str, Any]:
        """The patient went away."""
        return _show(leave(token_id))


def _show(token: QueueToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "number": token.number,
        "status": token.status,
        "position": position_of(token),
        "priority": PriorityClass(token.priority).name,
        "doctorId": token.doctor_id,
        "locationId": token.location_id,
        "appointmentId": token.appointment_id,
        "patientId": token.patient_id,
        "calls": token.calls,
        "cameFromId": token.came_from_id,
    }


def _show_mine(token: QueueToken, state: QueueState, doctor: str) -> dict[str, Any]:
    """As the socket's event "token" tells it, with the doctor's name."""
    return {**state.of_patient(token), "doctorName": doctor}


def _show_with_names(state: QueueState) -> dict[str, Any]:
    names = patient_names(state)
    tokens = [
        {
            "id": row.id,
            "number": row.number,
            "status": row.status,
            "position": state.positions.get(row.id),
            "waitMinutes": state.wait_of(row.id),
            "priority": PriorityClass(row.priority).name,
            "patientId": row.patient_id,
            "patientName": names[row.patient_id],
            "appointmentId": row.appointment_id,
            "arrivedAt": row.arrived_at,
            "calledAt": row.called_at,
            "calls": row.calls,
        }
        for row in state.rows
    ]
    return {**state.to_json(), "tokens": tokens}
