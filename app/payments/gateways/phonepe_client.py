"""Calls to PhonePe with an access token, and what its answers mean.

Facts (developer.phonepe.com; the SDK's list of exceptions): tokens come from another door of the same host in
production and go out as `O-Bearer`; an error is `code`, `message` and `data` at the root. A refused token (401) means
that the call was not carried out, so that it may be repeated once with a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from app.core import clock
from app.core.http import HttpClient, HttpResponse
from app.core.providers import Outcome, ProviderError, Timeouts
from app.payments.gateways.access_tokens import Token, TokenBook, account_key, read_token

UNAUTHORIZED = 401
_NOT_FOUND = frozenset({"ORDER_NOT_FOUND", "TRANSACTION_NOT_FOUND", "REFUND_NOT_FOUND", "INVALID_MERCHANT_ORDER_ID"})
_WRONG_ACCOUNT = frozenset({"AUTHORIZATION_FAILED", "INVALID_CLIENT", "UNAUTHORIZED"})
_tokens = TokenBook()
R = TypeVar("R")


@dataclass(frozen=True)
class ClientKeys:
    """What a token is given for."""

    client_id: str
    version: int
    secret: str = field(repr=False)


class PhonePeClient:
    """One account's calls. Its token is shared by all clients of the same account in this process."""

    def __init__(self, base_url: str, keys: ClientKeys, timeouts: Timeouts, safe_text: Callable[[object], str]) -> None:
        self._base_url, self._keys, self._timeouts, self._safe_text = base_url, keys, timeouts, safe_text
        self._door = HttpClient(_token_base(base_url), timeouts=timeouts)
        self._account = account_key(base_url, keys.client_id, str(keys.version), keys.secret)

    def call(self, send: Callable[[HttpClient], HttpResponse]) -> HttpResponse:
        """Send with the account's token; one that is refused is renewed once."""
        token = _tokens.get(self._account, self.ask_token)
        response = send(self._with(token))
        if response.status != UNAUTHORIZED:
            return response
        return send(self._with(_tokens.get(self._account, self.ask_token, instead_of=token)))

    def _with(self, token: str) -> HttpClient:
        return HttpClient(self._base_url, headers={"Authorization": f"O-Bearer {token}"}, timeouts=self._timeouts)

    def ask_token(self) -> Token:
        """A new token. Only a right client id, secret and version get one: all else is a ProviderError."""
        form = {
            "client_id": self._keys.client_id,
            "client_version": self._keys.version,
            "client_secret": self._keys.secret,
            "grant_type": "client_credentials",
        }
        asked_at = clock.now()
        response = self._door.post("/v1/oauth/token", data=form, harmless=True)
        if 400 <= response.status < 500 and response.status not in (404, 408, 429):
            self._refuse(response, Outcome.PERMANENT_ACCOUNT)
        return self.read(response, lambda body: read_token(body, asked_at))

    def read(self, response: HttpResponse, read: Callable[[dict[str, Any]], R]) -> R:
        """The document of a success. Raises ProviderError for everything else."""
        if response.status >= 400:
            self._refuse(response, _outcome(response))
        if not response.ok:
            response.malformed()
        try:
            return read(response.json_object())
        except ValueError:
            response.malformed()

    def _refuse(self, response: HttpResponse, outcome: Outcome) -> NoReturn:
        error = _error(response)
        code = str(error.get("code") or error.get("errorCode") or f"http_{response.status}")[:64]
        text = self._safe_text(error.get("message") or f"HTTP {response.status}")
        raise ProviderError(outcome, code, text, response.retry_after())


def is_missing(response: HttpResponse) -> bool:
    """Whether PhonePe knows nothing of that id."""
    return response.status == 404 or (response.status == 400 and _error(response).get("code") in _NOT_FOUND)


def _token_base(base_url: str) -> str:
    return base_url.removesuffix("/pg") + "/identity-manager" if base_url.endswith("/apis/pg") else base_url


def _error(response: HttpResponse) -> Mapping[str, Any]:
    try:
        document = response.json()
    except ProviderError:
        return {}
    return document if isinstance(document, dict) else {}


def _outcome(response: HttpResponse) -> Outcome:
    """A fault on their side leaves a POST in doubt; a refusal does not."""
    if response.status in (401, 403) or _error(response).get("code") in _WRONG_ACCOUNT:
        return Outcome.PERMANENT_ACCOUNT
    if response.status == 429:
        return Outcome.RETRY
    if response.status == 408 or response.status >= 500:
        return response.unclear
    return Outcome.PERMANENT_MESSAGE
