"""What the error codes of ZeptoMail mean. The reason is the sub code in `details`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.core.http import HttpResponse
from app.core.providers import MALFORMED, Outcome, ProviderError

RECIPIENT_FIELDS = frozenset({"to", "cc", "bcc"})
INVALID_FIELD = "SM_113"
MANDATORY_MISSING = "TM_3201"

_SUB_CODES = {
    "GE_102": Outcome.PERMANENT_MESSAGE,
    "SM_101": Outcome.PERMANENT_MESSAGE,
    "SM_120": Outcome.PERMANENT_MESSAGE,
    "UE_106": Outcome.PERMANENT_MESSAGE,
    "MTR_101": Outcome.PERMANENT_MESSAGE,
    "LE_101": Outcome.PERMANENT_ACCOUNT,
    "SERR_156": Outcome.PERMANENT_ACCOUNT,
    "SM_133": Outcome.PERMANENT_ACCOUNT,
    "SMI_115": Outcome.RETRY_LATER,
    "AE_101": Outcome.PERMANENT_ACCOUNT,
    "SM_111": Outcome.PERMANENT_ACCOUNT,
    "SM_128": Outcome.PERMANENT_ACCOUNT,
    "SERR_157": Outcome.PERMANENT_ACCOUNT,
    "LE_102": Outcome.PERMANENT_ACCOUNT,
    "SM_127": Outcome.PERMANENT_MESSAGE,
    "SM_129": Outcome.PERMANENT_MESSAGE,
    "SM_151": Outcome.RETRY_LATER,
}
_CODES = {
    "TM_3201": Outcome.PERMANENT_MESSAGE,
    "TM_3301": Outcome.PERMANENT_MESSAGE,
    "TM_5001": Outcome.PERMANENT_ACCOUNT,
    "TM_8001": Outcome.PERMANENT_MESSAGE,
}


def refusal(
    response: HttpResponse, safe_text: Callable[[object, Iterable[str]], str], hide: list[str]
) -> ProviderError:
    """The error of an answer that is not a success; `hide` are values that its text may repeat."""
    error = response.error_object()
    detail = _first_detail(error)
    code, sub_code = str(error.get("code") or ""), str(detail.get("code") or error.get("sub_code") or "")
    if not code and not sub_code:
        return _without_code(response)
    text = safe_text(detail.get("message") or error.get("message") or "", hide)
    outcome = _outcome(response, code, sub_code, str(detail.get("target") or ""))
    return ProviderError(outcome, sub_code or code, text, response.retry_after())


def _first_detail(error: dict[str, Any]) -> dict[str, Any]:
    details = error.get("details")
    first = details[0] if isinstance(details, list) and details else details
    return first if isinstance(first, dict) else {}


def _outcome(response: HttpResponse, code: str, sub_code: str, target: str) -> Outcome:
    if response.status == 429 or response.status >= 500:
        return _by_status(response)
    if sub_code == INVALID_FIELD:
        about_recipient = target.partition("[")[0].partition(".")[0] in RECIPIENT_FIELDS
        return Outcome.PERMANENT_RECIPIENT if about_recipient else Outcome.PERMANENT_MESSAGE
    return _SUB_CODES.get(sub_code) or _CODES.get(code) or _by_status(response)


def _by_status(response: HttpResponse) -> Outcome:
    """502 and 504 come from between us and them: the mail may have passed."""
    if response.status in (408, 502, 504):
        return response.unclear
    if response.status in (425, 429) or response.status >= 500:
        return Outcome.RETRY
    return Outcome.PERMANENT_ACCOUNT if response.status in (401, 403) else Outcome.PERMANENT_MESSAGE


def _without_code(response: HttpResponse) -> ProviderError:
    """A proxy, or another site at that address: no other mail will change that."""
    outcome = _by_status(response)
    text = f"HTTP {response.status} without an error code."
    if outcome is Outcome.PERMANENT_MESSAGE:
        return ProviderError(Outcome.PERMANENT_ACCOUNT, MALFORMED, text)
    return ProviderError(outcome, f"http_{response.status}", text, response.retry_after())
