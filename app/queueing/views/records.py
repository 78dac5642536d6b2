"""Tokens, queues and moves as records; adding a token gives one to a walk-in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.core import clock
from app.core.views import Chart, CrudView, ReadOnlyView
from app.queueing.forms import class_field
from app.queueing.models import DoctorQueue, PriorityClass, QueueMove, QueueToken
from app.queueing.queries.classes import class_words
from app.queueing.queries.queues import today
from app.queueing.services import issue_walk_in

LABELS = {
    "queued_on": _("Day"),
    "number": _("Number"),
    "patient": _("Patient"),
    "doctor": _("Doctor"),
    "location": _("Location"),
    "appointment": _("Visit"),
    "priority": _("Class"),
    "status": _("Status"),
    "arrived_at": _("Arrived"),
    "called_at": _("Called"),
    "serving_at": _("With the doctor"),
    "finished_at": _("Finished"),
    "calls": _("Times called"),
    "letter": _("Letter"),
    "last_number": _("Numbers given"),
    "token": _("Token"),
    "kind": _("Move"),
    "from_status": _("Status before"),
    "to_status": _("Status after"),
    "note": _("Note"),
    "created_at": _("At"),
}
DAYS = 14


def _lately(column: Any) -> Any:
    return lambda: column >= today() - timedelta(days=DAYS)


class QueueMoveView(ReadOnlyView):
    """Every move of every token."""

    model = QueueMove
    class_permission_name = "queue"
    list_title = _("Moves of tokens")
    base_order = ("created_at", "asc")
    list_columns = ["created_at", "token", "kind", "from_status", "to_status", "note"]
    show_columns = list_columns
    search_columns = ["kind", "to_status", "created_at"]
    label_columns = LABELS
    charts = (
        Chart(
            "kind",
            _("Moves of the last two weeks"),
            lambda: QueueMove.kind,
            only=lambda: QueueMove.created_at >= clock.now() - timedelta(days=DAYS),
        ),
    )


class QueueTokenView(CrudView):
    """Who had which number, and how long they waited."""

    model = QueueToken
    class_permission_name = "queue"
    menu = ("Schedule", _("Tokens"))
    menu_order = 20
    list_title = _("Tokens")
    add_title = _("Token for a walk-in")
    base_order = ("id", "desc")
    exclude_route_methods = frozenset({"download", "edit", "delete"})
    method_permission_name = {"add": "update"}
    list_columns = ["queued_on", "number", "patient", "doctor", "location", "priority", "status", "arrived_at"]
    order_columns = ["queued_on", "arrived_at"]
    show_columns = [
        "queued_on", "number", "status", "priority", "patient", "doctor", "location", "appointment", "arrived_at",
        "called_at", "calls", "serving_at", "finished_at",
    ]  # fmt: skip
    add_columns = ["patient", "doctor", "location", "priority"]
    add_form_extra_fields = {"priority": class_field(LABELS["priority"])}
    search_columns = ["doctor", "location", "patient", "queued_on", "number", "status"]
    label_columns = LABELS
    formatters_columns = {"priority": class_words}
    related_views = [QueueMoveView]
    charts = (
        Chart(
            "day",
            _("Tokens by day"),
            lambda: QueueToken.queued_on,
            only=_lately(QueueToken.queued_on),
            chronological=True,
            words=str,
        ),
        Chart(
            "wait",
            _("Average wait by day, in minutes"),
            lambda: QueueToken.queued_on,
            value=lambda: func.round(
                func.avg(func.extract("epoch", QueueToken.called_at - QueueToken.arrived_at) / 60), 1
            ),
            value_name=_("Minutes"),
            kind="line",
            only=_lately(QueueToken.queued_on),
            chronological=True,
            words=str,
        ),
        Chart("status", _("Today's tokens"), lambda: QueueToken.status, only=lambda: QueueToken.queued_on == today()),
    )

    def add_item(self, form: Any) -> QueueToken:
        return issue_walk_in(
            form.doctor.data.id, form.location.data.id, form.patient.data.id, PriorityClass(form.priority.data)
        )


class DoctorQueueView(ReadOnlyView):
    """Each doctor's queue, day by day."""

    model = DoctorQueue
    class_permission_name = "queue"
    menu = ("Schedule", _("Queues by day"))
    menu_order = 21
    list_title = _("Queues by day")
    list_columns = ["queued_on", "letter", "doctor", "location", "last_number"]
    order_columns = ["queued_on", "last_number"]
    show_columns = list_columns
    search_columns = ["doctor", "location", "queued_on"]
    label_columns = LABELS
    related_views = [QueueTokenView]
    charts = (
        Chart(
            "day",
            _("Numbers given by day"),
            lambda: DoctorQueue.queued_on,
            value=lambda: func.sum(DoctorQueue.last_number),
            only=_lately(DoctorQueue.queued_on),
            chronological=True,
            words=str,
        ),
    )
