"""The menu's groups, by task, in the order in which they are shown."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

GROUPS = ("Desk", "Schedule", "Patients", "Billing", "Payments", "Books", "Messages", "Reports", "Set-up")
LABELS = {
    "Desk": _("Desk"),
    "Schedule": _("Schedule"),
    "Patients": _("Patients"),
    "Billing": _("Billing"),
    "Payments": _("Payments"),
    "Books": _("Cash and books"),
    "Messages": _("Messages"),
    "Reports": _("Reports"),
    "Set-up": _("Set-up"),
}
