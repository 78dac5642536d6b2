"""What providers told about messages, taken in by workers."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from app.core import clock
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging import receipts
from app.messaging.models import NoticeStatus, ProviderNotice

SWEPT = 200
GRACE = timedelta(seconds=15)  # a fresh notice is woken by its own commit
# What a notice says of persons is forgotten after this time; that it came, and what it brought about, stays.
KEPT_FOR = timedelta(days=30)
FORGOTTEN_AT_ONCE = 1000


@job("notification", attempts=1, timeout=60)
def process_provider_notice(clinic_id: str, notice_id: str) -> None:
    """Take in what a message provider told."""
    with tenant_scope(clinic_id):
        receipts.process_notice(notice_id)


@job("notification", attempts=1, every=10)
def sweep_provider_notices() -> int:
    """Wake the jobs of notices that are due: a lost wake-up, a dead worker, the next look."""
    now = clock.now()
    fresh = (ProviderNotice.attempts == 0) & (ProviderNotice.created_at > now - GRACE)
    wanted = select(ProviderNotice.clinic_id, ProviderNotice.id).where(
        ProviderNotice.status.in_((NoticeStatus.RECEIVED, NoticeStatus.WAITING)), ProviderNotice.next_at <= now, ~fresh
    )
    with all_tenants():
        due = db.session.execute(wanted.order_by(ProviderNotice.next_at).limit(SWEPT)).all()
    for clinic_id, notice_id in due:
        process_provider_notice.enqueue_now(clinic_id, notice_id)
    return len(due)


@job("notification", attempts=1, every=3600)
def forget_old_notices() -> int:
    """Empty the notices of more than a month ago."""
    old = (
        select(ProviderNotice.id)
        .where(ProviderNotice.created_at < clock.now() - KEPT_FOR, ProviderNotice.raw != b"")
        .limit(FORGOTTEN_AT_ONCE)
    )
    with all_tenants(), unit_of_work():
        changed = (
            update(ProviderNotice).where(ProviderNotice.id.in_(old)).values(raw=b"", headers={}, url="")
        ).execution_options(synchronize_session=False)
        return int(db.session.execute(changed).rowcount)  # type: ignore[attr-defined]
