"""How a message leaves: claim and commit, call the provider with nothing open, record and commit.

`claiming` decides what becomes of a due message, `calling` is the only place where one leaves the house, `recording`
says what is known afterwards; a fallback account is tried in the same attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery.calling import call_all
from app.messaging.delivery.claiming import LEASE, Claim, claim_batch
from app.messaging.delivery.recording import park_abandoned, record

__all__ = ["LEASE", "Claim", "claim_batch", "deliver", "park_abandoned", "record", "send"]


def send(clinic_id: str, message_id: str) -> None:
    """Try to send one message once. Afterwards it is in a state that says what is known."""
    deliver({clinic_id: [message_id]})


def deliver(messages: Mapping[str, Sequence[str]]) -> int:
    """Try messages of several clinics, by clinic, once each; how many calls were made. Calls are made side by side."""
    claims: list[Claim] = []
    for clinic_id, ids in messages.items():
        with tenant_scope(clinic_id), unit_of_work():
            claims += claim_batch(ids)
    called = 0
    while claims:
        called += len(claims)
        answers = call_all(claims)
        claims = []
        for clinic_id in messages:
            own = [answer for answer in answers if answer.claim.clinic_id == clinic_id]
            if own:
                with tenant_scope(clinic_id), unit_of_work():
                    claims += record(own)
    return called
