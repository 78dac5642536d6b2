"""Reading the schedule: hours, free slots, visits."""

from app.scheduling.queries.appointments import (
    appointment_rows,
    find_appointment,
    get_appointment,
    history_of,
    lock_appointment,
    visible,
)
from app.scheduling.queries.availability import exceptions_from, find_leave, weekly_hours
from app.scheduling.queries.slots import local_bounds, local_day, slots

__all__ = [
    "appointment_rows",
    "exceptions_from",
    "find_appointment",
    "find_leave",
    "get_appointment",
    "history_of",
    "local_bounds",
    "local_day",
    "lock_appointment",
    "slots",
    "visible",
    "weekly_hours",
]
