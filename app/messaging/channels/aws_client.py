"""Calls to AWS through boto3, held to our own rules: one attempt, short time-outs, no settings of the machine.

boto3 costs a process some 20 MB, so it is imported when the first call is made: a web process that never calls AWS
does without it. A client is kept per account, since making one takes 20 ms; its connections are not, because a reset
on a kept-alive one could not be told from a request carried out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient, is_loopback
from app.core.providers import MALFORMED, N_, NO_ANSWER, TIMED_OUT, UNREACHABLE, UNTRUSTED, Outcome, ProviderError

log = logging.getLogger(__name__)

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

    access_key_id: str = credential(N_("Access key id"), pattern=r"^\w{16,128}$")
    secret_access_key: SecretStr = credential(N_("Secret access key"), min_length=1)
    region: str = credential(N_("Region"), pattern=REGION, help_text=N_("For example ap-south-1."))


class AwsCaller:
    """One service with one account's key."""

    def __init__(self, service: str, credentials: AwsCredentials, base_url: str, timeouts: Any) -> None:
        self._service = service
        self._key = (credentials.access_key_id, credentials.secret_access_key.get_secret_value(), credentials.region)
        self._base_url = HttpClient(base_url, timeouts=timeouts).base_url  # checked as every other one
        self._timeouts = (timeouts.connect, timeouts.read)

    def call(self, operation: str, values: Mapping[str, Any], *, harmless: bool = False) -> dict[str, Any]:
        """Call once. Raises AwsRefusal for an answer that refuses, ProviderError for no usable answer."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        unclear = Outcome.RETRY if harmless else Outcome.UNKNOWN
        started, result = time.perf_counter(), "failed"
        try:
            found: dict[str, Any] = getattr(self._client(), operation)(**values)
            result = "ok"
            return found
        except ClientError as error:
            refusal = AwsRefusal(error.response)
            result = refusal.code
            raise refusal from None
        except (BotoCoreError, ResponseParserError) as error:
            failure = _failure(error, unclear)
            result = failure.code
            raise failure from None
        finally:
            spent = round((time.perf_counter() - started) * 1000)
            log.info("%s %s %s %d ms", self._service, operation, result, spent)

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
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": 1},  # the outbox decides what is repeated
        proxies={} if is_loopback(base_url) else None,  # type: ignore[arg-type]
        ignore_configured_endpoint_urls=True,
        parameter_validation=True,
    )
    client = _session().client(
        service,
        region_name=region,
        endpoint_url=base_url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=config,
    )
    client.meta.events.register("before-send", _close_afterwards)
    return client


def _close_afterwards(request: Any, **_: Any) -> None:
    request.headers["Connection"] = "close"


def _failure(error: Exception, unclear: Outcome) -> ProviderError:
    """What a call without an answer means, by whether the request can have left us."""
    from botocore import exceptions as boto

    if isinstance(error, boto.SSLError):
        return ProviderError(Outcome.PERMANENT_ACCOUNT, UNTRUSTED, "The certificate is not trusted.")
    if isinstance(error, boto.ReadTimeoutError):
        return ProviderError(unclear, TIMED_OUT, "No answer in time.")
    if isinstance(error, boto.ConnectTimeoutError | boto.EndpointConnectionError | boto.ProxyConnectionError):
        return ProviderError(Outcome.RETRY, UNREACHABLE, "No connection.")
    if isinstance(error, boto.ParamValidationError):
        return ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_request", "AWS takes no such request.")
    if isinstance(error, boto.HTTPClientError):
        return ProviderError(unclear, NO_ANSWER, "The connection broke before the answer.")
    return ProviderError(unclear, MALFORMED, "The answer was not understood.")
