"""The event log with its deliveries, and Replay."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.events.models import EventDelivery, EventRecord
from app.events.services import replay_delivery


class EventDeliveryView(ReadOnlyView):
    """Who heard an event, when, and what went wrong."""

    model = EventDelivery
    class_permission_name = "event"
    menu = ("Set-up", _("Event deliveries"))
    menu_order = 82
    list_title = _("Event deliveries")
    list_columns = ["created_at", "event", "listener", "status", "attempts", "finished_at", "error"]
    show_columns = ["event", "listener", "status", "attempts", "next_at", "finished_at", "error"]
    search_columns = ["listener", "status", "created_at"]
    label_columns = {"status": _("Status"), "created_at": _("Published"), "finished_at": _("Finished")}
    formatters_columns = {"listener": lambda name: name.removeprefix("app.").replace(".listeners.", ": ")}
    charts = (Chart("status", _("Deliveries by status"), lambda: EventDelivery.status, kind="doughnut"),)

    @row_action("replay", _("Replay"), confirm=_("Hand these deliveries to their listeners again?"))
    def replay(self, delivery: EventDelivery) -> Any:
        replay_delivery(delivery)
        return _("Handed to the listener again.")


class EventView(ReadOnlyView):
    """Every published event of the clinic."""

    model = EventRecord
    class_permission_name = "event"
    menu = ("Set-up", _("Events"))
    menu_order = 80
    list_title = _("Events")
    list_columns = ["occurred_at", "type", "category", "priority", "source", "subject_id"]
    show_columns = [
        "id",
        "type",
        "category",
        "priority",
        "version",
        "source",
        "occurred_at",
        "user_id",
        "subject_id",
        "payload",
        "details",
        "payload_hash",
        "audit_entry_id",
    ]
    search_columns = ["type", "category", "source", "occurred_at"]
    related_views = [EventDeliveryView]
    charts = (
        Chart("type", _("Events by type"), lambda: EventRecord.type, kind="bar-flat", words=str),
        monthly("month", _("Events by month"), EventRecord.occurred_at),
    )
