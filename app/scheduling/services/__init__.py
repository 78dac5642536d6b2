"""The verbs of the schedule. Callers commit."""

from app.scheduling.services.availability import (
    add_leave,
    add_time,
    cancel_leave,
    delete_hours,
    remove_time,
    save_exception,
    save_rule,
    set_exceptions,
    set_weekly_hours,
)
from app.scheduling.services.booking import book_appointment, check_patient, check_seen, reschedule, retake_slot
from app.scheduling.services.follow_ups import (
    book_follow_up,
    find_visit_before,
    follow_ups_of,
    price_of_follow_up,
)
from app.scheduling.services.holds import drop_hold, hold_slot
from app.scheduling.services.lifecycle import (
    PATIENTS_REASONS,
    approve_appointment,
    cancel_appointment,
    cancel_as_told,
    check_in,
    complete,
    confirm_appointment,
    decline_appointment,
    needs_payment,
    no_show,
    start,
    update_notes,
)
from app.scheduling.services.placing import SlotTaken, slot_json
from app.scheduling.services.release import PaymentAnswer, ask_before_release

__all__ = [
    "PATIENTS_REASONS",
    "PaymentAnswer",
    "SlotTaken",
    "add_leave",
    "add_time",
    "approve_appointment",
    "ask_before_release",
    "book_appointment",
    "book_follow_up",
    "cancel_appointment",
    "cancel_as_told",
    "cancel_leave",
    "check_in",
    "check_patient",
    "check_seen",
    "complete",
    "confirm_appointment",
    "decline_appointment",
    "delete_hours",
    "drop_hold",
    "find_visit_before",
    "follow_ups_of",
    "hold_slot",
    "needs_payment",
    "no_show",
    "price_of_follow_up",
    "remove_time",
    "reschedule",
    "retake_slot",
    "save_exception",
    "save_rule",
    "set_exceptions",
    "set_weekly_hours",
    "slot_json",
    "start",
    "update_notes",
]
