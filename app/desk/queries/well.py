"""Whether everything works: the installation that all clinics share, and what waits for a person in this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from redis.exceptions import RedisError
from rq.cron import CronScheduler
from sqlalchemy import func, select

from app.audit.verdicts import last_verdict
from app.core import clock
from app.core.health import database_answers, migrations_done, redis_answers
from app.core.jobs import QUEUES, redis_connection
from app.core.principal import may
from app.core.tenant import db
from app.core.vocabulary import kind_name
from app.events.models import DeliveryStatus, EventDelivery
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.jobs.queries import aware, dead_jobs, queue_figures, worker_figures
from app.messaging.breaker import BreakerState
from app.messaging.models import Message, MessageStatus, ProviderNotice
from app.messaging.models import NoticeStatus as ReceiptStatus
from app.messaging.queries import provider_health
from app.messaging.words import channel_name
from app.payments.models import Dispute, DisputeState, OperationStatus, PaymentOperation, WebhookEvent
from app.payments.models import WebhookStatus as NoticeStatus
from app.payments.services.health import gateway_health

OK, WARN, BAD, MUTE = "ok", "warn", "bad", "mute"
LONG_WAIT_SECONDS = 60
MOST_COUNTED = 1000
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what, how it stands (ok, warn, bad, mute), in words; `url` leads to where something can be done."""

    name: str
    tone: str
    text: str
    url: str = ""


def worst(checks: list[Check]) -> str:
    """The tone of all together."""
    return next((tone for tone in (BAD, WARN) if any(item.tone == tone for item in checks)), OK)


# ---- what all clinics share ----


def installation() -> list[Check]:
    """Database, Redis, workers, scheduler and queues."""
    return [_database(), *_with_redis()]


def _database() -> Check:
    started = time.perf_counter()
    answers = database_answers()
    spent = round((time.perf_counter() - started) * 1000)
    if not answers:
        return Check(_("Database"), BAD, _("does not answer"))
    if not migrations_done():
        return Check(_("Database"), BAD, _("stands at an older migration than the program"))
    return Check(_("Database"), OK, _("answers in %(time)s ms, newest migration", time=spent))


def _with_redis() -> list[Check]:
    started = time.perf_counter()
    if not redis_answers():
        return [Check("Redis", BAD, _("does not answer: pages work, nothing is sent or printed meanwhile"))]
    spent = round((time.perf_counter() - started) * 1000)
    try:
        return [
            Check("Redis", OK, _("answers in %(time)s ms", time=spent)),
            _workers(),
            _scheduler(),
            _queues(),
        ]
    except RedisError:
        return [Check("Redis", BAD, _("answers now and then only"))]


def _workers() -> Check:
    workers, url = worker_figures(), _link("job", "QueueView.overview")
    worked = {name for worker in workers for name in worker["queues"].split(", ")}
    idle = [name for name in QUEUES if name not in worked]
    if idle:
        return Check(_("Workers"), BAD, _("nobody works on %(names)s", names=", ".join(idle)), url)
    return Check(_("Workers"), OK, ngettext("%(num)s runs", "%(num)s run", len(workers)), url)


def _scheduler() -> Check:
    """Sweepers find what a lost wake-up left: without them nothing is lost, but much is late."""
    running = CronScheduler.all(redis_connection(), cleanup=False)
    seen = [aware(scheduler.last_heartbeat) for scheduler in running]
    return Check(_("Scheduler"), OK, _("runs")) if any(seen) else Check(_("Scheduler"), BAD, _("does not run"))


def _queues() -> Check:
    figures, url = queue_figures(), _link("job", "QueueView.overview")
    waiting, oldest = sum(row.waiting + row.events for row in figures), max(row.oldest_seconds for row in figures)
    text = _("%(count)s wait, the oldest for %(seconds)s s", count=waiting, seconds=oldest)
    return Check(_("Queues"), WARN if oldest > LONG_WAIT_SECONDS else OK, text, url)


# ---- providers ----


def providers() -> list[Check]:
    """Payment gateways, and the accounts that messages leave by."""
    return [*_gateways(), *_channels()]


def _gateways() -> list[Check]:
    words = {"up": (OK, _("answers")), "down": (BAD, _("does not answer"))}
    quiet = (MUTE, _("not asked lately"))
    return [Check(kind_name(code), *words.get(state, quiet)) for code, state in gateway_health().items()]


def _channels() -> list[Check]:
    found, url = [], _link("provider_account", "MessageProviderView.board")
    for channel, accounts in provider_health().items():
        for item in accounts:
            found.append(Check(f"{channel_name(channel)} · {item.provider}", *_breaker(item), url))
    return found


def _breaker(item: Any) -> tuple[str, str]:
    if item.breaker is None:
        return WARN, _("nobody knows while Redis is away")
    if item.breaker.state is BreakerState.OPEN:
        return BAD, _("left alone for %(seconds)s s: %(why)s", seconds=item.breaker.seconds_left, why=item.last_error)
    if item.breaker.state is BreakerState.HALF_OPEN:
        return WARN, _("the next message tries it again")
    calls = {"calls": item.calls, "failed": item.failed}
    return OK, _("%(calls)s calls in the last hour, %(failed)s failed", **calls)


# ---- this clinic ----


def clinic_matters() -> list[Check]:
    """What waits for a person, each kind with the way to its list."""
    return [
        _counted(
            _("Parked events"), _count(EventDelivery, EventDelivery.status == DeliveryStatus.PARKED),
            _link("event", "EventDeliveryView.list", _flt_2_status="PARKED"),
        ),
        _counted(_("Dead jobs"), lambda: len(dead_jobs(MOST_COUNTED)), _link("job", "QueueView.overview")),
        _counted(
            _("Parked messages"), _count(Message, Message.status == MessageStatus.PARKED),
            _link("message", "MessageView.list", _flt_2_status="PARKED"),
        ),
        _counted(
            _("Messages of this week that failed"),
            _count(Message, Message.status == MessageStatus.FAILED, Message.created_at >= clock.now() - WEEK),
            _link("message", "MessageView.list", _flt_2_status="FAILED"),
        ),
        _counted(
            _("Delivery receipts that failed"),
            _count(ProviderNotice, ProviderNotice.status == ReceiptStatus.PARKED),
            _link("provider_notice", "ProviderNoticeView.list", _flt_2_status="PARKED"),
        ),
        _counted(
            _("Webhooks that did not arrive"), _count(WebhookDelivery, WebhookDelivery.status == WebhookStatus.PARKED),
            _link("webhook_endpoint", "WebhookDeliveryView.list", _flt_2_status="PARKED"),
        ),
        _counted(
            _("Webhook endpoints that were switched off"),
            _count(WebhookEndpoint, WebhookEndpoint.disabled_reason != ""),
            _link("webhook_endpoint", "WebhookEndpointView.list"), BAD,
        ),
        _counted(
            _("Unknown payments"), _count(PaymentOperation, PaymentOperation.status == OperationStatus.UNKNOWN),
            _link("finance_home", "FinanceView.home"),
        ),
        _counted(
            _("Disputed payments"),
            _count(Dispute, Dispute.state.in_((DisputeState.OPEN, DisputeState.UNDER_REVIEW))),
            _link("reconciliation", "DisputeView.list"),
        ),
        _counted(
            _("Notices of gateways that failed"), _count(WebhookEvent, WebhookEvent.status == NoticeStatus.PARKED),
            _link("webhook", "WebhookEventView.list", _flt_2_status="PARKED"),
        ),
        _trail(),
    ]  # fmt: skip


def _count(model: Any, *criteria: Any) -> Callable[[], int]:
    return lambda: int(db.session.scalar(select(func.count()).select_from(model).where(*criteria)) or 0)


def _counted(name: str, count: Callable[[], int], url: str, tone: str = WARN) -> Check:
    try:
        number = count()
    except RedisError:
        return Check(name, WARN, _("nobody knows while Redis is away"), url)
    return Check(name, tone if number else OK, str(number) if number else _("none"), url)


def _trail() -> Check:
    url = _link("audit_entry", "AuditCheckView.check")
    try:
        verdict = last_verdict()
    except RedisError:
        verdict = None
    if verdict is None:
        return Check(_("Audit trail"), WARN, _("not walked in the last days: check it now"), url)
    if verdict.findings:
        text = ngettext("%(num)s place does not hold", "%(num)s places do not hold", verdict.findings)
        return Check(_("Audit trail"), BAD, text, url)
    return Check(_("Audit trail"), OK, _("holds, walked to its end by a worker"), url)


def _link(resource: str, endpoint: str, **arguments: Any) -> str:
    return url_for(endpoint, **arguments) if may(resource, "read") else ""
