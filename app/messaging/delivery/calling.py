"""Calls to providers: several at a time, none with a transaction open. Each one is told to the account's breaker."""

from __future__ import annotations

import contextvars
import logging
import os
from collections.abc import Iterator, Sequence
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


Ended = SendReceipt | ProviderError


@dataclass(frozen=True)
class Answer:
    """How one call ended; `opened` when it was the one that opened the breaker."""

    claim: Claim
    outcome: Ended
    opened: bool = False
    # What a refusal says about the recipient.
    fact: RecipientFact | None = None


def call_all(claims: Sequence[Claim]) -> list[Answer]:
    bundles = list(_bundles(claims))
    if len(bundles) == 1:
        return _call(bundles[0])
    running = [_pool(os.getpid()).submit(contextvars.copy_context().run, _call, bundle) for bundle in bundles]
    return [answer for item in running for answer in item.result()]


def _bundles(claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Messages of one account that are best handed over on one connection; a probe goes alone."""
    by_account: dict[tuple[str, str, bool], list[Claim]] = {}
    for claim in claims:
        by_account.setdefault((claim.clinic_id, claim.account.id, claim.probe), []).append(claim)
    for found in by_account.values():
        size = _together(found[0])
        yield from (found[start : start + size] for start in range(0, len(found), size))


def _together(claim: Claim) -> int:
    try:
        return channel_with_code(claim.account.provider).capabilities.together
    except UnknownProvider:
        return 1


@lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    """One per process: threads do not live on in a fork."""
    return ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="messages")


def _call(bundle: Sequence[Claim]) -> list[Answer]:
    ended = [(claim, *how) for claim, how in zip(bundle, _outcomes(bundle), strict=True)]
    _tell_of_successes(bundle[0], sum(not _failed(outcome) for _claim, outcome, _fact in ended))
    return [Answer(claim, outcome, _opened_by(claim, outcome), fact) for claim, outcome, fact in ended]


def _failed(outcome: Ended) -> bool:
    return isinstance(outcome, ProviderError) and outcome.outcome in FAILURES


def _tell_of_successes(claim: Claim, count: int) -> None:
    if count:
        report_call(claim.clinic_id, claim.account.id, ok=True, probe=claim.probe, times=count)


def _opened_by(claim: Claim, outcome: Ended) -> bool:
    """Tell of a failure; whether it was the one that opened the breaker."""
    if not _failed(outcome):
        return False
    fatal = isinstance(outcome, ProviderError) and outcome.outcome is Outcome.PERMANENT_ACCOUNT
    return report_call(claim.clinic_id, claim.account.id, ok=False, probe=claim.probe, fatal=fatal)


def _outcomes(bundle: Sequence[Claim]) -> list[tuple[Ended, RecipientFact | None]]:
    account = bundle[0].account
    try:
        channel = channel_with_code(account.provider).open(account.credentials, base_url=account.base_url)
    except (InvalidCredentials, UnknownProvider):
        text = "The stored account cannot be used: look at its settings."
        return [(ProviderError(Outcome.PERMANENT_ACCOUNT, "invalid_account", text), None)] * len(bundle)
    try:
        ended = channel.send_all([claim.message for claim in bundle])
    except Exception as error:  # an adapter's own fault must not leave the other messages of the batch in doubt
        log.exception("adapter failed: %s", account.provider)
        text = f"The call ended with a fault of ours ({type(error).__name__})."
        return [(ProviderError(Outcome.UNKNOWN, "fault", text), None)] * len(bundle)
    return [(one, channel.fact_of(one) if isinstance(one, ProviderError) else None) for one in ended]
