"""Stripe's error body: `type`, `code`, `message`, `param`, and for a declined card `decline_code`."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from app.sandbox.ids import prefixed

NOT_FOUND = 404


class StripeError(Exception):
    """A refusal in the vendor's shape; 400 invalid_request_error unless told otherwise."""

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        fields = {"code": code, "message": message, "param": param, "type": "invalid_request_error", **more}
        self.error = {name: value for name, value in fields.items() if value is not None}


def answer(error: StripeError) -> Response:
    response = jsonify({"error": error.error})
    response.status_code = error.status
    response.headers["Request-Id"] = prefixed("req")
    return response


def missing(kind: str, id: str, param: str = "id") -> StripeError:
    return StripeError(f"No such {kind}: '{id}'", code="resource_missing", param=param, status=NOT_FOUND)


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        text = "Request rate limit exceeded. Learn more about rate limits."
        response = answer(StripeError(text, code="rate_limit", status=429))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return answer(server_fault())


def server_fault() -> StripeError:
    return StripeError("An unknown error occurred", status=500, type="api_error")
