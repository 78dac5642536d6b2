"""What the error codes of the WhatsApp Cloud API mean. Decide on `code`, never on the title or the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.core.http import HttpResponse
from app.core.providers import MALFORMED, Outcome, ProviderError
from app.messaging.channels.base import RecipientFact

WINDOW_CLOSED = "131047"  # free text is over; the same words may go as a template
DAY = 24 * 3600.0

_CODES: dict[Outcome, tuple[int, ...]] = {
    Outcome.RETRY: (1, 2, 4, 80007, 130429, 131056, 131000, 131016, 131057, 135000),
    Outcome.RETRY_LATER: (131048, 131049, 131064, 130472, 131053, 131052),
    Outcome.PERMANENT_RECIPIENT: (131026, 131021, 131030, 131050),
    Outcome.PERMANENT_MESSAGE: (
        *(100, 131008, 131009, 131051, 131047, 131062, 132000, 132001, 132005, 132007, 132008, 132012),
        *(132015, 132016, 132068, 132069, 137000),
    ),
    Outcome.PERMANENT_ACCOUNT: (
        *(0, 3, 10, 33, 190, 368, 130497, 131005, 131031, 131037, 131042, 131045, 131063),
        *range(200, 300),
        *range(133000, 134000),
    ),
}
_OUTCOMES = {code: outcome for outcome, codes in _CODES.items() for code in codes}
_WAITS = {131056: 6.0, 131049: DAY}  # seconds the vendor asks for
# How often a message may be tried at all: unknown errors and media twice, a patient's limit of advertising once more
# after its day, and not again what an experiment of Meta's left out.
_MOST_TRIES = {1: 2, 135000: 2, 131052: 2, 131053: 2, 131049: 2, 130472: 1}
_MISSING_OBJECT = 33  # as a subcode: the business number does not exist or is not ours


def outcome_of_code(code: int) -> Outcome | None:
    """The outcome of an error code; None for one that is not known."""
    return _OUTCOMES.get(code)


# Refusals that are about this number and say nothing against it: our own number, a test list, marketing only.
_NOT_AGAINST_THE_NUMBER = frozenset({"131021", "131030", "131050"})


def fact_of_code(code: str) -> RecipientFact | None:
    """What a refused recipient says about the number."""
    return None if code in _NOT_AGAINST_THE_NUMBER else RecipientFact.INVALID


def refusal(
    response: HttpResponse, safe_text: Callable[[object, Iterable[str]], str], hide: list[str]
) -> ProviderError:
    """The error of an answer that is not a success; `hide` are values that its text may repeat."""
    error = response.error_object()
    code = error.get("code")
    if not isinstance(code, int):
        return _without_code(response)
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    text = safe_text(details or error.get("message") or "", hide)
    wait = max(response.retry_after() or 0.0, _WAITS.get(code, 0.0)) or None
    return ProviderError(_outcome(response, code, error), str(code), text, wait, _MOST_TRIES.get(code))


def _outcome(response: HttpResponse, code: int, error: dict[str, Any]) -> Outcome:
    if error.get("error_subcode") == _MISSING_OBJECT:
        return Outcome.PERMANENT_ACCOUNT
    known = _OUTCOMES.get(code)
    if error.get("is_transient") is True and known is not Outcome.RETRY_LATER:
        return Outcome.RETRY
    return known or _by_status(response)


def _by_status(response: HttpResponse) -> Outcome:
    """502 and 504 come from between us and them: the message may have passed. 500 and 503 are their own refusal."""
    if response.status in (408, 502, 504):
        return response.unclear
    if response.status == 429 or response.status >= 500:
        return Outcome.RETRY
    return Outcome.PERMANENT_ACCOUNT if response.status in (401, 403) else Outcome.PERMANENT_MESSAGE


def _without_code(response: HttpResponse) -> ProviderError:
    """Not the API's own words: a proxy, or another site at that address, which no other message will change."""
    outcome = _by_status(response)
    text = f"HTTP {response.status} without an error code."
    if outcome is Outcome.PERMANENT_MESSAGE:
        return ProviderError(Outcome.PERMANENT_ACCOUNT, MALFORMED, text)
    return ProviderError(outcome, f"http_{response.status}", text, response.retry_after())
