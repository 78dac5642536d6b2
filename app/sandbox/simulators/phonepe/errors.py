"""PhonePe's error body: `code`, `message` and `data` at the root."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify


class PhonePeError(Exception):
    """A refusal in the vendor's shape; 400 BAD_REQUEST unless told otherwise."""

    def __init__(self, message: str, *, code: str = "BAD_REQUEST", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TokenRefused(PhonePeError):
    """Tokens have an error body of their own."""

    def __init__(self) -> None:
        super().__init__("Invalid client credentials", code="INVALID_CLIENT", status=401)


def answer(error: PhonePeError) -> Response:
    body: dict[str, Any] = {"success": False, "code": error.code, "message": str(error), "data": {}}
    if isinstance(error, TokenRefused):
        body = {"success": False, "code": error.code, "errorCode": "OIM000", "message": str(error), "context": {}}
    response = jsonify(body)
    response.status_code = error.status
    return response


def unknown(what: str) -> PhonePeError:
    return PhonePeError(f"No entry found for the given {what}", code=f"{what.upper()}_NOT_FOUND", status=404)


def unauthorized() -> PhonePeError:
    return PhonePeError("Unauthorized", code="AUTHORIZATION_FAILED", status=401)


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = answer(PhonePeError("Too many requests", code="TOO_MANY_REQUESTS", status=429))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return answer(PhonePeError("Something went wrong", code="INTERNAL_SERVER_ERROR", status=500))
