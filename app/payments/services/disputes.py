"""Taking in what gateways say about disputes, in whatever order the notices come."""

from __future__ import annotations

from sqlalchemy import select

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.events.services import publish
from app.payments.errors import FactRefused
from app.payments.events import PaymentDisputed
from app.payments.gateways.base import GatewayDispute
from app.payments.models import Dispute, DisputeState, Payment
from app.payments.services.postings import book_lost_dispute
from app.payments.services.sums import locked

# A later notice never takes a dispute back; a verdict stands.
RANK = {
    DisputeState.OPEN: 0,
    DisputeState.UNDER_REVIEW: 1,
    DisputeState.CLOSED: 2,
    DisputeState.WON: 3,
    DisputeState.LOST: 3,
}

STATES = {str(state): state for state in DisputeState}


def apply_dispute_fact(payment_id: str, fact: GatewayDispute) -> Dispute:
    """Take in a dispute as the gateway tells it now. Raises NotFound, and FactRefused for another currency."""
    payment = locked(payment_id)
    if fact.amount.currency != payment.currency:
        raise FactRefused(f"the dispute's currency is {fact.amount.currency}, ours is {payment.currency}")
    dispute, known = _find_or_open(payment, fact)
    state = STATES.get(fact.state.upper(), DisputeState.UNDER_REVIEW)
    moved = RANK[state] > RANK[DisputeState(dispute.state)]
    dispute.state = state if moved else dispute.state
    dispute.reason, dispute.phase = fact.reason[:120] or dispute.reason, fact.phase[:40] or dispute.phase
    dispute.respond_by = fact.respond_by or dispute.respond_by
    if RANK[DisputeState(dispute.state)] >= RANK[DisputeState.CLOSED] and dispute.closed_at is None:
        dispute.closed_at = clock.now()
    db.session.flush()
    if dispute.state == DisputeState.LOST:
        book_lost_dispute(dispute)
    if moved or not known:
        _tell(dispute)
    return dispute


def _find_or_open(payment: Payment, fact: GatewayDispute) -> tuple[Dispute, bool]:
    wanted = select(Dispute).where(Dispute.payment_id == payment.id, Dispute.gateway_dispute_id == fact.dispute_id[:80])
    known = db.session.scalar(wanted)
    if known is not None:
        return known, True
    dispute = Dispute(
        id=new_id(),
        payment_id=payment.id,
        gateway_dispute_id=fact.dispute_id[:80],
        state=DisputeState.OPEN,
        currency=fact.amount.currency,
        amount_minor=fact.amount.minor,
        reason="",
        phase="",
    )
    db.session.add(dispute)
    return dispute, False


def _tell(dispute: Dispute) -> None:
    publish(
        PaymentDisputed(
            payment_id=dispute.payment_id,
            dispute_id=dispute.gateway_dispute_id,
            state=dispute.state.lower(),
            amount_minor=dispute.amount_minor,
            currency=dispute.currency,
        )
    )
