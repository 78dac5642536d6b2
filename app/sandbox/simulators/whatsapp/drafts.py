"""What the Cloud API accepts as a message, and what of it a person would see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.sandbox.messages import recipient_key
from app.sandbox.simulators.whatsapp.errors import INVALID_PARAMETER, GraphError

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LONGEST_CALLBACK_DATA = 512
SHORTEST_NUMBER = 7
# Template parameters are one line; Meta counts more than four spaces in a row as layout.
LAYOUT = re.compile(r"[\n\r\t]| {5,}")


@dataclass(frozen=True)
class Draft:
    """A checked message; `media` are the objects that hold an `id` or a `link`."""

    to: str
    type: str
    body: str
    callback_data: str | None
    template: dict[str, Any] | None = None
    media: list[dict[str, Any]] = field(default_factory=list)


def read_draft(body: dict[str, Any]) -> Draft:
    """Raises GraphError with the vendor's code."""
    if body.get("messaging_product") != "whatsapp":
        raise _missing("messaging_product")
    to = _recipient(body)
    kind = body.get("type", "text")
    reader = READERS.get(kind)
    if reader is None:
        raise GraphError(131051, f"Unsupported message type {kind}.")
    content = body.get(kind)
    if not isinstance(content, dict):
        raise _missing(f"{kind}")
    text, template, media = reader(content)
    return Draft(to, kind, text, _callback_data(body), template, media)


def _missing(name: str) -> GraphError:
    return GraphError(INVALID_PARAMETER, message=f"(#100) The parameter {name} is required.")


def _invalid(details: str) -> GraphError:
    return GraphError(INVALID_PARAMETER, details)


def _recipient(body: dict[str, Any]) -> str:
    """A telephone number, or a business-scoped user id in `recipient`; the number wins."""
    if body.get("recipient_type", "individual") != "individual":
        raise _invalid("recipient_type must be individual.")
    to = body.get("to") or body.get("recipient")
    if not isinstance(to, str) or not to:
        raise _missing("to")
    digits = recipient_key(to)
    if body.get("to") and (not digits.isdigit() or len(digits) < SHORTEST_NUMBER):
        raise GraphError(131009, f"{to} is not a valid phone number.")
    return digits


def _callback_data(body: dict[str, Any]) -> str | None:
    data = body.get("biz_opaque_callback_data")
    if data is not None and (not isinstance(data, str) or len(data) > LONGEST_CALLBACK_DATA):
        raise _invalid(f"biz_opaque_callback_data must be at most {LONGEST_CALLBACK_DATA} characters.")
    return data


Content = tuple[str, dict[str, Any] | None, list[dict[str, Any]]]


def _text(content: dict[str, Any]) -> Content:
    text = content.get("body")
    if not isinstance(text, str) or not text:
        raise _missing("text['body']")
    if len(text) > LONGEST_TEXT:
        raise _invalid(f"Param text['body'] must be at most {LONGEST_TEXT} characters long.")
    return text, None, []


def _document(content: dict[str, Any]) -> Content:
    _check_media(content)
    caption = content.get("caption") or ""
    if not isinstance(caption, str) or len(caption) > LONGEST_CAPTION:
        raise _invalid(f"Param caption must be at most {LONGEST_CAPTION} characters long.")
    return caption, None, [content]


def _check_media(content: dict[str, Any]) -> None:
    if bool(content.get("id")) == bool(content.get("link")):
        raise _invalid("Exactly one of id and link is needed.")


def _template(content: dict[str, Any]) -> Content:
    language = content.get("language")
    if not isinstance(content.get("name"), str) or not content["name"]:
        raise _missing("template['name']")
    if not isinstance(language, dict) or not isinstance(language.get("code"), str):
        raise _missing("template['language']['code']")
    parameters = list(_parameters(content))
    media = [parameter[parameter["type"]] for parameter in parameters if parameter.get("type") in ("document", "image")]
    for item in media:
        _check_media(item)
    texts = [_parameter_text(parameter) for parameter in parameters if parameter.get("type") == "text"]
    return " · ".join(texts), content, media


def _parameters(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for component in _dicts(template.get("components")):
        if component.get("type") not in ("header", "body", "button"):
            raise GraphError(132012, "Unknown component type.")
        for parameter in _dicts(component.get("parameters")):
            kind = str(parameter.get("type"))
            if not isinstance(parameter.get(kind), str if kind in ("text", "payload") else dict):
                raise GraphError(132012, "A parameter lacks the value named by its type.")
            yield parameter


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = value or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _invalid("Components and parameters are lists of objects.")
    return items


def _parameter_text(parameter: dict[str, Any]) -> str:
    text: str = parameter["text"]
    if not text:
        raise GraphError(131008, "Parameter of type text is missing text value.")
    if LAYOUT.search(text):
        raise _invalid("Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return text


READERS: dict[str, Callable[[dict[str, Any]], Content]] = {"text": _text, "document": _document, "template": _template}
