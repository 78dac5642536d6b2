"""The day close on paper, from what was kept when the day was closed."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.billing.documents.day_close import DayCloseDocument, DrawerRow, TotalRow
from app.billing.models import DayClose
from app.billing.papers import day_text, issuer, moment_text
from app.billing.services.day_close import totals_of
from app.billing.services.day_totals import Totals
from app.billing.services.safe import safe_balances
from app.core.formatting import money
from app.core.i18n import current_language
from app.core.money import Money


def day_close_pdf(close: DayClose) -> bytes:
    """A4. The PDF engine is imported here: it weighs 40 MB, which a process that draws nothing does not need."""
    from app.billing.documents.day_close import render_day_close

    return render_day_close(day_close_paper(close), _)


def day_close_paper(close: DayClose) -> DayCloseDocument:
    entries = f"{close.first_entry}–{close.last_entry}" if close.first_entry else "–"
    return DayCloseDocument(
        issuer=issuer(),
        number=close.number,
        day=day_text(close.business_on),
        closed_at=moment_text(close.closed_at),
        closed_by=str(close.closed_by or "–"),
        entries=entries,
        safe=", ".join(money(cash) for cash in safe_balances(close.business_on)),
        total=money(close.total),
        totals=tuple(_total_row(line) for line in totals_of(close)),
        drawers=tuple(_drawer_row(drawer) for drawer in close.drawers),
        language=current_language(),
    )


def _total_row(line: Totals) -> TotalRow:
    name = _("All cash that moved, floats included") if line.cash_in_drawers else str(line.name)
    return TotalRow(name, money(line.taken), money(line.given_back), money(line.net), money(line.ledger_net))


def _drawer_row(drawer: dict[str, Any]) -> DrawerRow:
    def amount(name: str) -> str:
        minor = drawer[f"{name}_minor"]
        return "–" if minor is None else money(Money(minor, drawer["currency"]))

    counted, expected = drawer["counted_minor"], drawer["expected_minor"]
    difference = "–" if counted is None or expected is None else money(Money(counted - expected, drawer["currency"]))
    return DrawerRow(
        holder=drawer["holder"],
        opening=amount("float"),
        taken=amount("taken"),
        given_back=amount("refunded"),
        paid_in=amount("paid_in"),
        paid_out=amount("paid_out"),
        expected=amount("expected"),
        counted=amount("counted"),
        difference=difference,
        note=" · ".join(filter(None, (drawer["reason"], drawer["approved_by"]))),
    )
