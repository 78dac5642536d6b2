"""Expected failures. Edges render them once; anything else is a bug and is logged with its traceback."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _


class AppError(Exception):
    """A failure with words for its user. `extra` joins the JSON error object."""

    status = 400
    code = "BAD_REQUEST"
    message: Any = _("The request could not be understood.")

    def __init__(
        self, message: Any = None, *, code: str | None = None, fields: dict[str, str] | None = None, **extra: Any
    ) -> None:
        self.message = message if message is not None else type(self).message
        self.code = code or type(self).code
        self.fields = fields
        self.extra = extra
        super().__init__(str(self.code))

    def to_json(self, request_id: str | None = None) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": str(self.message), **self.extra}
        if self.fields:
            error["fields"] = self.fields
        if request_id:
            error["requestId"] = request_id
        return {"error": error}


class BadRequest(AppError):
    """400: the request is malformed."""


class Unauthorized(AppError):
    """401: nobody is logged in, or the proof of it is wrong."""

    status = 401
    code = "UNAUTHORIZED"
    message = _("Please log in.")


class Forbidden(AppError):
    """403: the role may not do this."""

    status = 403
    code = "FORBIDDEN"
    message = _("Your role may not do this.")


class NotFound(AppError):
    """404: it does not exist, or belongs to another clinic (deliberately the same answer)."""

    status = 404
    code = "NOT_FOUND"
    message = _("Not found.")


class Conflict(AppError):
    """409: the state of things does not allow it."""

    status = 409
    code = "CONFLICT"
    message = _("This is not possible in the present state.")


class Invalid(AppError):
    """422: well-formed, but a value is not acceptable. `fields` says which."""

    status = 422
    code = "INVALID"
    message = _("Please check the values.")


class TooManyRequests(AppError):
    """429: `retry_after` seconds to wait."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    message = _("Too many requests. Please wait a moment.")

    def __init__(self, retry_after: int, message: Any = None) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after


class ProviderUnavailable(AppError):
    """502: a payment or messaging provider did not do its part."""

    status = 502
    code = "PROVIDER_UNAVAILABLE"
    message = _("The provider did not answer. Nothing was lost; please try again.")


class Unavailable(AppError):
    """503: a part of our own is down; try again after `retry_after` seconds."""

    status = 503
    retry_after = 5
    code = "UNAVAILABLE"
    message = _("This is not available right now. Please try again.")
