"""The trail on screen, and the check of its chain."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import expose
from flask_babel import lazy_gettext as _

from app.audit.chain import verify
from app.audit.models import AuditEntry
from app.core.tenant import require_clinic
from app.core.views import ActionView, Chart, ReadOnlyView, monthly


class AuditEntryView(ReadOnlyView):
    """Who did what, when and why."""

    model = AuditEntry
    class_permission_name = "audit_entry"
    menu = ("Set-up", _("Audit trail"))
    menu_order = 90
    list_title = _("Audit trail")
    base_order = ("at", "desc")
    list_columns = ["at", "username", "role", "action", "entity", "entity_id"]
    show_columns = [
        "lane",
        "number",
        "at",
        "username",
        "role",
        "action",
        "entity",
        "entity_id",
        "changes",
        "reason",
        "address",
        "request_id",
        "event_id",
        "mac",
    ]
    search_columns = ["username", "action", "entity", "entity_id", "at", "request_id"]
    label_columns = {
        "at": _("When"),
        "lane": _("Lane of the chain"),
        "username": _("User name"),
        "entity": _("What"),
        "entity_id": _("Number of it"),
    }
    formatters_columns = {"lane": str, "number": str}
    charts = (
        Chart("action", _("Entries by action"), lambda: AuditEntry.action, kind="bar-flat", words=str),
        monthly("month", _("Entries by month"), AuditEntry.at),
    )


class AuditCheckView(ActionView):
    """Whether the clinic's chain holds."""

    class_permission_name = "audit_entry"
    route_base = "/audit-check"
    menu = ("Set-up", _("Audit check"))
    menu_order = 91
    default_view = "check"

    @expose("/")
    def check(self) -> Any:
        self.require("verify")
        findings = verify(require_clinic())
        return self.render("audit/check.html", findings=findings)
