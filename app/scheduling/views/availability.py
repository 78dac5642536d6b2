"""Doctors' hours, holidays and other exceptions, and slots that are held right now."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func
from wtforms import DateField, IntegerField, StringField, TimeField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.core.views import Chart, CrudView, ReadOnlyView
from app.core.vocabulary import kind_name
from app.scheduling.forms import (
    EXCEPTION_KINDS,
    TypesField,
    id_of,
    kind_field,
    type_words,
    weekday_field,
    weekday_name,
)
from app.scheduling.models import AvailabilityException, AvailabilityRule, SlotHold
from app.scheduling.services import delete_hours, save_exception, save_rule
from app.scheduling.services.availability import check_keeper

LABELS = {
    "doctor": _("Doctor"),
    "location": _("Location"),
    "room": _("Room"),
    "weekday": _("Day"),
    "opens": _("From"),
    "closes": _("Until"),
    "types": _("Kinds of visits"),
    "slot_minutes": _("Slot (minutes)"),
    "capacity": _("Places per slot"),
    "valid_from": _("Valid from"),
    "valid_until": _("Valid until"),
    "kind": _("What"),
    "starts_on": _("First day"),
    "ends_on": _("Last day"),
    "reason": _("Reason"),
    "starts_at": _("From"),
    "ends_at": _("Until"),
    "expires_at": _("Held until"),
    "patient": _("Patient"),
    "type": _("Kind"),
}


def _kind_words(kind: Any) -> str:
    return str(EXCEPTION_KINDS.get(kind, kind))


FORMATTERS = {
    "types": type_words,
    "type": kind_name,
    "weekday": weekday_name,
    "kind": _kind_words,
}
RELATIONS = ("doctor", "location", "room")


def _time(label: Any, *, optional: bool = False) -> TimeField:
    return TimeField(label, validators=[Optional() if optional else InputRequired()])


def _open_hours_fields() -> dict[str, Any]:
    return {
        "types": TypesField(LABELS["types"]),
        "slot_minutes": IntegerField(LABELS["slot_minutes"], validators=[Optional(), NumberRange(5, 480)]),
        "capacity": IntegerField(LABELS["capacity"], default=1, validators=[InputRequired(), NumberRange(1, 500)]),
    }


def _fill(item: Any, form: Any, names: list[str]) -> Any:
    for name in names:
        if name in RELATIONS:
            setattr(item, f"{name}_id", id_of(form[name]))
        else:
            setattr(item, name, form[name].data)
    return item


class AvailabilityRuleView(CrudView):
    """When doctors can be booked, week by week."""

    model = AvailabilityRule
    class_permission_name = "availability"
    menu = ("Schedule", _("Weekly hours"))
    menu_order = 30
    list_title = _("Weekly hours")
    add_title = _("New weekly hours")
    base_order = ("doctor_id", "asc")
    list_columns = ["doctor", "weekday", "opens", "closes", "location", "types", "slot_minutes", "capacity"]
    order_columns = ["weekday", "opens", "slot_minutes", "capacity"]
    add_columns = edit_columns = [
        "doctor", "location", "weekday", "opens", "closes", "room", "types", "slot_minutes", "capacity", "valid_from",
        "valid_until",
    ]  # fmt: skip
    show_columns = add_columns
    search_columns = ["doctor", "location", "weekday", "slot_minutes", "capacity"]
    label_columns = LABELS
    formatters_columns = FORMATTERS
    add_form_extra_fields = edit_form_extra_fields = {
        "weekday": weekday_field(LABELS["weekday"]),
        "opens": _time(LABELS["opens"]),
        "closes": _time(LABELS["closes"]),
        "valid_from": DateField(LABELS["valid_from"], validators=[Optional()]),
        "valid_until": DateField(LABELS["valid_until"], validators=[Optional()]),
        **_open_hours_fields(),
    }
    charts = (
        Chart(
            "weekday",
            _("Bookable hours by day of the week"),
            lambda: AvailabilityRule.weekday,
            value=lambda: func.sum(
                func.extract("epoch", AvailabilityRule.closes - AvailabilityRule.opens)
                / 3600
                * AvailabilityRule.capacity
            ),
            value_name=_("Hours"),
            chronological=True,
            words=weekday_name,
        ),
    )

    def add_item(self, form: Any) -> AvailabilityRule:
        return save_rule(_fill(AvailabilityRule(), form, self.add_columns))

    def change_item(self, item: AvailabilityRule, form: Any) -> None:
        check_keeper(item.doctor_id)  # before it is given to another doctor
        save_rule(_fill(item, form, self.edit_columns))

    def delete_item(self, item: AvailabilityRule) -> None:
        delete_hours(item)


class AvailabilityExceptionView(CrudView):
    """Days on which it is otherwise: holidays of the clinic, closed time, extra hours."""

    model = AvailabilityException
    class_permission_name = "availability"
    menu = ("Schedule", _("Holidays and exceptions"))
    menu_order = 40
    list_title = _("Holidays and exceptions")
    add_title = _("New holiday, closed time or extra hours")
    lede = _("Without a doctor it is a holiday of the whole clinic; without hours it is the whole day.")
    base_order = ("starts_on", "desc")
    list_columns = ["kind", "starts_on", "ends_on", "opens", "closes", "doctor", "reason"]
    order_columns = ["starts_on", "ends_on", "kind"]
    add_columns = edit_columns = [
        "kind", "doctor", "starts_on", "ends_on", "opens", "closes", "location", "room", "types", "slot_minutes",
        "capacity", "reason",
    ]  # fmt: skip
    show_columns = add_columns
    search_columns = ["doctor", "location", "kind", "starts_on", "ends_on", "reason"]
    label_columns = LABELS
    formatters_columns = FORMATTERS
    add_form_extra_fields = edit_form_extra_fields = {
        "kind": kind_field(LABELS["kind"]),
        "starts_on": DateField(LABELS["starts_on"], validators=[InputRequired()]),
        "ends_on": DateField(LABELS["ends_on"], validators=[Optional()], description=_("Empty: one day.")),
        "opens": _time(LABELS["opens"], optional=True),
        "closes": _time(LABELS["closes"], optional=True),
        "reason": StringField(LABELS["reason"], validators=[Length(max=200)]),
        **_open_hours_fields(),
    }
    charts = (
        Chart(
            "kind",
            _("Exceptions by kind"),
            lambda: AvailabilityException.kind,
            words=_kind_words,
        ),
    )

    def add_item(self, form: Any) -> AvailabilityException:
        return save_exception(self._filled(AvailabilityException(), form))

    def change_item(self, item: AvailabilityException, form: Any) -> None:
        check_keeper(item.doctor_id)
        save_exception(self._filled(item, form))

    def delete_item(self, item: AvailabilityException) -> None:
        delete_hours(item)

    def _filled(self, item: AvailabilityException, form: Any) -> AvailabilityException:
        _fill(item, form, self.add_columns)
        item.ends_on = item.ends_on or item.starts_on
        return item


class SlotHoldView(ReadOnlyView):
    """Slots that are kept while somebody fills a form or pays."""

    model = SlotHold
    class_permission_name = "appointment"
    menu = ("Schedule", _("Held slots"))
    menu_order = 22
    list_title = _("Held slots")
    base_order = ("starts_at", "asc")
    list_columns = ["starts_at", "ends_at", "doctor", "location", "type", "patient", "expires_at"]
    order_columns = ["starts_at", "expires_at"]
    show_columns = list_columns
    search_columns = ["doctor", "location", "starts_at", "type"]
    label_columns = LABELS
    formatters_columns = FORMATTERS
    charts = (Chart("type", _("Held slots by kind of visit"), lambda: SlotHold.type, words=kind_name),)
