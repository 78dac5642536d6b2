"""Calls to AWS through boto3, which signs and reads; what it sends goes out over our own transport, once, with short
time-outs, on a connection of its own, and without the machine's AWS settings.

boto3 costs a process some 20 MB, so it is imported when the first call is made: a web process that never calls AWS
does without it. A client is kept per account, since making one takes 20 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient
from app.core.providers import MALFORMED, N_, Outcome, ProviderError, Timeouts

KEPT_CLIENTS = 16
REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"
_making = threading.Lock()

COMMON_CODES = {
    "AccessDenied": Outcome.PERMANENT_ACCOUNT,
    "AccessDeniedException": Outcome.PERMANENT_ACCOUNT,
    "AuthorizationError": Outcome.PERMANENT_ACCOUNT,
    "ExpiredTokenException": Outcome.PERMANENT_ACCOUNT,
    "InvalidClientTokenId": Outcome.PERMANENT_ACCOUNT,
    "InvalidSignatureException": Outcome.PERMANENT_ACCOUNT,
    "OptInRequired": Outcome.PERMANENT_ACCOUNT,
    "SignatureDoesNotMatch": Outcome.PERMANENT_ACCOUNT,
    "UnrecognizedClientException": Outcome.PERMANENT_ACCOUNT,
    "Throttling": Outcome.RETRY,
    "ThrottlingException": Outcome.RETRY,
    "ThrottledException": Outcome.RETRY,
    "TooManyRequestsException": Outcome.RETRY,
}


class AwsCredentials(CredentialModel):
    """A key of an IAM user that may do what the channel needs, and nothing else."""

    # ASCII spelt out: \w of all scripts, 128 times, is a pattern of 12 MB in the validator.
    access_key_id: str = credential(N_("Access key id"), pattern=r"^[A-Za-z0-9_]{16,128}$")
    secret_access_key: SecretStr = credential(N_("Secret access key"), min_length=1)
    region: str = credential(N_("Region"), pattern=REGION, help_text=N_("For example ap-south-1."))


class AwsCaller:
    """One service with one account's key."""

    def __init__(self, service: str, credentials: AwsCredentials, base_url: str, timeouts: Timeouts) -> None:
        self._service = service
        self._key = (credentials.access_key_id, credentials.secret_access_key.get_secret_value(), credentials.region)
        self._base_url = HttpClient(base_url, timeouts=timeouts).base_url  # checked as every other one
        self._timeouts = (timeouts.connect, timeouts.read)

    def call(self, operation: str, values: Mapping[str, Any], *, harmless: bool = False) -> dict[str, Any]:
        """Call once. Raises AwsRefusal for an answer that refuses, ProviderError for no usable answer."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
        from botocore.parsers import ResponseParserError

        unclear = Outcome.RETRY if harmless else Outcome.UNKNOWN
        try:
            found: dict[str, Any] = getattr(self._client(), operation)(**values)
            return found
        except ClientError as error:
            raise AwsRefusal(error.response) from None
        except ProviderError as error:
            outcome = unclear if error.outcome is Outcome.UNKNOWN else error.outcome
            raise ProviderError(outcome, error.code, error.message) from None
        except ParamValidationError:
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_request", "AWS takes no such request.") from None
        except (BotoCoreError, ResponseParserError):
            raise ProviderError(unclear, MALFORMED, "The answer was not understood.") from None

    def _client(self) -> Any:
        with _making:  # making clients is not safe between threads; using them is
            return _client(self._service, *self._key, self._base_url, *self._timeouts)


class AwsRefusal(Exception):
    """An error answer: AWS's own code, status and words."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        error, meta = response.get("Error") or {}, response.get("ResponseMetadata") or {}
        self.code = str(error.get("Code") or "")
        self.text = str(error.get("Message") or "")
        self.status = int(meta.get("HTTPStatusCode") or 0)
        self.retry_after = _seconds((meta.get("HTTPHeaders") or {}).get("retry-after"))
        super().__init__(self.code)

    def outcome(self, codes: Mapping[str, Outcome], unclear: Outcome) -> Outcome:
        """By the service's own codes, then those of all services, then the HTTP status."""
        return codes.get(self.code) or COMMON_CODES.get(self.code) or self._by_status(unclear)

    def _by_status(self, unclear: Outcome) -> Outcome:
        if self.status in (408, 502, 504):
            return unclear
        if self.status == 429 or self.status >= 500:
            return Outcome.RETRY
        return Outcome.PERMANENT_ACCOUNT if self.status in (401, 403) else Outcome.PERMANENT_MESSAGE


def _seconds(value: object) -> float | None:
    text = str(value or "")
    return float(text) if text.isascii() and text.isdigit() else None


@lru_cache(maxsize=1)
def _session() -> Any:
    """Reads neither the environment nor files of the machine: an account's key is the only one that is used."""
    import boto3
    import botocore.session

    names = ("profile", "config_file", "credentials_file", "region", "ca_bundle")
    unset = dict.fromkeys(names, (None, None, None, None))
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=unset))


@lru_cache(maxsize=KEPT_CLIENTS)
def _client(  # noqa: PLR0913, PLR0917 - the key of the cache
    service: str, key_id: str, secret: str, region: str, base_url: str, connect: float, read: float
) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},  # the outbox decides what is repeated
        ignore_configured_endpoint_urls=True,
    )
    client = _session().client(
        service,
        region_name=region,
        endpoint_url=base_url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=config,
    )
    client._endpoint.http_session = _Transport(Timeouts(connect, read))  # noqa: SLF001 - boto3 offers no other place
    return client


class _Transport:
    """What botocore sends through. Safe to share between threads."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts

    def send(self, request: Any) -> Any:
        """Raises ProviderError for no usable answer; botocore hands it on."""
        from botocore.awsrequest import AWSResponse

        parts = urlsplit(request.url)
        http = HttpClient(f"{parts.scheme}://{parts.netloc}", headers=_texts(request.headers), timeouts=self._timeouts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        answer = http.get(path) if request.method == "GET" else http.post(path, data=request.body)
        response = AWSResponse(request.url, answer.status, answer.headers, None)
        response._content = answer.body  # noqa: SLF001 - read already
        return response

    def close(self) -> None:
        """Nothing stays open."""


def _texts(headers: Mapping[str, Any]) -> dict[str, str]:
    """Some values are bytes; the length is counted anew."""
    found = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()}
    return {name: value for name, value in found.items() if name.lower() != "content-length"}
