"""What every outside provider has in common: one error with an outcome, a test call, look-up by code.

An adapter takes and returns plain frozen data, renders nothing and stores nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Self, TypeVar

from app.core.credentials import MASK, CredentialModel
from app.core.storable import storable

LONGEST_CODE, LONGEST_MESSAGE = 60, 500
N_ = str  # marks a text for extraction; the screen that shows it translates it


class Outcome(StrEnum):
    """What a failed call means for its caller (classes of the wire notes, plus "unknown")."""

    RETRY = "retry"  # not carried out; try again with backoff
    RETRY_LATER = "retry_later"  # a quota; wait for its next window
    PERMANENT_RECIPIENT = "permanent_recipient"  # this address will never work: suppress it
    PERMANENT_MESSAGE = "permanent_message"  # this request will never work; another one may
    PERMANENT_ACCOUNT = "permanent_account"  # credentials, billing, set-up: alert the operator
    UNKNOWN = "unknown"  # it may have been carried out: ask before repeating


# Codes of failures that are our own finding; every other code is the provider's.
UNREACHABLE = "unreachable"
TIMED_OUT = "timed_out"
NO_ANSWER = "no_answer"
UNTRUSTED = "untrusted_certificate"
PRIVATE = "private_host"
UNSUPPORTED = "unsupported"  # the account asks for what is not offered there
MALFORMED = "malformed_answer"


class ProviderError(Exception):
    """A provider call that failed. `message` is safe to store and show: no secret, address or telephone number.

    `retry_after`: seconds, as the provider asked. `most_tries`: how often the same may be tried at all when this is the
    answer, where the provider says so.
    """

    def __init__(
        self,
        outcome: Outcome,
        code: str,
        message: str,
        retry_after: float | None = None,
        most_tries: int | None = None,
    ) -> None:
        super().__init__(f"{outcome}: {code}")
        self.outcome = outcome
        self.code = storable(code, LONGEST_CODE)
        self.message = storable(message, LONGEST_MESSAGE)
        self.retry_after = retry_after
        self.most_tries = most_tries


class BadSignature(Exception):
    """A notice does not prove that its provider sent it. Store nothing of it; answer 400 or 401."""


def check_hmac_sha256(message: bytes, signature: str | None, secrets: Iterable[str]) -> None:
    """Raise BadSignature unless the lower-case hex HMAC-SHA256 of the raw bytes was made with one of the secrets."""
    given = (signature or "").encode("utf-8", "replace")
    made = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode() for secret in secrets if secret]
    if not any(hmac.compare_digest(one, given) for one in made):
        raise BadSignature("no secret of this account made this signature")


def unix_time(seconds: object) -> datetime | None:
    """Unix seconds, a number or its text, as an aware time; None for anything else."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


class UnknownProvider(LookupError):
    """No adapter has this code."""


class ConnectionResult(StrEnum):
    """How a test call ended; a wrong key, a time-out and a success must read differently."""

    CONNECTED = "connected"
    WRONG_CREDENTIALS = "wrong_credentials"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    BUSY = "busy"
    UNUSABLE = "unusable"


CONNECTION_TEXTS: Mapping[ConnectionResult, str] = {
    ConnectionResult.CONNECTED: N_("Connected. The provider accepted these credentials."),
    ConnectionResult.WRONG_CREDENTIALS: N_("The provider refused these credentials or this account."),
    ConnectionResult.TIMED_OUT: N_("The provider was reached but did not answer in time. Please try again."),
    ConnectionResult.UNREACHABLE: N_("The provider could not be reached. Check the address and the network."),
    ConnectionResult.UNTRUSTED: N_("The provider's certificate is not trusted, so nothing was sent to it."),
    ConnectionResult.BUSY: N_("The provider reports a fault or limits our calls right now. Try again in a minute."),
    ConnectionResult.UNUSABLE: N_("Something answered, but not as this provider does. Check the base URL."),
}


@dataclass(frozen=True)
class ConnectionReport:
    """The answer of **Test connection**. `text` is to be translated; `detail` is the provider's wording, made safe."""

    result: ConnectionResult
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.result is ConnectionResult.CONNECTED

    @property
    def text(self) -> str:
        return CONNECTION_TEXTS[self.result]


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection and for each further answer."""

    connect: float = 3
    read: float = 10


C = TypeVar("C", bound=CredentialModel)


class Provider(ABC, Generic[C]):
    """One adapter: one file, made per use from an account's credentials and base URL."""

    code: ClassVar[str]
    label: ClassVar[str]
    channel: ClassVar[str]
    Credentials: ClassVar[type[CredentialModel]]
    default_base_url: ClassVar[str]
    default_timeouts: ClassVar[Timeouts] = Timeouts()

    def __init__(self, credentials: C, *, base_url: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.credentials = credentials
        self.base_url = (base_url or self.default_base_url).strip().rstrip("/")
        self.timeouts = timeouts or self.default_timeouts

    @classmethod
    def open(cls, values: Mapping[str, Any], *, base_url: str | None = None, timeouts: Timeouts | None = None) -> Self:
        """The adapter for stored credentials. Raises InvalidCredentials."""
        return cls(cls.Credentials.load(values), base_url=base_url, timeouts=timeouts)  # type: ignore[arg-type]

    @abstractmethod
    def probe(self) -> str:
        """Make a real, cheap call that changes nothing; a short text about the account. Raises ProviderError."""

    def test_connection(self) -> ConnectionReport:
        """What the **Test connection** button shows; never raises ProviderError."""
        try:
            return ConnectionReport(ConnectionResult.CONNECTED, self.probe())
        except ProviderError as error:
            return ConnectionReport(_connection_result(error), error.message)

    def safe_text(self, text: object, hide: Iterable[str] = ()) -> str:
        """A provider's wording without our secrets, the given values, addresses and telephone numbers."""
        return safe_text(text, (*self.credentials.secrets(), *hide))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"


P = TypeVar("P", bound=Provider[Any])


def provider_with_code(providers: Iterable[type[P]], code: str) -> type[P]:
    """The adapter of that code in an explicit tuple. Raises UnknownProvider."""
    for provider in providers:
        if provider.code == code:
            return provider
    raise UnknownProvider(code)


_EMAIL = re.compile(r"[^\s<>@\"',;:]+@[^\s<>@\"',;:]+")
_TELEPHONE = re.compile(r"(?<![\w.-])\+?\d(?:[ -]?\d){8,14}(?![\w-])")
_TEXT_LIMIT = 300
# What is looked through for the patterns above, whose time grows with the square of a word.
_LOOKED_AT = 10 * _TEXT_LIMIT


def safe_text(text: object, hide: Iterable[str] = ()) -> str:
    """The text on one line without the given values, e-mail addresses and telephone numbers, cut to 300 characters.

    Of a longer text only whole words are looked at: half an address would not be known as one.
    """
    line = " ".join(str(text).split())
    if len(line) > _LOOKED_AT:
        line = line[: _LOOKED_AT + 1].rpartition(" ")[0]
    for value in sorted({value for value in hide if value}, key=len, reverse=True):
        line = line.replace(value, MASK)
    return _TELEPHONE.sub(MASK, _EMAIL.sub(MASK, line))[:_TEXT_LIMIT]


_RESULT_OF_CODE = {
    UNREACHABLE: ConnectionResult.UNREACHABLE,
    PRIVATE: ConnectionResult.UNREACHABLE,
    TIMED_OUT: ConnectionResult.TIMED_OUT,
    NO_ANSWER: ConnectionResult.TIMED_OUT,
    UNTRUSTED: ConnectionResult.UNTRUSTED,
    MALFORMED: ConnectionResult.UNUSABLE,
    UNSUPPORTED: ConnectionResult.UNUSABLE,
}
_RESULT_OF_OUTCOME = {
    Outcome.PERMANENT_ACCOUNT: ConnectionResult.WRONG_CREDENTIALS,
    Outcome.RETRY: ConnectionResult.BUSY,
    Outcome.RETRY_LATER: ConnectionResult.BUSY,
}


def _connection_result(error: ProviderError) -> ConnectionResult:
    by_outcome = _RESULT_OF_OUTCOME.get(error.outcome, ConnectionResult.UNUSABLE)
    return _RESULT_OF_CODE.get(error.code, by_outcome)
