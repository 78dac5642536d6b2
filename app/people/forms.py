"""Form fields of people's screens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.vocabulary import kind_name
from app.people.models import AppointmentType, ConsentKind, ContactChannel, Gender

GENDERS = {
    Gender.FEMALE: _("Female"),
    Gender.MALE: _("Male"),
    Gender.OTHER: _("Other"),
    Gender.UNKNOWN: _("Unknown"),
}
CHANNELS = {
    ContactChannel.WHATSAPP: _("WhatsApp"),
    ContactChannel.EMAIL: _("E-mail"),
    ContactChannel.SMS: _("SMS"),
    ContactChannel.NONE: _("No messages"),
}
CONSENTS = {
    ConsentKind.TREATMENT: _("Treatment"),
    ConsentKind.DATA_PROCESSING: _("Data processing"),
    ConsentKind.MESSAGES: _("Messages"),
    ConsentKind.VIDEO_RECORDING: _("Video recording"),
}


class WordsField(StringField):
    """Several short texts, separated by commas; `data` is the list."""

    def _value(self) -> str:
        return ", ".join(self.data or ())

    def process_formdata(self, values: list[str]) -> None:
        self.data = [word.strip() for word in ",".join(values).split(",") if word.strip()]


class TypesField(SelectMultipleField):
    """Check boxes of appointment types."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, **options: Any) -> None:
        super().__init__(label, choices=_type_choices, **options)


def _type_choices() -> list[SelectChoice]:
    return [SelectChoice(value=type.value, label=kind_name(type)) for type in AppointmentType]


class TypeField(SelectField):
    """One appointment type, or any."""

    def __init__(self, label: Any, **options: Any) -> None:
        options.setdefault("filters", [lambda value: value or None])
        super().__init__(label, choices=lambda: [SelectChoice(value="", label=_("Any")), *_type_choices()], **options)


def choice_field(label: Any, choices: dict[Any, Any], default: Any) -> SelectField:
    """A select of codes with their words."""
    return SelectField(label, choices=choices_of(choices), default=str(default))


def choices_of(words: dict[Any, Any]) -> list[SelectChoice]:
    return [SelectChoice(value=str(code), label=label) for code, label in words.items()]


def words_field(label: Any, description: Any = "") -> WordsField:
    return WordsField(label, description=description)


def text_field(label: Any, longest: int, description: Any = "") -> StringField:
    return StringField(label, description=description, validators=[Length(max=longest)])


def values_of(form: Any, names: Iterable[str]) -> dict[str, Any]:
    """What a valid form holds, by name."""
    return {name: form[name].data for name in names}
