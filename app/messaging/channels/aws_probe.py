"""Reading an account's state at AWS without boto3: **Test connection** runs in web processes, whose memory is scarce.

Signature Version 4 as AWS documents it; a test holds it against botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import unescape

from app.core.http import HttpClient, HttpResponse
from app.core.providers import Timeouts
from app.messaging.channels.aws_client import AwsCredentials, AwsRefusal

ALGORITHM = "AWS4-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
LONGEST_REFUSAL = 8192
_TAG = {name: re.compile(rf"<{name}>(.*?)</{name}>", re.DOTALL) for name in ("Code", "Message")}


def read_json(credentials: AwsCredentials, service: str, url: str, now: datetime, timeouts: Timeouts) -> dict[str, Any]:
    """The JSON at an address. Raises AwsRefusal and ProviderError."""
    headers = signed_headers(credentials, service, "GET", url, b"", now)
    answer = _client(url, headers, timeouts).get(urlsplit(url).path)
    if not answer.ok:
        raise AwsRefusal(_response(answer, answer.headers.get("x-amzn-ErrorType", "").partition(":")[0], _text(answer)))
    return answer.json_object()


def read_xml(
    credentials: AwsCredentials, service: str, url: str, action: dict[str, str], now: datetime, timeouts: Timeouts
) -> str:
    """The XML that a harmless action of the Query protocol answers. Raises AwsRefusal and ProviderError."""
    body = urlencode(action).encode()
    address = url if urlsplit(url).path else f"{url}/"
    headers = {**signed_headers(credentials, service, "POST", address, body, now), "Content-Type": FORM}
    client = _client(address, headers, timeouts)
    answer = client.post(urlsplit(address).path, data=body, harmless=True)
    if not answer.ok:
        code, message = (_found(_TAG[name], _said(answer)) for name in ("Code", "Message"))
        raise AwsRefusal(_response(answer, code, message))
    return answer.body.decode("utf-8", "replace")


def signed_headers(
    credentials: AwsCredentials, service: str, method: str, url: str, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers that prove who calls; host and time are signed along."""
    parts, sent = urlsplit(url), f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{sent[:8]}/{credentials.region}/{service}/aws4_request"
    lines = (
        method,
        quote(parts.path or "/", safe="/-_.~"),
        "",
        f"host:{parts.netloc}\nx-amz-date:{sent}\n",
        "host;x-amz-date",
        hashlib.sha256(body).hexdigest(),
    )
    canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{credentials.secret_access_key.get_secret_value()}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    made = hmac.new(key, "\n".join((ALGORITHM, sent, scope, canonical)).encode(), "sha256").hexdigest()
    claim = f"Credential={credentials.access_key_id}/{scope}, SignedHeaders=host;x-amz-date, Signature={made}"
    return {"X-Amz-Date": sent, "Authorization": f"{ALGORITHM} {claim}"}


def _client(url: str, headers: dict[str, str], timeouts: Timeouts) -> HttpClient:
    parts = urlsplit(url)
    return HttpClient(f"{parts.scheme}://{parts.netloc}", headers=headers, timeouts=timeouts)


def _text(answer: HttpResponse) -> str:
    return _found(re.compile(r'"[Mm]essage"\s*:\s*"([^"]*)"'), _said(answer))


def _said(answer: HttpResponse) -> str:
    """As much of it as a refusal has: in a long one that opens tags without end a pattern would search for hours."""
    return answer.body[:LONGEST_REFUSAL].decode("utf-8", "replace")


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return unescape(match[1]) if match else ""


def _response(answer: HttpResponse, code: str, message: str) -> dict[str, Any]:
    """As botocore shapes a refusal."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    meta = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers}
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}
