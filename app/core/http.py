"""Calls to providers over HTTP: bounded in time and size, and never in doubt about what may have been carried out.

A failure says whether the request left us. Not sent (refused, no such host, no connection in time) is safe to repeat;
sent without a usable answer is `Outcome.UNKNOWN` unless repeating is harmless. An error status is an answer: the
adapter reads it.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError, NewConnectionError

from app.core.addresses import PrivateHost, UnknownHost, check_literal, providers_address
from app.core.credentials import InvalidCredentials
from app.core.providers import (
    MALFORMED,
    N_,
    NO_ANSWER,
    PRIVATE,
    TIMED_OUT,
    UNREACHABLE,
    UNTRUSTED,
    Outcome,
    ProviderError,
    Timeouts,
)

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 2 * 1024 * 1024
_CHUNK = 64 * 1024
_BACKOFF_SECONDS = 0.2
_LONGEST_RETRY_AFTER = 24 * 3600.0
_TRY_AGAIN = {500, 502, 503, 504}  # not 429: whoever asks for peace is not asked again within a second
# TLS alerts that can only come from the handshake, before any of the request was sent.
_HANDSHAKE_FAILURES = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNSUPPORTED_PROTOCOL", "SSLV3_ALERT_HANDSHAKE_FAILURE"}


@dataclass(frozen=True)
class HttpResponse:
    """An answer that arrived whole. `unclear` is the outcome to report when its content cannot be understood."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    unclear: Outcome

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The parsed body. Raises ProviderError with the outcome `unclear`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            self.malformed()

    def json_object(self) -> dict[str, Any]:
        """The parsed body, which must be a JSON object. Raises ProviderError with the outcome `unclear`."""
        document = self.json()
        if not isinstance(document, dict):
            self.malformed()
        return document

    def error_object(self) -> dict[str, Any]:
        """The object under `error` of a refusal, as both Razorpay and Meta shape theirs; empty when there is none."""
        try:
            error = json.loads(self.body).get("error")
        except (ValueError, AttributeError, RecursionError):
            return {}
        return error if isinstance(error, dict) else {}

    def malformed(self) -> NoReturn:
        """Refuse the content: the call may have had its effect, so a call that changes something is unknown."""
        raise ProviderError(self.unclear, MALFORMED, f"The answer (HTTP {self.status}) was not understood.")

    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, 0 to 24 h; a date is read against the answer's own Date."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), _LONGEST_RETRY_AFTER)
        try:
            until, sent = parsedate_to_datetime(value), parsedate_to_datetime(self.headers.get("Date", ""))
            return min(max((until - sent).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True)
class _Call:
    """One request. Only `method`, the host and `path` (a template) may be logged: the rest can name a person."""

    method: str
    path: str
    ids: Mapping[str, str]
    query: Mapping[str, Any] | None
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    harmless: bool
    read_timeout: float

    @property
    def unclear(self) -> Outcome:
        return Outcome.RETRY if self.harmless else Outcome.UNKNOWN


class HttpClient:
    """Calls below one base URL. Safe to share between threads.

    Every call has a connection of its own: a reset on a kept-alive one could not be told from a request carried out.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        address: str = "",
    ) -> None:
        """`address`: the IP address to connect to, whatever the host's name resolves to by now; without one it is
        looked up for each call, and must be public in production.
        """
        self.base_url = checked_base_url(base_url, ("http", "https"))
        self.host = urlsplit(self.base_url).netloc
        self._address = address
        self._headers = dict(headers or {})
        self.timeouts = timeouts or Timeouts()

    def get(
        self,
        path: str,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        attempts: int = 1,
    ) -> HttpResponse:
        """Ask without changing anything; `attempts` > 1 repeats a failure at once, with a short pause."""
        call = _Call("GET", path, ids or {}, query, {}, {}, True, self.timeouts.read)
        for attempt in range(1, attempts):
            try:
                response = self._send(call)
                if response.status not in _TRY_AGAIN:
                    return response
            except ProviderError as error:
                if error.outcome is not Outcome.RETRY:
                    raise
            time.sleep(_BACKOFF_SECONDS * 2 ** (attempt - 1))
        return self._send(call)

    def post(
        self,
        path: str,
        *,
        ids: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | bytes | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        harmless: bool = False,
        read_timeout: float | None = None,
    ) -> HttpResponse:
        """Send once. `harmless` says that doing it twice costs nothing, so that no answer means retry, not unknown."""
        body = {"json": json, "data": data, "files": files}
        return self._send(
            _Call("POST", path, ids or {}, None, body, headers or {}, harmless, read_timeout or self.timeouts.read)
        )

    def __repr__(self) -> str:
        return f"<HttpClient {self.host}>"

    def _send(self, call: _Call) -> HttpResponse:
        started = time.perf_counter()
        result: object = "failed"
        try:
            response = self._exchange(call)
            result = response.status
            return response
        except ProviderError as error:
            result = error.code
            raise
        finally:
            spent = round((time.perf_counter() - started) * 1000)
            where = {"method": call.method, "host": self.host, "route": call.path}
            facts = {**where, "status": result, "duration_ms": spent}
            log.info("%s %s%s %s %d ms", *facts.values(), extra=facts)

    def _exchange(self, call: _Call) -> HttpResponse:
        address = self._address or _looked_at(self.base_url)
        with requests.Session() as session:
            # A proxy cannot reach our own machine, and would resolve a name by itself.
            session.trust_env = not (address or is_loopback(self.base_url))
            if address:
                session.mount("https://", _NamedAdapter(urlsplit(self.base_url).hostname or ""))
            prepared = self._prepare(session, call, address)
            options = session.merge_environment_settings(prepared.url, {}, True, None, None)
            timeout = (self.timeouts.connect, call.read_timeout)
            try:
                answer = session.send(prepared, timeout=timeout, allow_redirects=False, **options)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _failure(error, call) from None  # its text holds the address with ids
            with answer:
                return HttpResponse(answer.status_code, answer.headers, _read(answer, call), call.unclear)

    def _prepare(self, session: requests.Session, call: _Call, address: str) -> requests.PreparedRequest:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._headers, **call.headers}
        if address:
            headers = {**headers, "Host": self.host}
        url = _at(self.base_url, address) + _filled(call.path, call.ids)
        request = requests.Request(call.method, url, params=call.query, headers=headers, auth=_as_it_is, **call.body)
        try:
            return session.prepare_request(request)
        except (requests.RequestException, ValueError):
            text = "The request could not be built: check the credentials for odd characters."
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "invalid_request", text) from None


class _NamedAdapter(HTTPAdapter):
    """Speaks TLS with a host that is called by its address: certificate and SNI are those of its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self._name, assert_hostname=self._name, **options)


def _at(url: str, address: str) -> str:
    """The URL with the address in place of its host's name."""
    if not address:
        return url
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _looked_at(url: str) -> str:
    """The address to call, empty where the name is used. Raises ProviderError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxied = not is_loopback(url) and select_proxy(url, get_environ_proxies(url))
    if proxied:
        with _refusals_of_addresses():
            check_literal(host)
        return ""
    return callable_address(host, parts.port or (443 if parts.scheme == "https" else 80))


def callable_address(host: str, port: int) -> str:
    """The address of a provider's host; empty where the name may be used as it is. Raises ProviderError."""
    with _refusals_of_addresses():
        return providers_address(host, port)


@contextmanager
def _refusals_of_addresses() -> Iterator[None]:
    try:
        yield
    except UnknownHost:
        raise ProviderError(Outcome.RETRY, UNREACHABLE, "No connection.") from None
    except PrivateHost as error:
        raise ProviderError(Outcome.PERMANENT_ACCOUNT, PRIVATE, str(error)) from None


def basic_auth(user: str, password: str) -> dict[str, str]:
    """The Authorization header of HTTP Basic (RFC 7617, UTF-8)."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def bearer_auth(token: str) -> dict[str, str]:
    """The Authorization header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def checked_base_url(url: str, schemes: tuple[str, ...]) -> str:
    """The URL without a trailing slash. Raises InvalidCredentials for anything but scheme, host, port and path."""
    try:
        parts = urlsplit(url.strip())
        known = parts.scheme in schemes and parts.hostname and (parts.port or 1)
    except ValueError:
        raise InvalidCredentials({"base_url": N_("This is not an address.")}) from None
    if not known or "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidCredentials({"base_url": N_("An address looks like https://host:port and holds no password.")})
    return url.strip().rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds nothing: without one, requests would put a password from ~/.netrc over our header."""
    return request


def _filled(path: str, ids: Mapping[str, str]) -> str:
    """The path template with its ids, each one segment whatever it contains."""
    if any(value in ("", ".", "..") for value in ids.values()):
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_id", "An id is empty.")
    return path.format_map({name: quote(value, safe="") for name, value in ids.items()})


def _read(answer: requests.Response, call: _Call) -> bytes:
    """The whole body within its limits. What a 4xx says may be lost: that it refuses is clear without it."""
    body = bytearray()
    deadline = time.monotonic() + 3 * call.read_timeout
    try:
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise ProviderError(call.unclear, MALFORMED, f"The answer is larger than {MAX_ANSWER_BYTES} bytes.")
            if time.monotonic() > deadline:
                raise ProviderError(call.unclear, NO_ANSWER, "The answer took too long to arrive.")
    except (HTTPError, OSError):
        if not 400 <= answer.status_code < 500:
            raise ProviderError(call.unclear, NO_ANSWER, "The answer broke off.") from None
    return bytes(body)


def _failure(error: Exception, call: _Call) -> ProviderError:
    """What a transport failure means, by whether the request can have left us."""
    reason = _reason(error)
    if isinstance(error, requests.ConnectTimeout):
        return ProviderError(Outcome.RETRY, UNREACHABLE, "No connection in time.")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ProviderError(Outcome.PERMANENT_ACCOUNT, UNTRUSTED, "The certificate is not trusted.")
    if isinstance(reason, NewConnectionError) or getattr(reason, "reason", None) in _HANDSHAKE_FAILURES:
        return ProviderError(Outcome.RETRY, UNREACHABLE, "No connection.")
    if isinstance(error, requests.ReadTimeout):
        return ProviderError(call.unclear, TIMED_OUT, "No answer in time.")
    return ProviderError(call.unclear, NO_ANSWER, "The connection broke before the answer.")


def _reason(error: Exception) -> object:
    """The innermost cause inside the wrappings of requests and urllib3."""
    cause: object = error
    for _ in range(6):
        inner = getattr(cause, "reason", None) or getattr(cause, "original_error", None)
        if not isinstance(inner, Exception):
            args = getattr(cause, "args", ())
            inner = next((arg for arg in args if isinstance(arg, Exception)), None)
        if inner is None or isinstance(cause, NewConnectionError):
            return cause
        cause = inner
    return cause
