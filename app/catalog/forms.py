"""Form fields of the catalogue's screens."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectField, StringField

from app.catalog.models import TaxKind
from app.core.money import Money
from app.people.forms import choices_of

TAX_KINDS = {
    TaxKind.EXEMPT: _("Exempt"),
    TaxKind.CGST_SGST: _("CGST and SGST"),
    TaxKind.IGST: _("IGST"),
    TaxKind.VAT: _("VAT"),
}


class AmountField(StringField):
    """An amount as written, in major units; the service reads it exactly."""

    def process_data(self, value: Any) -> None:
        self.data = str(value.major) if isinstance(value, Money) else value


def tax_kind_field(label: Any) -> SelectField:
    return SelectField(label, choices=choices_of(TAX_KINDS))
