"""Calls to Stripe's API: keys that make a repeat harmless, lists to their end, refusals with their outcome.

Not the vendor's SDK (16.1): its one exception for "no connection" and "no answer" hides whether a call may have been
carried out, it keeps connections alive so that a reset could be either, and it accepts webhooks of any future time. The
wire is small: forms in, JSON out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from app.core.http import HttpClient, HttpResponse, bearer_auth
from app.core.providers import Outcome, ProviderError, Timeouts

# Responses and expansions are read as this version writes them; webhooks come in the version of their endpoint.
API_VERSION = "2026-10-28.endive"
PAGE = 100
MOST_PAGES = 50
ASK_TWICE = 2
# How many keys one operation may use up: a key whose stored answer is a fault answers that fault for a day.
MOST_KEYS = 4
CHARGE = "latest_charge.balance_transaction"
R = TypeVar("R")
Entity = dict[str, Any]


class StripeClient:
    """One account's API. Every method raises ProviderError."""

    def __init__(self, base_url: str, secret_key: str, timeouts: Timeouts, safe_text: Callable[[object], str]) -> None:
        headers = {**bearer_auth(secret_key), "Stripe-Version": API_VERSION}
        self._http = HttpClient(base_url, headers=headers, timeouts=timeouts)
        self._safe_text = safe_text

    def get(
        self,
        path: str,
        *,
        ids: Mapping[str, str] | None = None,
        expand: str = "",
        query: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        wanted = {**(query or {}), **({"expand[]": expand} if expand else {})}
        return self.answered(self._http.get(path, ids=ids, query=wanted, attempts=ASK_TWICE))

    def post(
        self,
        path: str,
        data: Mapping[str, str],
        *,
        key: str = "",
        ids: Mapping[str, str] | None = None,
        harmless: bool = False,
    ) -> HttpResponse:
        """Send once, under a key where one is given; the answer may be a refusal: see `answered`.

        Stripe keeps the first answer of a key, a fault of its own too. Getting that again means that we asked what
        became of the call before repeating it (the contract of `Gateway`), so the next key is used.
        """
        for number in range(MOST_KEYS):
            headers = {"Idempotency-Key": f"{key}.{number}" if number else key} if key else {}
            response = self._http.post(path, ids=ids, data=data, headers=headers, harmless=harmless)
            if response.status < 500 or not is_replayed(response):
                break
        return response

    def each(
        self,
        path: str,
        *,
        ids: Mapping[str, str] | None = None,
        expand: str = "",
        query: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[HttpResponse, Entity]]:
        """Every entity of a list, the newest first, with the answer that it came in."""
        wanted = {**(query or {}), "limit": PAGE}
        for _ in range(MOST_PAGES):
            response = self.get(path, ids=ids, expand=expand, query=wanted)
            page = response.json_object()
            items = page.get("data")
            if not isinstance(items, list) or any(not isinstance(item, dict) for item in items):
                response.malformed()
            yield from ((response, item) for item in items)
            if not page.get("has_more") or not items:
                return
            wanted["starting_after"] = items[-1].get("id")
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "list_too_long", "The list at the gateway is too long to read.")

    def answered(self, response: HttpResponse) -> HttpResponse:
        """The answer of a success. Raises ProviderError for everything else."""
        if response.ok:
            return response
        if response.status < 400:
            response.malformed()
        error = response.error_object()
        # Stripe tells a declined card in two words: that it was declined, and why.
        code = str(error.get("decline_code") or error.get("code") or error.get("type") or f"http_{response.status}")
        text = self._safe_text(error.get("message") or f"HTTP {response.status}")
        raise ProviderError(_outcome(response), code[:64], text, response.retry_after())


def understood(response: HttpResponse, read: Callable[[], R]) -> R:
    """What `read` makes of an answer that came; an entity without its essentials is a malformed answer."""
    try:
        return read()
    except ValueError:
        response.malformed()


def has_other_parameters(response: HttpResponse) -> bool:
    """Whether the key was used before, for a request that differs in some detail."""
    return response.status == 400 and response.error_object().get("type") == "idempotency_error"


def is_replayed(response: HttpResponse) -> bool:
    """Whether it is the kept answer of the key's first use: what it says may be out of date."""
    return response.headers.get("Idempotent-Replayed", "").lower() == "true"


def _outcome(response: HttpResponse) -> Outcome:
    """A fault on their side leaves a POST in doubt; a refusal does not. 409: another call holds the object or key."""
    if response.status in (401, 403):
        return Outcome.PERMANENT_ACCOUNT
    if response.status in (409, 429):
        return Outcome.RETRY
    if response.status == 408 or response.status >= 500:
        return response.unclear
    return Outcome.PERMANENT_MESSAGE
