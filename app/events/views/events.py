"""The event log with its deliveries, and Replay."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.models.sqla.filters import BaseFilter
from flask_babel import lazy_gettext as _
from flask_babel import ngettext
from sqlalchemy import literal

from app.core.ids import is_id
from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.core.views.filters import FilterConverter
from app.events.models import EventDelivery, EventRecord
from app.events.services import replay_delivery, replay_event


class FilterAbout(BaseFilter):
    """Events about the row with that id."""

    name = _("Is")
    arg_name = "about"

    def apply(self, query: Any, value: str) -> Any:
        return query.filter(EventRecord.subject_id == value if is_id(value) else literal(False))


class EventFilters(FilterConverter):
    """Lists filter by no ids; here the field of the hash, which nobody types, stands for that of the subject."""

    def convert(self, col_name: str) -> list[Any] | None:
        if col_name == "payload_hash":
            return [FilterAbout(col_name, self.datamodel)]
        return super().convert(col_name)


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
        "audit_entry_id",
    ]
    search_columns = ["type", "payload_hash", "occurred_at", "category", "priority", "source"]
    label_columns = {
        "payload_hash": _("About (id)"),
        "occurred_at": _("When"),
        "type": _("Event"),
        "subject_id": _("About"),
        "details": _("Further details"),
        "audit_entry_id": _("Entry of the trail"),
    }
    related_views = [EventDeliveryView]
    show_template = "events/event_show.html"
    charts = (
        Chart("type", _("Events by type"), lambda: EventRecord.type, kind="bar-flat", words=str),
        monthly("month", _("Events by month"), EventRecord.occurred_at),
    )

    def __init__(self) -> None:
        super().__init__()
        self.datamodel.filter_converter_class = EventFilters

    @row_action("replay", _("Replay to all"), confirm=_("Hand these events to all of their listeners again?"))
    def replay(self, record: EventRecord) -> Any:
        count = replay_event(record)
        return ngettext("Handed to %(num)s listener.", "Handed to %(num)s listeners.", count)
