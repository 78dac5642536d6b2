"""Time and seats that one thing takes, and the constraint by which two never take the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import ExcludeConstraint, Range

from app.core.tenant import current_clinic_id
from app.tenancy.queries import settings_in_scope

# A plain visit takes all seats of its time; a member of a group takes one seat, [k, k+1).
ALL_SEATS: Range[int] = Range(0, None)


def _key_of(column: str) -> Any:
    """An id as a range of one point, so that GiST can compare it without the btree_gist extension (DESIGN 9)."""
    return text(f"int8range(uuid_hash_extended({column}, 0), uuid_hash_extended({column}, 0), '[]')")


def no_overlap(column: str, name: str, where: str) -> ExcludeConstraint:
    return ExcludeConstraint(
        (_key_of(column), "&&"),
        (text("busy"), "&&"),
        (text("seats"), "&&"),
        using="gist",
        name=name,
        where=text(where),
        deferrable=True,
        initially="IMMEDIATE",
    )


def wall_clock(moment: datetime) -> datetime:
    """The moment as the clinic's clock shows it; UTC where no clinic is in scope."""
    return moment.astimezone(ZoneInfo(settings_in_scope().zone)) if current_clinic_id() else moment
