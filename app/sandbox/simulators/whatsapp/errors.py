"""Graph API errors: decide on `code`, never on the text."""

from __future__ import annotations

from flask import Response, jsonify

from app.sandbox.ids import random_text

INVALID_PARAMETER = 100
BAD_TOKEN = 190
MISSING_OBJECT = 33
THROUGHPUT = 130429
TITLES = {
    131000: "Something went wrong", 131008: "Required parameter is missing", 131009: "Parameter value is not valid",
    131016: "Service unavailable", 131021: "Recipient cannot be sender",
    131026: "Message undeliverable", 131030: "Recipient phone number not in allowed list",
    131047: "Re-engagement message", 131048: "Spam rate limit hit", 131049: "Meta chose not to deliver",
    131050: "User has stopped marketing messages", 131051: "Unsupported message type",
    131052: "Media download error", 131053: "Media upload error", 131056: "Pair rate limit hit",
    132000: "Template param count mismatch", 132001: "Template does not exist", 132012: "Template parameter mismatch",
    132015: "Template is paused", 132016: "Template is disabled", THROUGHPUT: "Rate limit hit",
}  # fmt: skip
STATUSES = {1: 500, 2: 503, 3: 403, 10: 403, BAD_TOKEN: 401, 368: 403, 131000: 500, 131005: 403, 131016: 500}


class GraphError(Exception):
    """A refusal in Meta's shape; the HTTP status follows from the code."""

    def __init__(
        self, code: int, details: str = "", *, message: str = "", subcode: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(message or f"(#{code}) {title(code)}")
        self.code = code
        self.details = details
        self.subcode = subcode
        self.status = status or STATUSES.get(code, 400)


def title(code: int) -> str:
    return TITLES.get(code, "Invalid parameter" if code == INVALID_PARAMETER else "Message failed to send")


def missing_object(id: str) -> GraphError:
    message = (
        f"Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions,"
        " or does not support this operation."
    )
    return GraphError(INVALID_PARAMETER, message=message, subcode=MISSING_OBJECT)


def answer(error: GraphError) -> Response:
    body: dict[str, object] = {"message": str(error), "type": "OAuthException", "code": error.code}
    if error.details:
        body["error_data"] = {"messaging_product": "whatsapp", "details": error.details}
    if error.subcode is not None:
        body |= {"error_subcode": error.subcode, "type": "GraphMethodException"}
    if error.status >= 500:  # noqa: PLR2004
        body["is_transient"] = True
    response = jsonify({"error": {**body, "fbtrace_id": random_text(11)}})
    response.status_code = error.status
    return response


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = answer(GraphError(THROUGHPUT, "Message failed to send because of too many messages.", status=429))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    message = "An unexpected error has occurred. Please retry your request later."
    return answer(GraphError(2, message=message, status=500))
