"""Words and fields of the queue's screens."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField

from app.queueing.models import PriorityClass

CLASSES = {
    PriorityClass.EMERGENCY: _("Emergency"),
    PriorityClass.ELDERLY: _("Elderly"),
    PriorityClass.DISABLED: _("Disabled"),
    PriorityClass.BOOKED: _("Booked"),
    PriorityClass.WALK_IN: _("Walk-in"),
}


def class_words(priority: int | str) -> str:
    return str(CLASSES[PriorityClass(int(priority))])


def class_field(label: Any) -> SelectField:
    """Why somebody is called earlier; a walk-in unless somebody says otherwise."""
    choices = [SelectChoice(value=int(item), label=words) for item, words in CLASSES.items()]
    return SelectField(label, coerce=int, choices=choices, default=int(PriorityClass.WALK_IN))
