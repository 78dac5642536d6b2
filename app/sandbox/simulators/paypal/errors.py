"""PayPal's refusals: `name`, `message`, `debug_id` and `details` with an issue; those of tokens have other keys."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from app.sandbox.ids import random_text

NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    422: ("UNPROCESSABLE_ENTITY", "The requested action could not be performed, or failed business validation."),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error has occurred."),
}


class PayPalError(Exception):
    """A refusal in the vendor's shape; 422 unless told otherwise."""

    def __init__(self, issue: str, description: str = "", *, field: str = "", status: int = 422) -> None:
        super().__init__(description or issue)
        self.status = status
        name, message = NAMES[status]
        detail = {"issue": issue, "description": description or issue}
        self.body: dict[str, Any] = {
            "name": name, "message": message, "debug_id": random_text(13, "0123456789abcdef"),
            "details": [{"field": field, **detail} if field else detail], "links": [],
        }  # fmt: skip


class TokenRefused(Exception):
    """No access, in the shape of OAuth."""

    def __init__(self, error: str = "invalid_token", description: str = "Token signature verification failed") -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


def answer(error: PayPalError) -> Response:
    response = jsonify(error.body)
    response.status_code = error.status
    return response


def answer_token(error: TokenRefused) -> Response:
    response = jsonify(error.body)
    response.status_code = 401
    return response


def unknown_id(id: str) -> PayPalError:
    return PayPalError("INVALID_RESOURCE_ID", f"Specified resource ID {id} does not exist.", status=404)


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = answer(PayPalError("RATE_LIMIT_REACHED", "Too many requests.", status=429))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return answer(PayPalError("INTERNAL_SERVICE_ERROR", "An internal service error occurred.", status=500))
