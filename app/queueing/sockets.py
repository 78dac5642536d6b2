"""Who may listen to what on /live: queues, boards, and the topics that desk screens follow.

`subscribe` joins a room of the client's clinic and sends the present state at once, so that a client that reconnects is
shown the truth (SPEC QUE-4).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from flask_babel import gettext as _
from flask_socketio import emit, join_room, leave_room

from app.core.errors import BadRequest
from app.core.guests import declare_guest
from app.core.ids import is_id
from app.core.principal import own_patient_id, require
from app.core.sockets import clinic_room, on_live
from app.core.tenant import require_clinic
from app.queueing.models import WaitingBoard
from app.queueing.queries import QueueState, board_state, my_tokens, queue_state
from app.queueing.queries.queues import missed_moves
from app.queueing.services.moves import patient_room
from app.queueing.services.screens import screen_of_token

# Topic -> the resource that one must be able to read. A PATIENT hears of their own rows only, in a room of their own.
TOPICS = {
    "appointments": "appointment",
    "payments": "payment",
    "alerts": "desk",
    "jobs": "job",
    "runs": "job_run",
    "bulk": "bulk_invoice",
}


@on_live("subscribe")
def subscribe(data: dict[str, Any]) -> dict[str, Any]:
    """{"doctorId"}: a doctor's queue, with {"since": revision, "day"} also the moves that were missed · {"board":
    locationId}: a waiting room · {"me": true}: the patient's own tokens · {"topic"}: one of TOPICS.
    """
    if "doctorId" in data:
        return _join_queue(_id(data["doctorId"]), data)
    if "me" in data:
        return _join_own()
    if "board" in data:
        return _join_board(_id(data["board"]))
    join_room(_topic_room(data.get("topic")))
    return {"ok": True}


@on_live("unsubscribe")
def unsubscribe(data: dict[str, Any]) -> dict[str, Any]:
    """Stop hearing what `subscribe` with the same data asked for."""
    clinic_id = require_clinic()
    if "doctorId" in data:
        leave_room(clinic_room(clinic_id, "queue", _id(data["doctorId"])))
    elif "me" in data:
        leave_room(patient_room(clinic_id, own_patient_id() or ""))
    elif "board" in data:
        leave_room(clinic_room(clinic_id, "board", _id(data["board"])))
    else:
        leave_room(_topic_room(data.get("topic")))
    return {"ok": True}


def _join_queue(doctor_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Joined before the state is read: what changes in between is pushed, and the newer revision wins."""
    require("queue", "read")
    room = clinic_room(require_clinic(), "queue", doctor_id)
    join_room(room)
    try:
        state = queue_state(doctor_id)
        missed = _missed(state, data)
    except Exception:
        leave_room(room)
        raise
    emit("queue", state.to_json())
    return {"ok": True, **missed}


def _missed(state: QueueState, data: dict[str, Any]) -> dict[str, Any]:
    """Every move counts the queue's revision up by one; a day begins at 0."""
    since = data.get("since")
    if not isinstance(since, int):
        return {}
    count = state.revision - (since if data.get("day") == state.day.isoformat() else 0)
    return {"missed": missed_moves(state.doctor_id, count)}


def _join_own() -> dict[str, Any]:
    """The patient's phone: its tokens now, then "token" with every change of place or time."""
    require("queue", "read")
    own = own_patient_id()
    if own is None:
        raise BadRequest(_("Only patients have tokens of their own."), code="NOT_A_PATIENT")
    join_room(patient_room(require_clinic(), own))
    emit("tokens", {"items": [state.of_patient(token) for token, state, _doctor in my_tokens()]})
    return {"ok": True}


def _join_board(location_id: str) -> dict[str, Any]:
    require("queue", "board")
    return _show_board(location_id)


def _show_own_board(token: str) -> dict[str, Any]:
    """What a waiting room's screen hears by its link, whatever it asks for."""
    return _show_board(screen_of_token(WaitingBoard, token).location_id)


declare_guest("board", check=partial(screen_of_token, WaitingBoard), subscribe=_show_own_board)


def _show_board(location_id: str) -> dict[str, Any]:
    room = clinic_room(require_clinic(), "board", location_id)
    join_room(room)
    try:
        state = board_state(location_id)
    except Exception:
        leave_room(room)
        raise
    emit("board", state)
    return {"ok": True}


def _topic_room(topic: Any) -> str:
    resource = TOPICS.get(topic) if isinstance(topic, str) else None
    if resource is None:
        raise BadRequest(_("Nothing is known by that name."), code="UNKNOWN_TOPIC")
    require(resource, "read")
    own = own_patient_id()
    parts = ("patient", own) if own is not None else (str(topic),)
    return clinic_room(require_clinic(), *parts)


def _id(value: Any) -> str:
    if not is_id(value):
        raise BadRequest(_("This is not an id."), code="BAD_ID")
    return str(value).lower()
