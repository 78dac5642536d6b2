"""Reading the schedule: hours, free slots, visits."""

from app.scheduling.queries.appointments import (
    appointment_rows,
    count_requests,
    find_appointment,
    get_appointment,
    history_of,
    lock_appointment,
    requests_waiting,
    visible,
)
from app.scheduling.queries.availability import exceptions_from, find_leave, weekly_hours
from app.scheduling.queries.slots import local_bounds, local_day, slots

__all__ = [
    "appointment_rows",
    "count_requests",
    "exceptions_from",
    "find_appointment",
    "find_leave",
    "get_appointment",
    "history_of",
    "local_bounds",
    "local_day",
    "lock_appointment",
    "requests_waiting",
    "slots",
    "visible",
    "weekly_hours",
]
