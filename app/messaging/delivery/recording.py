"""What is known after a call, written down: sent, again later, by the next account, given up, or parked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import Table, select, text

from app.core import clock, metrics
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db, require_clinic
from app.core.together import as_json, insert_many, recordset
from app.core.transaction import after_commit
from app.events.services import publish, publish_all
from app.messaging.alerts import alert_members
from app.messaging.breaker import OPEN_MS
from app.messaging.channels.base import SendReceipt
from app.messaging.delivery.calling import Answer, Ended
from app.messaging.delivery.claiming import Claim, fall_back, had_their_turn
from app.messaging.delivery.facts import Facts
from app.messaging.delivery.states import give_up, sent
from app.messaging.models import Message, MessageAttempt, MessageStatus
from app.messaging.spend import give_back
from app.messaging.suppression import learn

MAX_ATTEMPTS = 3
BACKOFF_BASE_SECONDS = 2
QUOTA_WAIT = timedelta(hours=1)
# A breaker that an earlier account has open lets one message through by then.
EARLIER_WAIT = timedelta(milliseconds=OPEN_MS)
UNCLEAR = "The provider gave no clear answer: it may have been sent."
STOPPED = "A worker stopped while sending: it may have been sent."
# Not carried out, and nothing is wrong with the message: another account may do it.
NEXT_ACCOUNT = frozenset({Outcome.RETRY, Outcome.RETRY_LATER, Outcome.PERMANENT_ACCOUNT})
# What a fallback says of itself or of the text; an account before it, which only failed for now, may still send it.
NOT_THROUGH_IT = (Outcome.PERMANENT_ACCOUNT, Outcome.PERMANENT_MESSAGE)
UNCLEAR_SENDS = metrics.Counter(
    "clinic_messages_unclear", "Calls to message providers that may or may not have sent, by channel", ["channel"]
)
_SAID = ("outcome", "code", "text", "provider_message_id")
_FINISH = text(f"""
update message_attempt attempt
set {", ".join(f"{name} = given.{name}" for name in _SAID)}, finished_at = :now, updated_at = :now
from {recordset(cast(Table, MessageAttempt.__table__), ("id", *_SAID))}
where attempt.clinic_id = :clinic_id and attempt.id = given.id
""")  # noqa: S608 - names of columns


def record(answers: Sequence[Answer]) -> list[Claim]:
    """Write down how calls of the clinic in scope ended; the claims of those that a fallback account takes over."""
    messages = _locked([item.claim.message_id for item in answers])
    with db.session.no_autoflush:
        facts = Facts(list(messages.values()))
        found = [_record_one(messages[item.claim.message_id], item, facts) for item in answers]
    _finish_attempts(answers)
    insert_many(facts.attempts)
    publish_all(facts.events)
    return [claim for claim in found if claim is not None]


def _locked(ids: Sequence[str]) -> dict[str, Message]:
    wanted = select(Message).where(Message.id.in_(ids)).order_by(Message.id).with_for_update()
    return {row.id: row for row in db.session.scalars(wanted.execution_options(populate_existing=True))}


def _finish_attempts(answers: Sequence[Answer]) -> None:
    rows = [{"id": item.claim.attempt_id, **_end_of(item.outcome)} for item in answers]
    values = {"rows": as_json(rows), "clinic_id": require_clinic(), "now": clock.now()}
    db.session.connection().execute(_FINISH, values)


def _end_of(outcome: Ended) -> dict[str, str | None]:
    if isinstance(outcome, SendReceipt):
        sent_as = outcome.provider_message_id
        return {"outcome": "ok", "code": "", "text": outcome.answer, "provider_message_id": sent_as}
    said = {"code": outcome.code, "text": outcome.message}
    return {"outcome": str(outcome.outcome), **said, "provider_message_id": None}


def _record_one(message: Message, answer: Answer, facts: Facts) -> Claim | None:
    outcome = answer.outcome
    if isinstance(outcome, SendReceipt):
        message.provider_message_id = outcome.provider_message_id
        if message.can_become(MessageStatus.SENT):  # a receipt may have been faster
            facts.events.append(sent(message))
        return None
    if answer.fact is not None:
        learn(message.channel, message.recipient, answer.fact, source=f"{answer.claim.account.provider}:{outcome.code}")
    if answer.opened:
        _alert(answer, outcome)
    return _failed(message, answer.claim, outcome, facts) if answer.claim.holds(message) else None


def _failed(message: Message, claim: Claim, error: ProviderError, facts: Facts) -> Claim | None:
    reason = f"{error.code}: {error.message}"
    if error.outcome is Outcome.UNKNOWN:
        _count_unclear(message)
        facts.events.append(give_up(message, MessageStatus.PARKED, UNCLEAR))
        return None
    if error.outcome in NEXT_ACCOUNT and (taken_over := fall_back(message, claim, facts)) is not None:
        return taken_over
    give_back(message, claim.charged_on or clock.today(facts.zone))
    if _may_try_again(message, error):
        _again(message, _pause(message, error), reason)
        if error.outcome is Outcome.RETRY_LATER and error.most_tries is None:
            message.attempts -= 1  # a quota is no failed attempt
    elif error.outcome in NOT_THROUGH_IT and _earlier_may_send(message, claim, facts):
        _again(message, EARLIER_WAIT, reason)
    else:
        facts.events.append(give_up(message, MessageStatus.FAILED, reason))
    return None


def _may_try_again(message: Message, error: ProviderError) -> bool:
    """A quota ends by itself; all else is tried three times, or as often as the provider allows."""
    if error.outcome is Outcome.RETRY_LATER and error.most_tries is None:
        return True
    tried_again = error.outcome in (Outcome.RETRY, Outcome.RETRY_LATER)
    return tried_again and message.attempts < (error.most_tries or MAX_ATTEMPTS)


def _earlier_may_send(message: Message, claim: Claim, facts: Facts) -> bool:
    """Whether an account before this one is still to be tried: it failed for now, or its breaker was open."""
    refused = {item.account_id for item in message.tries if item.outcome in NOT_THROUGH_IT}
    earlier = [item for item in had_their_turn(claim, facts) if item != claim.account.id]
    return message.attempts < MAX_ATTEMPTS and not refused.issuperset(earlier)


def _pause(message: Message, error: ProviderError) -> timedelta:
    """As long as the provider asked, and never shorter than our own."""
    later = error.outcome is Outcome.RETRY_LATER
    own = QUOTA_WAIT if later else timedelta(seconds=BACKOFF_BASE_SECONDS**message.attempts)
    return max(timedelta(seconds=error.retry_after or 0), own)


def _again(message: Message, wait: timedelta, reason: str) -> None:
    message.become(MessageStatus.QUEUED)
    message.next_at = clock.now() + wait
    message.reason = reason[:300]


def _count_unclear(message: Message) -> None:
    channel = str(message.channel)
    after_commit(lambda: UNCLEAR_SENDS.inc(channel=channel))


def _alert(answer: Answer, error: ProviderError) -> None:
    """The admins hear of a breaker that opened, at most once an hour per account."""
    account = answer.claim.account

    def about() -> dict[str, str]:
        from app.messaging.words import account_name, channel_name

        return {"provider": account_name(account), "channel": channel_name(account.channel), "why": error.message}

    alert_members("provider_refused", about, f"provider-refused:{account.id}:{clock.now():%Y%m%d%H}")


def park_abandoned(message: Message) -> None:
    """A worker died between claim and record: nobody knows whether the message left, so it is not repeated."""
    for attempt in message.tries:
        if attempt.outcome == "started":
            attempt.outcome, attempt.text, attempt.finished_at = str(Outcome.UNKNOWN), STOPPED, clock.now()
    _count_unclear(message)
    publish(give_up(message, MessageStatus.PARKED, STOPPED))
