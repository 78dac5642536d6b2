"""The JSON API's edge: one decorator turns a method into an authenticated, validated, documented endpoint.

Base class of bodies and queries, one transaction per changing request, and the error shape live here (SPEC 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ClassVar

import orjson
from flask import Response, request
from flask_appbuilder.api import BaseApi
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from app.core import idempotency, principal
from app.core.errors import AppError, BadRequest, Invalid
from app.core.ids import is_id
from app.core.storable import UNSTORABLE
from app.core.transaction import unit_of_work
from app.core.value_words import fields_of

BODY_LIMIT = 256 * 1024
MOST_LEVELS = 32


class PayloadTooLarge(AppError):
    """413."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaType(AppError):
    """415."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


def _refuse_unstorable(value: Any) -> None:
    """PostgreSQL cannot store NUL, UTF-8 cannot carry lone surrogates, and no form of ours is nested deeply.

    Raises ValueError, and BadRequest for what is too deep to be looked at by anything that recurses.
    """
    waiting = [(value, 0)]
    while waiting:
        item, level = waiting.pop()
        if level > MOST_LEVELS:
            raise BadRequest(_("The body is nested too deeply."), code="MALFORMED_JSON")
        if isinstance(item, str):
            if UNSTORABLE.search(item):
                raise ValueError(_("This contains characters that cannot be stored."))
        elif isinstance(item, dict):
            waiting += [(part, level + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, level + 1) for part in item]


class Body(BaseModel):
    """A request body: camelCase on the wire, snake_case in code; unknown members are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        str_strip_whitespace=True,
        extra="ignore",
        frozen=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        _refuse_unstorable(value)
        return value


class Reply(BaseModel):
    """The documented shape of an answer. Handlers may return plain dicts of the same shape on hot paths."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True, defer_build=True)


class ListQuery(Body):
    """What every list takes: `limit` (at most 100), the `cursor` of the page before, `count=true` for a total."""

    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = None
    count: bool = False


@dataclass(frozen=True)
class Endpoint:
    """What is known of an endpoint: enough for routing, permission, OpenAPI and the contract tests."""

    method: str
    path: str
    resource: str | None
    action: str | None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    reply: Any = None
    status: int = 200
    idempotent: bool = False
    public: bool = False
    steps: bool = False
    summary: str = ""
    tag: str = ""
    module: str = ""


ENDPOINTS: list[Endpoint] = []
_stand_for: dict[str, Callable[[str], str]] = {}


def endpoint(method: str, path: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an endpoint.

    resource, action: the permission it needs (`public=True`: none). body, query: pydantic models, passed as keyword
    arguments
    `body` and `query`. status: of success. idempotent: honours Idempotency-Key. steps: the handler commits several
    units of work itself, because a provider is called between them; otherwise the whole request is one.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        summary = (function.__doc__ or "").strip().partition("\n")[0]
        status = 204 if function.__annotations__.get("return") == "None" else 200
        told = {"resource": None, "action": None, "summary": summary, "status": status}
        about = Endpoint(method, path, **{**told, **options})

        @wraps(function)
        def handle(self: Api, **path_values: Any) -> Response:
            return _handle(about, function, self, path_values)

        handle._urls = [(path, (method,))]  # type: ignore[attr-defined]
        handle._permission_name = function.__name__  # type: ignore[attr-defined]
        handle.endpoint = about  # type: ignore[attr-defined]
        return handle

    return declare


def _handle(about: Endpoint, function: Callable[..., Any], api: Api, values: dict[str, Any]) -> Response:
    if not about.public:
        _authorise(about)
    if about.body is not None:
        values["body"] = read_body(about.body)
    if about.query is not None:
        values["query"] = read_query(about.query)
    if about.method == "GET":
        return reply(function(api, **values), about.status)
    if about.idempotent:
        return idempotency.once(about, lambda: function(api, **values))
    if about.steps:
        return reply(function(api, **values), about.status)
    with unit_of_work():
        answer = function(api, **values)
    return reply(answer, about.status)


def _authorise(about: Endpoint) -> None:
    if about.resource is None or about.action is None:
        principal.current_principal()
    else:
        principal.require(about.resource, about.action)


def read_body(model: type[BaseModel]) -> Any:
    """The validated JSON body. Raises 400, 413, 415 or 422 as an AppError."""
    raw = read_raw(BODY_LIMIT)
    if raw and request.mimetype != "application/json":
        raise UnsupportedMediaType(_("Send JSON with Content-Type: application/json."))
    try:
        value = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise BadRequest(_("The body is not valid JSON."), code="MALFORMED_JSON") from None
    if not isinstance(value, dict):
        raise BadRequest(_("The body must be a JSON object."), code="MALFORMED_JSON")
    return validate(model, value)


def read_raw(limit: int) -> bytes:
    """The body's bytes. Raises PayloadTooLarge before reading more than `limit`."""
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge(_("The body is larger than %(limit)s kB.", limit=limit // 1024))
    request.max_content_length = limit
    raw = request.get_data(cache=True)
    if len(raw) > limit:
        raise PayloadTooLarge(_("The body is larger than %(limit)s kB.", limit=limit // 1024))
    return raw


def read_query(model: type[BaseModel]) -> Any:
    """The validated query, with what its ids stand for."""
    query = validate(model, request.args.to_dict())
    known: dict[str, Any] = {name: value for name in _stand_for if is_id(str(value := getattr(query, name, None)))}
    if not known:
        return query
    meant = {name: _stand_for[name](str(value)) for name, value in known.items()}
    return query.model_copy(update={name: type(known[name])(row_id) for name, row_id in meant.items()})


def stands_for(name: str, resolve: Callable[[str], str]) -> None:
    """Queries that name a row by `name` mean the row that `resolve` tells: two of them may have become one."""
    _stand_for[name] = resolve


def validate(model: type[BaseModel], value: dict[str, Any]) -> Any:
    """A pydantic model of the value. Raises Invalid with a text per field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(_("Please check the values."), fields=fields_of(error, value)) from None


def reply(answer: Any, status: int = 200) -> Response:
    """A JSON response; None becomes 204."""
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(status=204)
    return Response(dump(answer), status=status, mimetype="application/json")


def dump(answer: Any) -> bytes:
    return orjson.dumps(answer, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if hasattr(value, "to_json"):
        return value.to_json()
    return str(value)


class Api(BaseApi):
    """Base of a slice's API. Routes are relative to /api/v1; ids in paths are written `<id:appointment_id>`."""

    route_base = "/api/v1"
    csrf_exempt = True  # the cookie form of a session is checked in app/access/edge.py
    allow_browser_login = True
    openapi_tag: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for method in vars(cls).values():
            about = getattr(method, "endpoint", None)
            if about is not None:
                tag = about.tag or cls.openapi_tag
                ENDPOINTS.append(replace(about, path=cls.route_base + about.path, tag=tag, module=cls.__module__))

    def add_api_spec(self, api_spec: Any) -> None:
        """Documentation comes from ENDPOINTS (app/core/openapi.py), not from docstrings."""
