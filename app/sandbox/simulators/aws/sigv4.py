"""AWS Signature Version 4: whether a request was signed with the secret of the key that it names."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote

from werkzeug.wrappers import Request

ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>\w+)/(?P<date>\d{{8}})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request,"
    r" ?SignedHeaders=(?P<headers>[\w;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Claim:
    """What the Authorization header says."""

    key: str
    date: str
    region: str
    service: str
    headers: str
    signature: str


def read_claim(request: Request) -> Claim | None:
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    return Claim(**found.groupdict()) if found else None


def is_signed(request: Request, claim: Claim, secret: str) -> bool:
    """Whether the secret made the signature over method, path, query, the named headers and the body."""
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    canonical = hashlib.sha256(_canonical(request, claim).encode()).hexdigest()
    text = "\n".join((ALGORITHM, request.headers.get("X-Amz-Date", ""), scope, canonical))
    key = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, claim.signature)


def _canonical(request: Request, claim: Claim) -> str:
    names = claim.headers.split(";")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(request.args.items(multi=True))
    )
    body = hashlib.sha256(request.get_data(cache=True, parse_form_data=False)).hexdigest()
    return "\n".join((request.method, quote(request.path, safe="/-_.~"), query, headers, claim.headers, body))
