"""What the last check of each clinic's trail came to, kept where every process sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from app.audit.chain import verify
from app.core import clock
from app.core.jobs import redis_connection
from app.core.tenant import require_clinic

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


def last_verdict() -> Verdict | None:
    """None where nobody has looked in the last days. Raises RedisError."""
    found = redis_connection().get(_key())
    if found is None:
        return None
    told = json.loads(found)  # type: ignore[arg-type]
    return Verdict(datetime.fromisoformat(told["at"]), int(told["findings"]))


def _key() -> str:
    return f"audit-verdict:{require_clinic()}"
