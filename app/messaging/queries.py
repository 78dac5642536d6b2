"""What screens show of deliveries: how providers do, and what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import case, func, select

from app.core import clock
from app.core.providers import Outcome
from app.core.tenant import db, require_clinic
from app.messaging.breaker import BreakerLook, look_at_breaker
from app.messaging.models import Channel, Message, MessageAttempt, MessageStatus
from app.messaging.pace import turns_taken
from app.messaging.rules import MICROS, Rules, rules_in_scope
from app.messaging.spend import spent_today
from app.messaging.words import provider_name
from app.tenancy.providers import ResolvedAccount, accounts_for
from app.tenancy.queries import settings_in_scope

LOOKED_BACK = timedelta(hours=1)
MOST_FAILURES = 500
OUTSIDE = (Channel.EMAIL, Channel.WHATSAPP, Channel.SMS, Channel.PUSH)
# What a provider's own failure is; a refused address or text is an answer as good as any.
WENT_WRONG = (Outcome.RETRY, Outcome.RETRY_LATER, Outcome.PERMANENT_ACCOUNT, Outcome.UNKNOWN)


@dataclass(frozen=True)
class AccountHealth:
    """How one account did in the last hour. `breaker` None: Redis is away, nobody knows."""

    account: ResolvedAccount
    provider: str
    breaker: BreakerLook | None
    calls: int = 0
    failed: int = 0
    unclear: int = 0
    last_error: str = ""
    turns: int = 0
    limit: int = 0


@dataclass(frozen=True)
class Spent:
    """Today, in the clinic's currency; `cap` 0 is none."""

    amount: float
    cap: float


def provider_health() -> dict[str, list[AccountHealth]]:
    """By channel the accounts in the order in which they are tried; an empty list sends nothing."""
    rules, counts, errors = rules_in_scope(), _counts(), _last_errors()
    return {
        channel.value: [_health(account, rules, counts, errors) for account in accounts_for(channel)]
        for channel in OUTSIDE
    }


def _health(
    account: ResolvedAccount, rules: Rules, counts: Mapping[str, Any], errors: Mapping[str, str]
) -> AccountHealth:
    found = counts.get(account.id)
    try:
        breaker, turns = look_at_breaker(require_clinic(), account.id), turns_taken(require_clinic(), account.id)
    except RedisError:
        breaker, turns = None, 0
    return AccountHealth(
        account=account,
        provider=provider_name(account.provider),
        breaker=breaker,
        calls=found.calls if found else 0,
        failed=found.failed if found else 0,
        unclear=found.unclear if found else 0,
        last_error=errors.get(account.id, ""),
        turns=turns,
        limit=rules.per_minute(account.channel),
    )


def _counts() -> dict[str, Any]:
    failed = func.sum(case((MessageAttempt.outcome.in_([str(item) for item in WENT_WRONG]), 1), else_=0))
    unclear = func.sum(case((MessageAttempt.outcome == str(Outcome.UNKNOWN), 1), else_=0))
    wanted = (
        select(
            MessageAttempt.account_id,
            func.count().label("calls"),
            failed.label("failed"),
            unclear.label("unclear"),
        )
        .where(MessageAttempt.created_at >= clock.now() - LOOKED_BACK)
        .group_by(MessageAttempt.account_id)
    )
    return {str(row.account_id): row for row in db.session.execute(wanted)}


def _last_errors() -> dict[str, str]:
    """The provider's own words of each account's newest failure in the last hour."""
    wanted = (
        select(MessageAttempt.account_id, MessageAttempt.code, MessageAttempt.text)
        .where(
            MessageAttempt.created_at >= clock.now() - LOOKED_BACK,
            MessageAttempt.outcome.in_([str(item) for item in WENT_WRONG]),
        )
        .order_by(MessageAttempt.created_at.desc())
        .limit(MOST_FAILURES)
    )
    newest: dict[str, str] = {}
    for row in db.session.execute(wanted):
        newest.setdefault(str(row.account_id), f"{row.code}: {row.text}")
    return newest


def spent() -> Spent:
    rules = rules_in_scope()
    return Spent(spent_today(settings_in_scope().zone) / MICROS, float(rules.daily_cap))


def waiting_for_a_person(since: datetime) -> dict[str, int]:
    """Failed and parked messages by status."""
    wanted = (
        select(Message.status, func.count().label("total"))
        .where(Message.status.in_([MessageStatus.FAILED, MessageStatus.PARKED]), Message.created_at >= since)
        .group_by(Message.status)
    )
    return {row.status: row.total for row in db.session.execute(wanted)}
