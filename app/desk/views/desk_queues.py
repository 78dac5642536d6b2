"""Calling and moving tokens at the front desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.principal import require
from app.core.transaction import unit_of_work
from app.desk.views.fragments import FragmentView, in_words
from app.desk.views.front_desk import QUEUE, queues_of_desk
from app.queueing.models import QueueToken
from app.queueing.services import call_next, done, hold, put_back, recall, skip, undo

PROBLEM = "#queue-problem"
MOVES: dict[str, Callable[[str], QueueToken]] = {
    "recall": recall,
    "skip": skip,
    "hold": hold,
    "put-back": put_back,
    "done": done,
    "undo": undo,
}


def said_of(move: str, number: str) -> str:
    """What is said once a token has moved."""
    words = {
        "recall": _("%(number)s is called again.", number=number),
        "skip": _("%(number)s is skipped.", number=number),
        "hold": _("%(number)s is on hold.", number=number),
        "put-back": _("%(number)s waits again.", number=number),
        "done": _("%(number)s is through.", number=number),
        "undo": _("%(number)s is as it was before.", number=number),
    }
    return words[move]


def call_and_say(doctor_id: str, location_id: str | None = None) -> str:
    """Call the doctor's next patient; the words to be said."""
    token = call_next(doctor_id, location_id)
    return _("%(number)s is called.", number=token.number) if token else _("Nobody is waiting.")


class DeskQueueView(FragmentView):
    """Right side of the front desk."""

    class_permission_name = "desk"
    route_base = "/desk/queues"
    default_view = "call_next"

    def show(self, said: Any = "") -> Response:
        return self.piece(QUEUE, said=said, changed=True, **queues_of_desk())

    @expose("/<id:doctor_id>/call-next", methods=["POST"])
    @in_words(PROBLEM)
    def call_next(self, doctor_id: str) -> Response:
        self.require()
        require("queue", "call")
        location_id = request.form.get("location", "")
        with unit_of_work():
            said = call_and_say(doctor_id, location_id if is_id(location_id) else None)
        return self.show(said)

    @expose("/tokens/<id:token_id>/<move>", methods=["POST"])
    @in_words(PROBLEM)
    def move(self, token_id: str, move: str) -> Response:
        """Recall, skip, hold or put back one token, or take the last click back."""
        self.require()
        require("queue", "call")
        if move not in MOVES:
            raise NotFound
        with unit_of_work():
            said = said_of(move, MOVES[move](token_id).number)
        return self.show(said)
