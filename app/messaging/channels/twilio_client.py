"""Twilio's SDK over our own transport: time-outs, no retries, one connection per call, answers with their headers.

The SDK by itself has no time-out and drops the headers of refusals, and with them Retry-After. It is imported at the
first call: a web process that never calls Twilio does without its 8 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient, HttpResponse, basic_auth
from app.core.providers import N_, NO_ANSWER, Outcome, ProviderError, Timeouts
from app.messaging.channels.twilio_errors import MOST_TRIES, WAITS, outcome_of_answer, without_code


class TwilioCredentials(CredentialModel):
    """An account; with an API key the key calls, and the auth token only checks webhooks."""

    account_sid: str = credential(N_("Account SID"), pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr = credential(N_("Auth token"), min_length=1, help_text=N_("Signs the webhooks."))
    api_key_sid: str = credential(N_("API key SID"), default="", pattern=r"^(SK[0-9a-fA-F]{32})?$")
    api_key_secret: SecretStr | None = credential(N_("API key secret"), default=None)
    messaging_service_sid: str = credential(
        N_("Messaging service SID"),
        default="",
        pattern=r"^(MG[0-9a-fA-F]{32})?$",
        help_text=N_("Chooses the sender; without one the sender below is used."),
    )
    webhook_shared_secret: SecretStr | None = credential(
        N_("Webhook shared secret"), default=None, help_text=N_("Only where webhooks are signed with a shared key.")
    )

    def login(self) -> tuple[str, str]:
        """User and password of calls."""
        if self.api_key_sid and self.api_key_secret:
            return self.api_key_sid, self.api_key_secret.get_secret_value()
        return self.account_sid, self.auth_token.get_secret_value()


class TwilioCaller:
    """Calls of one account. `safe_text` makes the vendor's words fit to be kept."""

    def __init__(
        self, credentials: TwilioCredentials, base_url: str, timeouts: Timeouts, safe_text: Callable[..., str]
    ) -> None:
        self._credentials = credentials
        self._http = HttpClient(base_url, timeouts=timeouts)
        self._safe_text = safe_text

    def send(self, hide: Iterable[str], **fields: Any) -> Any:
        """Make a message; what the SDK read from the answer. Raises ProviderError."""
        return self._call(lambda client: client.messages.create(**fields), hide)

    def account(self) -> dict[str, Any]:
        """The account's own record, read without the SDK: a web process asks for it. Raises ProviderError."""
        http = HttpClient(
            self._http.base_url, headers=basic_auth(*self._credentials.login()), timeouts=self._http.timeouts
        )
        answer = http.get("/2010-04-01/Accounts/{account}.json", ids={"account": self._credentials.account_sid})
        if not answer.ok:
            raise self._refusal(answer, ())
        return answer.json_object()

    def _call(self, action: Callable[[Any], Any], hide: Iterable[str]) -> Any:
        from twilio.base.exceptions import TwilioException
        from twilio.rest import Client

        transport = _transport()(self._http, self._credentials.account_sid)
        user, password = self._credentials.login()
        client = Client(user, password, account_sid=self._credentials.account_sid, http_client=transport)
        try:
            return action(client)
        except TwilioException:
            raise self._refusal(transport.answer, hide) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            self._garbled(transport.answer)

    def _garbled(self, answer: HttpResponse | None) -> None:
        """The SDK could not read an answer that is a success."""
        if answer is None:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_request", "Twilio takes no such request.") from None
        answer.malformed()

    def _refusal(self, answer: HttpResponse | None, hide: Iterable[str]) -> ProviderError:
        if answer is None:
            return ProviderError(Outcome.PERMANENT_ACCOUNT, NO_ANSWER, "The SDK refused the credentials.")
        try:
            document = answer.json_object()
        except ProviderError:
            return without_code(answer)
        code = document.get("code")
        if not isinstance(code, int):
            return without_code(answer)
        text = self._safe_text(document.get("message") or document.get("detail") or document.get("title") or "", hide)
        wait = max(answer.retry_after() or 0.0, WAITS.get(code, 0.0)) or None
        return ProviderError(outcome_of_answer(answer, code), str(code), text, wait, MOST_TRIES.get(code))


@lru_cache(maxsize=1)
def _transport() -> type[Any]:
    """The class is made when the SDK is first needed, since its base is the SDK's."""
    from twilio.http import HttpClient as SdkHttpClient
    from twilio.http.response import Response

    class Transport(SdkHttpClient):
        """What the SDK calls through. The host it names is not ours to choose by: the account's base URL is used."""

        def __init__(self, http: HttpClient, account_sid: str) -> None:
            self.is_async = False
            self.answer: HttpResponse | None = None
            self._http, self._account_sid = http, account_sid

        def request(  # noqa: PLR0913, PLR0917 - the SDK's signature
            self,
            method: str,
            uri: str,
            params: Any = None,
            data: Any = None,
            headers: Any = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,
        ) -> Response:
            self.answer = None
            path = urlsplit(uri).path.replace(self._account_sid, "{account}")
            self.answer = self._send(path, data, {**(headers or {}), **(basic_auth(*auth) if auth else {})})
            return Response(self.answer.status, self.answer.body.decode("utf-8", "replace"), self.answer.headers)

        def _send(self, path: str, data: Any, headers: dict[str, str]) -> HttpResponse:
            ids = {"account": self._account_sid}
            kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            return self._http.post(path, ids=ids, data=data, headers=kept)

    return Transport
