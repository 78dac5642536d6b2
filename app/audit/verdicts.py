"""The regular look at a clinic's trail: what it came to, kept where every process sees it, and where its lanes end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.audit.chain import ENDS_NOTED, verify
from app.audit.models import AuditChain
from app.audit.services import record
from app.core import clock
from app.core.jobs import redis_connection
from app.core.tenant import db, require_clinic

KEPT_SECONDS = 3 * 24 * 3600


@dataclass(frozen=True)
class Verdict:
    """When the trail was walked, and how many places did not hold."""

    at: datetime
    findings: int


def check_trail() -> Verdict:
    """Walk the trail of the clinic in scope and remember what came of it. Raises RedisError."""
    verdict = Verdict(clock.now(), len(verify(require_clinic())))
    told = json.dumps({"at": verdict.at.isoformat(), "findings": verdict.findings})
    redis_connection().set(_key(), told, ex=KEPT_SECONDS)
    return verdict


def note_ends() -> None:
    """Write into the trail where its lanes end: to put one of them back takes putting back the one that tells so."""
    heads = db.session.scalars(select(AuditChain).where(AuditChain.length > 0).order_by(AuditChain.lane)).all()
    if len(heads) > 1:
        record(ENDS_NOTED, "audit_chain", None, ends={str(head.lane): [head.length, head.mac] for head in heads})


def last_verdict() -> Verdict | None:
    """None where nobody has looked in the last days. Raises RedisError."""
    found = redis_connection().get(_key())
    if found is None:
        return None
    told = json.loads(found)  # type: ignore[arg-type]
    return Verdict(datetime.fromisoformat(told["at"]), int(told["findings"]))


def _key() -> str:
    return f"audit-verdict:{require_clinic()}"
