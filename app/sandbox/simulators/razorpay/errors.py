"""Razorpay's error body: `code`, `description`, `source`, `step`, `reason`, `metadata`, `field`."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify


class RazorpayError(Exception):
    """A refusal in the vendor's shape; 400 BAD_REQUEST_ERROR unless told otherwise."""

    def __init__(
        self,
        description: str,
        *,
        field: str | None = None,
        reason: str = "input_validation_failed",
        status: int = 400,
        code: str = "BAD_REQUEST_ERROR",
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error: dict[str, Any] = {
            "code": code, "description": description, "source": "business", "step": "payment_initiation",
            "reason": reason, "metadata": {},
        }  # fmt: skip
        if field is not None:
            self.error["field"] = field


def answer(error: RazorpayError) -> Response:
    response = jsonify({"error": error.error})
    response.status_code = error.status
    return response


def authentication_failed(description: str = "Authentication failed") -> RazorpayError:
    return RazorpayError(description, status=401, reason="NA")


def unknown_id() -> RazorpayError:
    """The vendor answers 400, not 404."""
    return RazorpayError("The id provided does not exist")


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = answer(RazorpayError("Request failed. Please try after sometime.", status=429, reason="NA"))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    description = "We are facing some trouble completing your request at the moment. Please try again shortly."
    return answer(RazorpayError(description, status=500, code="SERVER_ERROR", reason="server_error"))
