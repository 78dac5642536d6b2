"""Form fields and words of the schedule's screens."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from wtforms import Field, IntegerField, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.form_fields import LocalDateTimeField
from app.core.page_form import PageForm
from app.core.views import LookupField
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models import CancelReason, Every, ExceptionKind
from app.scheduling.models.series import MOST_VISITS
from app.tenancy.models import Location

EXCEPTION_KINDS = {ExceptionKind.REMOVE: _("Closed"), ExceptionKind.ADD: _("Extra hours")}


CANCEL_REASONS = {code: kind_name(code) for code in CancelReason if code != CancelReason.UNPAID}


def weekday_name(number: int | str) -> str:
    """0 is Monday, as in Python and CLDR."""
    names: dict[int, str] = get_locale().days["stand-alone"]["wide"]  # type: ignore[union-attr]
    return names[int(number)]


def type_words(types: list[str]) -> str:
    return ", ".join(str(kind_name(type)) for type in types)


def _types() -> list[SelectChoice]:
    return [SelectChoice(value=type.value, label=kind_name(type)) for type in AppointmentType]


def type_field(label: Any) -> SelectField:
    """One kind of visit."""
    return SelectField(label, choices=_types)


class TypesField(SelectMultipleField):
    """Check boxes of kinds of visits; all unless somebody says otherwise."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, **options: Any) -> None:
        super().__init__(label, choices=_types, default=[str(type) for type in AppointmentType], **options)


def weekday_field(label: Any) -> SelectField:
    """Monday to Sunday in the reader's language."""
    return SelectField(
        label, coerce=int, choices=lambda: [SelectChoice(value=n, label=weekday_name(n)) for n in range(7)]
    )


def kind_field(label: Any) -> SelectField:
    return SelectField(
        label, choices=[SelectChoice(value=str(kind), label=text) for kind, text in EXCEPTION_KINDS.items()]
    )


def id_of(field: Field) -> str | None:
    """The id of the row that a look-up holds."""
    return field.data.id if field.data is not None else None


def doctor_field(label: Any, **options: Any) -> LookupField:
    """A doctor of the clinic."""
    return LookupField(label, model=Doctor, url=lambda: url_for("AppointmentView.lookup", column="doctor"), **options)


def location_field(label: Any, **options: Any) -> LookupField:
    """A location of the clinic."""
    return LookupField(
        label, model=Location, url=lambda: url_for("AppointmentView.lookup", column="location"), **options
    )


def _overbook_field() -> StringField:
    return StringField(
        _("Reason for overbooking"),
        validators=[Length(max=200)],
        description=_("Fill in only to book beside a taken slot."),
    )


class CancelForm(PageForm):
    """Why a visit is called off, as a code that reports count."""

    reason = SelectField(
        _("Reason"),
        choices=lambda: [SelectChoice(value=str(code), label=text) for code, text in CANCEL_REASONS.items()],
    )
    note = StringField(_("Note"), validators=[Length(max=250)])


class ExplainForm(PageForm):
    """A step that may be explained."""

    reason = TextAreaField(_("Reason"), validators=[Length(max=200)])


class MoveForm(PageForm):
    """Another time, perhaps with another doctor or elsewhere."""

    starts_at = LocalDateTimeField(_("When"), validators=[InputRequired()])
    doctor = doctor_field(_("Doctor"), validators=[InputRequired()])
    location = location_field(_("Location"), description=_("Empty: wherever the doctor is at that time."))
    reason = StringField(_("Reason"), validators=[Length(max=200)])
    overbook_reason = _overbook_field()


class LeaveForm(PageForm):
    """Whose time is closed, and why."""

    doctor = doctor_field(_("Doctor"), validators=[InputRequired()])
    starts_at = LocalDateTimeField(_("From"), validators=[InputRequired()])
    ends_at = LocalDateTimeField(_("Until"), validators=[InputRequired()])
    reason = StringField(_("Reason"), validators=[Length(max=200)])


EVERY = {Every.DAY: _("days"), Every.WEEK: _("weeks"), Every.MONTH: _("months")}


class SeriesForm(PageForm):
    """What recurs, and how often."""

    patient = LookupField(
        _("Patient"),
        model=Patient,
        url=lambda: url_for("AppointmentView.lookup", column="patient"),
        validators=[InputRequired()],
    )
    doctor = doctor_field(_("Doctor"), validators=[InputRequired()])
    type = type_field(_("Kind"))
    first_at = LocalDateTimeField(_("First visit"), validators=[InputRequired()])
    steps = IntegerField(_("Every"), default=1, validators=[InputRequired(), NumberRange(1, 26)])
    every = SelectField(
        _("Unit"),
        default=Every.WEEK,
        choices=lambda: [SelectChoice(value=str(unit), label=text) for unit, text in EVERY.items()],
    )
    visits = IntegerField(_("Number of visits"), default=6, validators=[InputRequired(), NumberRange(2, MOST_VISITS)])
    location = location_field(_("Location"), description=_("Empty: wherever the doctor is at that time."))
    notes = StringField(_("Notes"), validators=[Length(max=2000)])


class MoveFollowingForm(PageForm):
    """Where a visit of a series goes; those after it follow."""

    starts_at = LocalDateTimeField(_("New time of this visit"), validators=[InputRequired()])
    doctor = doctor_field(_("Doctor"), validators=[InputRequired()])


class FollowUpForm(PageForm):
    """The visit after this one."""

    starts_at = LocalDateTimeField(_("When"), validators=[InputRequired()])
    type = type_field(_("Kind"))
    doctor = doctor_field(_("Doctor"), validators=[InputRequired()])
    location = location_field(_("Location"), description=_("Empty: wherever the doctor is at that time."))
    notes = TextAreaField(_("Notes"), validators=[Length(max=2000)])
    overbook_reason = _overbook_field()
