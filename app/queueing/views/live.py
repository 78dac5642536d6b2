"""The queues of today on one page for the staff, and the board of a waiting room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.core.errors import AppError, NotFound
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.principal import require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.core.vocabulary import label_of
from app.people.models import Doctor
from app.queueing.models import IN_FRONT, DoctorQueue, PriorityClass, QueueToken, TokenStatus
from app.queueing.queries import QueueState, get_token
from app.queueing.queries.classes import CLASSES, class_words
from app.queueing.queries.queues import patient_names, state_of, today, undoable_moves
from app.queueing.queries.waits import wait_tone, waited_since
from app.queueing.services import (
    call_next,
    call_token,
    done,
    hold,
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
from app.tenancy.models import Location

MOVES: dict[str, Callable[[str], QueueToken]] = {
    "call": call_token,
    "recall": recall,
    "skip": skip,
    "hold": hold,
    "return": put_back,
    "serve": serve,
    "done": done,
    "leave": leave,
    "resume": resume,
    "undo": undo,
}
CALLING = ("call", "recall")

describe_item("LiveQueueView", shortcut="g q")


@dataclass(frozen=True, slots=True)
class Queue:
    """One doctor's queue at one location, with the names that staff see."""

    doctor: str
    location: str
    letter: str
    state: QueueState
    names: dict[str, str]
    undoable: Any  # the last move that can be taken back, or None

    @property
    def shown(self) -> list[Any]:
        """Who is called or inside, then who waits as they will be called, then who was put aside."""
        return sorted(self.state.rows, key=lambda row: (row.status not in IN_FRONT, row.status != TokenStatus.WAITING))


def queues_of_today(location_id: str | None) -> list[Queue]:
    """All queues of today, or those of one location."""
    wanted = (
        select(DoctorQueue, Doctor, Location.name)
        .join(Doctor, Doctor.id == DoctorQueue.doctor_id)
        .join(Location, Location.id == DoctorQueue.location_id)
        .where(DoctorQueue.queued_on == today())
        .order_by(Location.name, DoctorQueue.letter)
    )
    if location_id:
        wanted = wanted.where(DoctorQueue.location_id == location_id)
    rows = db.session.execute(wanted).all()
    undoable = undoable_moves([queue.id for queue, _doctor, _location in rows])
    return [_queue(queue, doctor, name, undoable) for queue, doctor, name in rows]


def _queue(queue: DoctorQueue, doctor: Doctor, location: str, undoable: dict[str, Any]) -> Queue:
    state = state_of(queue.doctor_id, queue.location_id)
    return Queue(doctor.name, location, queue.letter, state, patient_names(state), undoable.get(queue.id))


class LiveQueueView(ActionView):
    """Everybody who waits, and every move a desk makes. The page is the care team's; patients have their app."""

    class_permission_name = "calendar"
    route_base = "/queue"
    default_view = "queues"
    menu = ("Schedule", _("Queue"))
    menu_order = 5

    @expose("/")
    def queues(self) -> str:
        """The page."""
        self.require()
        locations = db.session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)).all()
        return self.render(
            "queueing/queues.html", locations=locations, location_id=_asked_location(), **self._content()
        )

    @expose("/list")
    def list(self) -> str:
        """The queues alone, for the page to take in when something moved."""
        self.require()
        return self.render("queueing/parts/queues.html", **self._content())

    def _content(self) -> dict[str, Any]:
        location_id = _asked_location()
        return {
            "queues": queues_of_today(location_id),
            "class_words": class_words,
            "label_of": label_of,
            "waited_since": waited_since,
            "wait_tone": wait_tone,
            "back": _page(location_id),
        }

    @expose("/<id:doctor_id>/call-next", methods=["POST"])
    def call(self, doctor_id: str) -> Response:
        """Call the doctor's next patient."""
        self.require()
        require("queue", "call")
        return _do(lambda: call_next(doctor_id, request.form.get("at") or None), gettext("Nobody waits."))

    @expose("/tokens/<id:token_id>/<move>", methods=["POST"])
    def move(self, token_id: str, move: str) -> Response:
        """Move one token."""
        self.require()
        require("queue", "call" if move in CALLING else "update")
        if move not in MOVES:
            raise NotFound
        return _do(lambda: MOVES[move](token_id), "")

    @expose("/tokens/<id:token_id>/class", methods=["GET", "POST"])
    def reclass(self, token_id: str) -> Response | str:
        """Call the patient earlier, or later."""
        self.require()
        require("queue", "update")
        token = get_token(token_id)
        if request.method == "POST":
            asked, note = _asked_class(), request.form.get("note", "")[:200]
            return _do(lambda: set_class(token_id, asked, note), "")
        return self.render("queueing/reclass.html", token=token, classes=CLASSES)

    @expose("/tokens/<id:token_id>/transfer", methods=["GET", "POST"])
    def transfer(self, token_id: str) -> Response | str:
        """Send the patient to another doctor, or elsewhere."""
        self.require()
        require("queue", "update")
        token = get_token(token_id)
        if request.method == "POST":
            doctor_id, location_id = request.form.get("doctor", ""), request.form.get("to", "")
            if not (is_id(doctor_id) and is_id(location_id)):
                raise NotFound
            note = request.form.get("note", "")[:200]
            return _do(lambda: transfer(token_id, doctor_id, location_id, note), "")
        doctors = db.session.scalars(select(Doctor).where(Doctor.active.is_(True)).order_by(Doctor.last_name)).all()
        locations = db.session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)).all()
        return self.render("queueing/transfer.html", token=token, doctors=doctors, locations=locations)


def _asked_class() -> PriorityClass:
    asked = request.form.get("priority", "")
    if asked not in {str(int(item)) for item in PriorityClass}:
        raise NotFound
    return PriorityClass(int(asked))


def _do(change: Callable[[], QueueToken | None], nobody: str) -> Response:
    """Make the change and go back to the page, which says what happened."""
    try:
        with unit_of_work():
            token = change()
            said = nobody if token is None else f"{token.number}: {label_of(str(token.status))}"
        flash(said, "success")
    except NotFound:
        raise
    except AppError as error:
        flash(" ".join(str(text) for text in (error.fields or {}).values()) or str(error.message), "danger")
    return redirect(_page(_asked_location()))


def _asked_location() -> str | None:
    asked = request.values.get("location", "")
    return asked if is_id(asked) else None


def _page(location_id: str | None) -> str:
    return url_for("LiveQueueView.queues", location=location_id)
