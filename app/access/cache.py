"""What of users the cache keeps: the clinic's lists and single users."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.access.models import Member, User
from app.core.cache.regions import CLINIC_USERS, USER
from app.core.cache.rows import hangs_on
from app.core.tenant import all_tenants, db


def clinics_of_user(user_id: str) -> list[str]:
    """Every clinic that the user has or had a role in; opens a scope of its own."""
    with all_tenants():
        found: Any = db.session.scalars(select(Member.clinic_id).where(Member.user_id == user_id))
        return list(found)


hangs_on(CLINIC_USERS, Member)
hangs_on(CLINIC_USERS, User, clinics=clinics_of_user)
hangs_on(USER, Member, by="user_id")
hangs_on(USER, User, by="id", clinics=clinics_of_user)
