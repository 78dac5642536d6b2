"""Calls to providers: several at a time, none with a transaction open. Each one is told to the account's breaker."""

from __future__ import annotations

import contextvars
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from app.core.credentials import InvalidCredentials
from app.core.providers import Outcome, ProviderError, UnknownProvider
from app.messaging.breaker import report_call
from app.messaging.channels import channel_with_code
from app.messaging.channels.base import RecipientFact, SendReceipt
from app.messaging.delivery.claiming import Claim

log = logging.getLogger(__name__)

AT_A_TIME = 16
# What speaks against the provider; a refused address or text shows that it works (wire notes 0.1).
FAILURES = frozenset({Outcome.RETRY, Outcome.UNKNOWN, Outcome.PERMANENT_ACCOUNT})


@dataclass(frozen=True)
class Answer:
    """How one call ended; `opened` when it was the one that opened the breaker."""

    claim: Claim
    outcome: SendReceipt | ProviderError
    opened: bool = False
    # What a refusal says about the recipient.
    fact: RecipientFact | None = None


def call_all(claims: Sequence[Claim]) -> list[Answer]:
    if len(claims) == 1:
        return [_call(claims[0])]
    running = [_pool(os.getpid()).submit(contextvars.copy_context().run, _call, claim) for claim in claims]
    return [item.result() for item in running]


@lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    """One per process: threads do not live on in a fork."""
    return ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="messages")


def _call(claim: Claim) -> Answer:
    outcome, fact = _outcome(claim)
    failed = isinstance(outcome, ProviderError) and outcome.outcome in FAILURES
    fatal = isinstance(outcome, ProviderError) and outcome.outcome is Outcome.PERMANENT_ACCOUNT
    opened = report_call(claim.clinic_id, claim.account.id, ok=not failed, probe=claim.probe, fatal=fatal)
    return Answer(claim, outcome, opened, fact)


def _outcome(claim: Claim) -> tuple[SendReceipt | ProviderError, RecipientFact | None]:
    try:
        adapter = channel_with_code(claim.account.provider)
        channel = adapter.open(claim.account.credentials, base_url=claim.account.base_url)
    except (InvalidCredentials, UnknownProvider):
        text = "The stored account cannot be used: look at its settings."
        return ProviderError(Outcome.PERMANENT_ACCOUNT, "invalid_account", text), None
    try:
        return channel.send(claim.message), None
    except ProviderError as error:
        return error, channel.fact_of(error)
    except Exception as error:  # an adapter's own fault must not leave the other messages of the batch in doubt
        log.exception("adapter failed: %s", claim.account.provider)
        text = f"The call ended with a fault of ours ({type(error).__name__})."
        return ProviderError(Outcome.UNKNOWN, "fault", text), None
