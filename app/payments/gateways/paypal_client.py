"""Calls to PayPal's REST API with an access token that is kept until it runs out, and how its refusals read.

Facts (vendor documentation): the token comes from POST /v1/oauth2/token by HTTP Basic, with `expires_in` seconds. It
can be revoked before: a 401 means that nothing was carried out, so the call is made once more with a new token.
Refusals are `{"name", "message", "debug_id", "details": [{"issue", "description"}]}`; those of the token call are
`{"error", "error_description"}`.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping
from typing import Any

from app.core import clock
from app.core.http import HttpClient, HttpResponse, basic_auth, bearer_auth, checked_base_url
from app.core.providers import Outcome, ProviderError, Timeouts, safe_text
from app.payments.gateways.access_tokens import Token, TokenBook, account_key, read_token

ASK_TWICE = 2
_tokens = TokenBook()
# Somebody else, perhaps we before, is carrying it out: ask, then say it again with the same key.
UNDER_WAY = frozenset({"PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS"})


class PayPalClient:
    """One REST app. Safe to share between threads."""

    def __init__(self, base_url: str, client_id: str, secret: str, timeouts: Timeouts) -> None:
        self._base_url, self._timeouts = checked_base_url(base_url, ("http", "https")), timeouts
        self._login = basic_auth(client_id, secret)
        self._secrets = (client_id, secret)
        self._account = account_key("paypal", base_url, client_id, secret)

    def get(self, path: str, *, id: str = "", query: Mapping[str, Any] | None = None) -> HttpResponse:
        """Ask; `id` fills the template's `{id}`."""
        ids = {"id": id} if id else {}
        return self._sent(lambda http: http.get(path, ids=ids, query=query, attempts=ASK_TWICE))

    def post(self, path: str, *, json: Mapping[str, Any], key: str, id: str = "") -> HttpResponse:
        """Do it, once per key (up to 108 characters)."""
        headers = {"Prefer": "return=representation", **({"PayPal-Request-Id": key} if key else {})}
        ids = {"id": id} if id else {}
        return self._sent(lambda http: http.post(path, ids=ids, json=json, headers=headers))

    def check_login(self) -> None:
        """Ask for a token that nobody uses. Raises ProviderError."""
        self._asked()

    def _sent(self, send: Callable[[HttpClient], HttpResponse]) -> HttpResponse:
        token = _tokens.get(self._account, self._asked)
        response = send(self._http(token))
        if response.status != 401:
            return response
        return send(self._http(_tokens.get(self._account, self._asked, instead_of=token)))

    def _http(self, token: str) -> HttpClient:
        return HttpClient(self._base_url, headers=bearer_auth(token), timeouts=self._timeouts)

    def _asked(self) -> Token:
        """Whatever goes wrong here, the call behind it was not made: its outcome is never unknown."""
        now = clock.now()
        http = HttpClient(self._base_url, headers=self._login, timeouts=self._timeouts)
        response = http.post("/v1/oauth2/token", data={"grant_type": "client_credentials"}, harmless=True)
        if not response.ok:
            raise self.error(response)
        try:
            return read_token(response.json_object(), now)
        except ValueError:
            response.malformed()

    def error(self, response: HttpResponse) -> ProviderError:
        """What a refusal means."""
        if response.status < 400:
            response.malformed()
        code = issue_of(response)[:64] or f"http_{response.status}"
        said = _detail(response).get("description") or _refusal(response).get("message")
        text = safe_text(said or f"HTTP {response.status}", self._secrets)
        return ProviderError(_outcome(response, code), code, text, response.retry_after())


def issue_of(response: HttpResponse) -> str:
    """The machine-readable reason of a refusal: the first issue, else the name; '' of a success."""
    if response.ok:
        return ""
    refusal = _refusal(response)
    return str(_detail(response).get("issue") or refusal.get("name") or refusal.get("error") or "")


def _refusal(response: HttpResponse) -> dict[str, Any]:
    try:
        document = json_module.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _detail(response: HttpResponse) -> dict[str, Any]:
    details = _refusal(response).get("details")
    first = details[0] if isinstance(details, list) and details else None
    return first if isinstance(first, dict) else {}


def _outcome(response: HttpResponse, issue: str) -> Outcome:
    """A fault on their side, or a first call still at work, leaves a POST in doubt; a refusal does not."""
    if response.status in (401, 403):
        return Outcome.PERMANENT_ACCOUNT
    if response.status == 429:
        return Outcome.RETRY
    if response.status in (408, 409) or response.status >= 500 or issue in UNDER_WAY:
        return response.unclear
    return Outcome.PERMANENT_MESSAGE
