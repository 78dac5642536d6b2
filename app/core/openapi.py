"""OpenAPI 3.1 made from the endpoints' own declarations, and Swagger UI from our own origin at /api/docs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Blueprint, Flask, Response, render_template, url_for
from flask_babel import force_locale
from pydantic import BaseModel

from app.core.api import ENDPOINTS, Endpoint, dump
from app.core.api_examples import PATH_VALUE, documented_path, example_of
from app.core.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized

blueprint = Blueprint("openapi", __name__)

ERRORS = (
    (BadRequest(), "The request is malformed."),
    (Unauthorized(), "Nobody is logged in, or the token is not valid any more."),
    (Forbidden(), "The role may not do this."),
    (NotFound(), "Not found, or of another clinic."),
    (Conflict(), "Not possible in the present state; `code` says why."),
    (
        Invalid(fields={"reason": "This must not be empty."}),
        "A value is not acceptable; `fields` says which.",
    ),
    (TooManyRequests(30), "Too many requests; wait `Retry-After` seconds."),
)
REQUEST_ID = "01a1fe30-755f-7723-973f-cd20314bc253"
ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "examples": ["SLOT_TAKEN"]},
                "message": {"type": "string"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                "requestId": {"type": "string"},
            },
        }
    },
}


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/api/v1/openapi.json")
def document() -> Response:
    return Response(dump(specification()), mimetype="application/json")


@blueprint.get("/api/docs")
def docs() -> str:
    return render_template("appbuilder/swagger/swagger.html", openapi_uri=url_for("openapi.document"))


@lru_cache(maxsize=1)
def specification() -> dict[str, Any]:
    """The whole document. Endpoints are declared at import, so it never changes in a process."""
    schemas: dict[str, Any] = {"Error": ERROR_SCHEMA}
    paths: dict[str, Any] = {}
    with force_locale("en"):  # kept for everybody, whatever the first reader speaks
        for item in ENDPOINTS:
            paths.setdefault(documented_path(item), {})[item.method.lower()] = _operation(item, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clinic Console",
            "version": "1",
            "description": "JSON API for patient apps and integrations.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"bearer": []}],
    }


def _operation(item: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": item.summary,
        "tags": [item.tag or "Other"],
        "parameters": _parameters(item),
        "responses": _responses(item, schemas),
    }
    if item.resource:
        operation["description"] = f"Needs permission `{item.action}` on `{item.resource}`."
    if item.public:
        operation["security"] = []
    body = _shown(item, "request")
    if item.body is not None or body:
        # Without a model it is somebody else's body, as a gateway's webhook: taken as it comes.
        schema = _reference(item.body, schemas) if item.body is not None else {"type": "object"}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema, **body}}}
    return operation


def _parameters(item: Endpoint) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PATH_VALUE.findall(item.path)
    ]
    if item.query is not None:
        schema = item.query.model_json_schema()
        needed, asked = set(schema.get("required", ())), example_of(item).get("query", {})
        for name, described in schema.get("properties", {}).items():
            example = {"example": asked[name]} if name in asked else {}
            found.append({"name": name, "in": "query", "required": name in needed, "schema": described, **example})
    if item.idempotent:
        text = "The same key and body give the first answer again."
        found.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}, "description": text})
    if not item.public:
        text = "The clinic to act in; by default the active one."
        found.append({"name": "X-Clinic-Id", "in": "header", "schema": {"type": "string"}, "description": text})
    return found


def _responses(item: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if isinstance(item.reply, type) and issubclass(item.reply, BaseModel):
        success["content"] = {"application/json": {"schema": _reference(item.reply, schemas)}}
    if answer := _shown(item, "answer"):
        success.setdefault("content", {}).setdefault("application/json", {}).update(answer)
    schema = {"$ref": "#/components/schemas/Error"}
    responses = {str(item.status): success}
    for error, text in ERRORS:
        failure = {"application/json": {"schema": schema, "example": error.to_json(REQUEST_ID)}}
        responses[str(error.status)] = {"description": text, "content": failure}
    return responses


def _shown(item: Endpoint, side: str) -> dict[str, Any]:
    known = example_of(item)
    return {"example": known[side]} if side in known else {}


def _reference(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    name = model.__name__
    if name not in schemas:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}
