"""How much discount somebody may give, and whose word a larger one needs (SPEC BIL-4).

Up to the role's limit a discount is one's own; above it needs a reason, and the draft cannot be opened before somebody
else whose limit allows it has approved. What counts is everything taken off, lines and invoice together, against
quantity × unit price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from flask_babel import gettext as _

from app.access.roles import DISCOUNT_LIMITS
from app.billing.models import ApprovalKind, ApprovalStatus, Invoice
from app.billing.services.approvals import latest_approval, request_approval, withdraw_request
from app.billing.services.lines import NewLine, amounts_that_fit
from app.core.errors import Conflict, Invalid
from app.core.money import Money
from app.core.principal import Principal, find_principal
from app.tenancy.queries import settings_in_scope

WHOLE = 100
COVERING = (ApprovalStatus.APPROVED, ApprovalStatus.REQUESTED)


class DiscountUndecided(Conflict):
    """The draft's discount waits for somebody's approval, or was refused."""

    code = "DISCOUNT_NEEDS_APPROVAL"


def discount_limit(principal: Principal | None = None) -> int:
    """Per cent of the price that the person may take off, and approve, alone."""
    principal = principal or find_principal()
    name = DISCOUNT_LIMITS.get((principal.role if principal else None) or "")
    return int(getattr(settings_in_scope(), name)) if name else 0


def above_limit(given: Money, gross: Money, limit: int | None = None) -> bool:
    return given.minor * WHOLE > gross.minor * (discount_limit() if limit is None else limit)


def check_discounts(lines: Sequence[NewLine], discount: Money | None, reason: str, currency: str) -> None:
    """A person needs a reason for more discount than is theirs to give. Raises Invalid."""
    with amounts_that_fit():
        gross = Money.total((line.unit_price.times(line.quantity) for line in lines), currency)
        given = Money.total((line.discount for line in lines if line.discount), currency)
        given = given + discount if discount else given
    if above_limit(given, gross) and not reason.strip():
        text = _("More than %(limit)s %% discount needs a reason.", limit=discount_limit())
        raise Invalid(fields={"discountReason": text}, code="DISCOUNT_NEEDS_REASON")


def judge_discount(invoice: Invoice) -> None:
    """After a person wrote a draft: ask for approval of what is above their limit, unless as much was approved."""
    given, gross = given_discount(invoice), gross_price(invoice)
    if not above_limit(given, gross):
        withdraw_request(invoice, ApprovalKind.DISCOUNT)
        return
    known = latest_approval(invoice, ApprovalKind.DISCOUNT)
    if known is not None and known.status in COVERING and known.amount >= given and known.basis <= gross:
        return
    withdraw_request(invoice, ApprovalKind.DISCOUNT)
    request_approval(invoice, ApprovalKind.DISCOUNT, given, gross, invoice.discount_reason)


def discount_stands(invoice: Invoice) -> bool:
    """Whether nothing of a draft's discount waits or was refused."""
    if not given_discount(invoice):
        return True
    known = latest_approval(invoice, ApprovalKind.DISCOUNT)
    return known is None or known.status in (ApprovalStatus.APPROVED, ApprovalStatus.WITHDRAWN)


def check_discount_stands(invoice: Invoice) -> None:
    """Raises DiscountUndecided."""
    if not discount_stands(invoice):
        raise DiscountUndecided(_("The discount of this draft is not approved."), status=invoice.status)


def given_discount(invoice: Invoice) -> Money:
    """Everything taken off."""
    return Money(invoice.discount_minor + sum(line.discount_minor for line in invoice.lines), invoice.currency)


def gross_price(invoice: Invoice) -> Money:
    """What it would cost without any discount, before tax."""
    return Money(sum(line.net_minor + line.discount_minor for line in invoice.lines), invoice.currency)


def percent_off(amount: Money, percent: Decimal) -> Money:
    """A discount in per cent, rounded half up to the minor unit."""
    return amount.percent(percent)
