"""Push through Firebase Cloud Messaging (HTTP v1). It sends no receipts: a dead token is told when it is written to."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SecretStr, field_validator

from app.core import clock
from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient, HttpResponse, bearer_auth
from app.core.providers import MALFORMED, N_, Outcome, ProviderError, Timeouts
from app.messaging.channels.base import Channel, ChannelCapabilities, OutgoingMessage, SendReceipt
from app.messaging.channels.google_token import TOKENS, ServiceAccount
from app.messaging.channels.push_content import checked, fcm_content

FID = "fid"  # a Firebase installation id, which takes the place of tokens
NO_DEVICE = "connection-test"
QUOTA_WAIT = 60.0
_FCM_ERROR = "google.firebase.fcm.v1.FcmError"
_CODES = {
    "UNREGISTERED": Outcome.PERMANENT_RECIPIENT,
    "SENDER_ID_MISMATCH": Outcome.PERMANENT_RECIPIENT,
    "QUOTA_EXCEEDED": Outcome.RETRY,
    "UNAVAILABLE": Outcome.RETRY,
    "INTERNAL": Outcome.RETRY,
    "THIRD_PARTY_AUTH_ERROR": Outcome.PERMANENT_ACCOUNT,
    "APNS_AUTH_ERROR": Outcome.PERMANENT_ACCOUNT,
}


class FcmCredentials(CredentialModel):
    """The key file of a service account that may send."""

    service_account: SecretStr = credential(
        N_("Service account"),
        multiline=True,
        help_text=N_("The whole JSON file: project settings, service accounts, generate new private key."),
    )

    @field_validator("service_account")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        try:
            return SecretStr(ServiceAccount.read(value.get_secret_value()).canonical())
        except (ValueError, RecursionError):
            raise ValueError(N_("This is not the JSON key file of a service account.")) from None


class Fcm(Channel[FcmCredentials]):
    """One Firebase project."""

    code = "fcm"
    label = "Firebase Cloud Messaging"
    channel = "push"
    Credentials = FcmCredentials
    default_base_url = "https://fcm.googleapis.com"
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities()

    def __init__(
        self, credentials: FcmCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        self._account = ServiceAccount.read(credentials.service_account.get_secret_value())
        self._http = HttpClient(self.base_url, timeouts=self.timeouts)

    def probe(self) -> str:
        """Have a message to no device validated: that its token is refused proves that we are not."""
        message = {"token": NO_DEVICE, "notification": {"title": "-"}}
        response = self._post({"validate_only": True, "message": message}, harmless=True)
        error = None if response.ok else _refusal(response, self.safe_text)
        if error and error.outcome not in (Outcome.PERMANENT_RECIPIENT, Outcome.PERMANENT_MESSAGE):
            raise error
        return self._account.project_id

    def send(self, message: OutgoingMessage) -> SendReceipt:
        self.check_attachments(message)
        target = {"fid" if message.to_kind == FID else "token": message.to}
        response = self._post({"message": checked({**target, **fcm_content(message)})})
        if not response.ok:
            raise _refusal(response, lambda text: self.safe_text(text, [message.to]))
        name = response.json_object().get("name")
        if not isinstance(name, str) or not name:
            response.malformed()
        return SendReceipt(name, "accepted")

    def _post(self, body: dict[str, Any], *, harmless: bool = False) -> HttpResponse:
        """With the token that is kept; one that was revoked meanwhile is refused, and replaced once."""
        response = self._post_with_token(body, harmless)
        if response.status != 401:
            return response
        TOKENS.forget(self._account)
        return self._post_with_token(body, harmless)

    def _post_with_token(self, body: dict[str, Any], harmless: bool) -> HttpResponse:
        return self._http.post(
            "/v1/projects/{project}/messages:send",
            ids={"project": self._account.project_id},
            json=body,
            headers=bearer_auth(TOKENS.token(self._account, clock.now(), self.timeouts)),
            harmless=harmless,
        )


def _refusal(response: HttpResponse, safe_text: Any) -> ProviderError:
    error = response.error_object()
    details = error.get("details")
    kinds = {
        str(item.get("@type", "")).rpartition("/")[2]: item
        for item in (details if isinstance(details, list) else ())
        if isinstance(item, dict)
    }
    code = str(kinds.get(_FCM_ERROR, {}).get("errorCode") or error.get("status") or "")
    if not code:
        return _without_code(response)
    outcome = _outcome(response, code, bad_token=_FCM_ERROR in kinds)
    wait = response.retry_after() or (QUOTA_WAIT if code == "QUOTA_EXCEEDED" else None)
    return ProviderError(outcome, code, safe_text(error.get("message") or ""), wait)


def _outcome(response: HttpResponse, code: str, *, bad_token: bool) -> Outcome:
    """INVALID_ARGUMENT has two shapes: with an FCM error the token is malformed, without one the message is."""
    if code == "INVALID_ARGUMENT":
        return Outcome.PERMANENT_RECIPIENT if bad_token else Outcome.PERMANENT_MESSAGE
    return _CODES.get(code) or _by_status(response)


def _by_status(response: HttpResponse) -> Outcome:
    if response.status in (408, 502, 504):
        return response.unclear
    if response.status == 429 or response.status >= 500:
        return Outcome.RETRY
    return Outcome.PERMANENT_ACCOUNT if response.status in (401, 403) else Outcome.PERMANENT_MESSAGE


def _without_code(response: HttpResponse) -> ProviderError:
    """A proxy, or another site at that address: no other message will change that."""
    outcome = _by_status(response)
    text = f"HTTP {response.status} without an error code."
    if outcome is Outcome.PERMANENT_MESSAGE:
        return ProviderError(Outcome.PERMANENT_ACCOUNT, MALFORMED, text)
    return ProviderError(outcome, f"http_{response.status}", text, response.retry_after())
