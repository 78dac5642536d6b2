"""How a message leaves: claim and commit, call the provider with nothing open, record and commit.

`claiming` decides what becomes of a due message, `calling` is the only place where one leaves the house, `recording`
says what is known afterwards; a fallback account is tried in the same attempt. A batch holds messages of many clinics:
what goes wrong with one of them must not hold up the others, nor leave their calls without an end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery.calling import Answer, call_all
from app.messaging.delivery.claiming import LEASE, Claim, claim_batch
from app.messaging.delivery.faults import put_off
from app.messaging.delivery.recording import park_abandoned, record

__all__ = ["LEASE", "Claim", "claim_batch", "deliver", "park_abandoned", "record", "send"]

log = logging.getLogger(__name__)

# The database is at fault, not the message: it stays as it is, and the sweeper finds it.
AWAY = (OperationalError, InterfaceError, PoolExhausted)


def send(clinic_id: str, message_id: str) -> None:
    """Try to send one message once. Afterwards it is in a state that says what is known."""
    deliver({clinic_id: [message_id]})


def deliver(messages: Mapping[str, Sequence[str]]) -> int:
    """Try messages of several clinics, by clinic, once each; how many calls were made. Calls are made side by side."""
    claims: list[Claim] = []
    for clinic_id, ids in messages.items():
        claims += _claimed(clinic_id, ids)
    called = 0
    while claims:
        called += len(claims)
        answers = call_all(claims)
        claims = []
        for clinic_id in messages:
            own = [answer for answer in answers if answer.claim.clinic_id == clinic_id]
            if own:
                claims += _recorded(clinic_id, own)
    return called


def _claimed(clinic_id: str, ids: Sequence[str]) -> list[Claim]:
    """The claims of a clinic's messages; one that cannot be claimed is put off, and its neighbours are tried alone."""
    try:
        with tenant_scope(clinic_id), unit_of_work():
            return claim_batch(ids)
    except AWAY:
        log.exception("messages were not claimed: the database failed")
        return []
    except Exception:
        log.exception("%d messages of a clinic could not be claimed together", len(ids))
    if len(ids) > 1:
        return [claim for message_id in ids for claim in _claimed(clinic_id, [message_id])]
    try:
        with tenant_scope(clinic_id), unit_of_work():
            put_off(ids[0])
    except Exception:
        log.exception("a message could not be put off")
    return []


def _recorded(clinic_id: str, answers: Sequence[Answer]) -> list[Claim]:
    """Whom fallbacks take over; where an end cannot be written down, its message is parked when its time is over."""
    try:
        with tenant_scope(clinic_id), unit_of_work():
            return record(answers)
    except Exception:
        log.exception("the ends of %d calls could not be written down together", len(answers))
    if len(answers) > 1:
        return [claim for answer in answers for claim in _recorded(clinic_id, [answer])]
    return []
