"""Form fields and words of the schedule's screens."""

from __future__ import annotations

from typing import Any

from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from wtforms import Field, SelectChoice, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.vocabulary import kind_name
from app.people.models import AppointmentType
from app.scheduling.models import ExceptionKind

EXCEPTION_KINDS = {ExceptionKind.REMOVE: _("Closed"), ExceptionKind.ADD: _("Extra hours")}


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
