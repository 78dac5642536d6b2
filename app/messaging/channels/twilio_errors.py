"""What Twilio's error codes mean, in answers and in status callbacks."""

from __future__ import annotations

from app.core.http import HttpResponse
from app.core.providers import MALFORMED, Outcome, ProviderError
from app.messaging.channels.base import RecipientFact

OPTED_OUT = 21610
_CODES: dict[Outcome, tuple[int, ...]] = {
    Outcome.RETRY: (20429, 30001, 30003, 30008, 30410, 63012),
    Outcome.RETRY_LATER: (21611, 14107, 63018, 63038, 63049),
    Outcome.PERMANENT_RECIPIENT: (
        *(OPTED_OUT, 21211, 21614, 21635, 21612, 30004, 30005, 30006),
        *(63003, 63024, 63032),
    ),
    Outcome.PERMANENT_MESSAGE: (
        *(21602, 21617, 21620, 63019, 30019, 63005, 63013, 63016, 63021),
        *(63027, 63028, 63029, 63030),
    ),
    Outcome.PERMANENT_ACCOUNT: (
        *(20003, 20404, 21212, 21606, 21603, 21408, 30002, 30007, 30034, 63007),
    ),
}  # fmt: skip
_OUTCOMES = {code: outcome for outcome, codes in _CODES.items() for code in codes}
HOUR = 3600.0
WAITS = {30003: HOUR}  # seconds until a handset that was off may be on again
MOST_TRIES = {30003: 2, 30008: 2}  # how often a message may be tried at all
# The handset, not the number: it may be on again tomorrow.
_FOR_NOW = frozenset({30003, 30008, 30410})


def outcome_of_code(code: int) -> Outcome | None:
    """The outcome of an error code; None for one that is not known."""
    return _OUTCOMES.get(code)


def fact_of_code(code: int) -> RecipientFact | None:
    """What an error code says about the number; None where it says nothing."""
    if code == OPTED_OUT:
        return RecipientFact.OPTED_OUT
    if code in _FOR_NOW:
        return RecipientFact.UNREACHABLE
    return RecipientFact.INVALID if _OUTCOMES.get(code) is Outcome.PERMANENT_RECIPIENT else None


def outcome_of_answer(response: HttpResponse, code: int | None) -> Outcome:
    """By the code, else by the HTTP status: 502 and 504 come from between us and them."""
    if response.status in (408, 502, 504):
        return response.unclear
    known = None if code is None else _OUTCOMES.get(code)
    if known is not None:
        return known
    if response.status == 429 or response.status >= 500:
        return Outcome.RETRY
    return Outcome.PERMANENT_ACCOUNT if response.status in (401, 403) else Outcome.PERMANENT_MESSAGE


def without_code(response: HttpResponse) -> ProviderError:
    """A proxy, or another site at that address: no other message will change that."""
    outcome = outcome_of_answer(response, None)
    text = f"HTTP {response.status} without an error code."
    if outcome is Outcome.PERMANENT_MESSAGE:
        return ProviderError(Outcome.PERMANENT_ACCOUNT, MALFORMED, text)
    return ProviderError(outcome, f"http_{response.status}", text, response.retry_after())
