"""Accounts and the journal. Nothing here can be changed: the journal is written by what happens."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.core.formatting import translated
from app.core.views import Chart, ReadOnlyView, monthly
from app.core.vocabulary import booking_name
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount, LedgerPeriod


def _row_name(table: str) -> str:
    """'invoice_allocation' -> 'Invoice allocation'."""
    return translated(table.replace("_", " ").capitalize())


class JournalLineView(ReadOnlyView):
    """Debits and credits."""

    model = JournalLine
    class_permission_name = "ledger"
    list_title = _("Lines")
    list_columns = ["entry", "account", "patient", "debit", "credit"]
    show_columns = ["entry", "account", "patient", "debit", "credit"]
    search_columns = ["account", "patient", "currency"]


class JournalEntryView(ReadOnlyView):
    """Every money fact, numbered without gaps."""

    model = JournalEntry
    class_permission_name = "ledger"
    menu = ("Books", _("Journal"))
    menu_order = 70
    list_title = _("Journal")
    list_columns = ["number", "booked_on", "kind", "memo", "source_table", "line_count"]
    order_columns = ["number", "booked_on", "kind"]
    show_columns = ["number", "booked_on", "booked_at", "kind", "memo", "source_table", "source_id", "source_key"]
    search_columns = ["number", "booked_on", "kind", "source_table", "memo"]
    label_columns = {"line_count": _("Lines"), "source_table": _("About"), "source_id": _("About number")}
    formatters_columns = {"number": str, "kind": booking_name, "source_table": _row_name}
    related_views = [JournalLineView]
    charts = (
        monthly("month", _("Entries by month"), JournalEntry.booked_on),
        Chart("kind", _("Entries by kind"), lambda: JournalEntry.kind, kind="bar-flat", words=booking_name),
    )


class LedgerAccountView(ReadOnlyView):
    """The chart of accounts."""

    model = LedgerAccount
    class_permission_name = "ledger"
    menu = ("Books", _("Accounts"))
    menu_order = 80
    list_title = _("Accounts")
    list_columns = ["code", "name", "kind", "active"]
    show_columns = ["code", "name", "kind", "active"]
    search_columns = ["code", "name", "kind"]
    base_order = ("code", "asc")
    formatters_columns = {"name": translated}
    related_views = [JournalLineView]
    show_template = "ledger/account_show.html"
    charts = (Chart("kind", _("Accounts by kind"), lambda: LedgerAccount.kind, value=lambda: func.count()),)


class LedgerPeriodView(ReadOnlyView):
    """Days whose books are closed, for good."""

    model = LedgerPeriod
    class_permission_name = "ledger"
    menu = ("Books", _("Closed periods"))
    menu_order = 76
    list_title = _("Closed periods")
    list_columns = ["first_on", "last_on", "closed_at"]
    show_columns = ["first_on", "last_on", "closed_at"]
    search_columns = ["last_on", "closed_at"]
    order_columns = ["last_on", "closed_at"]
    label_columns = {"first_on": _("From"), "last_on": _("Until"), "closed_at": _("Closed at")}
    charts = (monthly("month", _("Closes by month"), LedgerPeriod.last_on),)
