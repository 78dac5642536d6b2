"""What the classes of the queue are called."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.queueing.models import PriorityClass

CLASSES = {
    PriorityClass.EMERGENCY: _("Emergency"),
    PriorityClass.ELDERLY: _("Elderly"),
    PriorityClass.DISABLED: _("Disabled"),
    PriorityClass.BOOKED: _("Booked"),
    PriorityClass.WALK_IN: _("Walk-in"),
}
# Of those who have a visit.
BOOKED_CLASSES = {item: words for item, words in CLASSES.items() if item != PriorityClass.WALK_IN}


def class_words(priority: int | str) -> str:
    return str(CLASSES[PriorityClass(int(priority))])
