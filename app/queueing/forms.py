"""Words and fields of the queue's screens."""

from __future__ import annotations

from typing import Any

from wtforms import SelectChoice, SelectField

from app.queueing.models import PriorityClass
from app.queueing.queries.classes import CLASSES


def class_field(label: Any) -> SelectField:
    """Why somebody is called earlier; a walk-in unless somebody says otherwise."""
    choices = [SelectChoice(value=int(item), label=words) for item, words in CLASSES.items()]
    return SelectField(label, coerce=int, choices=choices, default=int(PriorityClass.WALK_IN))
