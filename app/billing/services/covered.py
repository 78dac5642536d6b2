"""Whether a subscription pays for a visit."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from app.billing.models import Coverage, CoverageStatus
from app.core.errors import Conflict
from app.core.tenant import db


class VisitCovered(Conflict):
    """A subscription pays for the visit: nothing is due."""

    code = "COVERED"


def find_coverage(appointment_id: str) -> Coverage | None:
    """What pays for the visit; not what was returned."""
    return db.session.scalar(
        select(Coverage).where(Coverage.appointment_id == appointment_id, Coverage.status != CoverageStatus.RETURNED)
    )


def is_covered(appointment_id: str) -> bool:
    return find_coverage(appointment_id) is not None


def was_covered(appointment_id: str) -> bool:
    """Whether a subscription ever paid for the visit, also where its place was given back."""
    return db.session.scalar(select(Coverage.id).where(Coverage.appointment_id == appointment_id).limit(1)) is not None


def covered_visits(appointment_ids: Sequence[str]) -> set[str]:
    """Those of many visits that a subscription pays for."""
    wanted = select(Coverage.appointment_id).where(
        Coverage.appointment_id.in_(appointment_ids), Coverage.status != CoverageStatus.RETURNED
    )
    return set(db.session.scalars(wanted))
