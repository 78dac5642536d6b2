"""What waits for somebody of finance, each kind as a number that leads to its list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _
from sqlalchemy import Select, func, select

from app.billing.models import ApprovalStatus, InvoiceApproval, Subscription, SubscriptionStatus
from app.core.principal import may
from app.core.tenant import db
from app.payments.models import (
    Dispute,
    DisputeState,
    ExceptionStatus,
    HoldStatus,
    PaymentHold,
    ReconciliationException,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """`count` rows of a kind; `url` shows them."""

    label: Any
    count: int
    url: str


@dataclass(frozen=True)
class _Kind:
    label: Any
    resource: str
    counted: Callable[[], Select[Any]]
    endpoint: str
    filters: dict[str, Any]


def _count(model: Any, *wanted: Any) -> Select[Any]:
    return select(func.count()).select_from(model).where(*wanted)


KINDS = (
    _Kind(
        _("Payments under review"), "payment_hold",
        lambda: _count(PaymentHold, PaymentHold.status == HoldStatus.OPEN),
        "PaymentHoldView.list", {"_flt_2_status": "OPEN"},
    ),
    _Kind(
        _("Exceptions"), "reconciliation",
        lambda: _count(ReconciliationException, ReconciliationException.status == ExceptionStatus.OPEN),
        "ReconciliationExceptionView.list", {"_flt_2_status": "OPEN"},
    ),
    _Kind(
        _("Disputes"), "reconciliation",
        lambda: _count(Dispute, Dispute.state.in_((DisputeState.OPEN, DisputeState.UNDER_REVIEW))),
        "DisputeView.list", {},
    ),
    _Kind(
        _("Approvals"), "invoice",
        lambda: _count(InvoiceApproval, InvoiceApproval.status == ApprovalStatus.REQUESTED),
        "InvoiceApprovalView.list", {"_flt_2_status": "REQUESTED"},
    ),
    _Kind(
        _("Subscriptions past due"), "subscription",
        lambda: _count(Subscription, Subscription.status == SubscriptionStatus.PAST_DUE),
        "SubscriptionView.list", {"_flt_2_status": "PAST_DUE"},
    ),
)  # fmt: skip


def waiting_for_finance() -> list[Waiting]:
    """Every kind that whoever looks may read, also those of which nothing waits."""
    shown = [kind for kind in KINDS if may(kind.resource, "read")]
    return [
        Waiting(kind.label, int(db.session.scalar(kind.counted()) or 0), url_for(kind.endpoint, **kind.filters))
        for kind in shown
    ]
