"""Credential schemas of provider accounts: the admin form is drawn from them, and every screen masks by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from app.core.value_words import words_for

MASK = "••••"
MASK_SHOWS_TAIL_FROM = 12  # a shorter secret would give too much of itself away


class InvalidCredentials(ValueError):
    """`fields` says what is wrong, by field name; it never repeats a value."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(sorted(fields)))
        self.fields = fields


class CredentialModel(BaseModel):
    """Base of every credential schema. A `SecretStr` field is a secret; `credential()` gives the words of the form."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
    )

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """Validated credentials. Raises InvalidCredentials."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InvalidCredentials(cls._messages(error)) from None

    @classmethod
    def merge(cls, stored: Mapping[str, Any], submitted: Mapping[str, Any]) -> dict[str, Any]:
        """The submitted form over the stored values, ready for `load`.

        A secret that is absent, empty or still masked keeps its stored value; None clears it.
        """
        merged = {cls._field_name(name): value for name, value in submitted.items()}
        for field in credential_fields(cls):
            if field.secret and _is_untouched(merged.get(field.name, ""), stored.get(field.name)):
                merged[field.name] = stored.get(field.name)
        return {name: value for name, value in merged.items() if value is not None}

    @classmethod
    def kept_secrets(cls, stored: Mapping[str, Any], submitted: Mapping[str, Any]) -> list[str]:
        """Names of the secrets that `merge` takes from the stored values, since nobody typed them."""
        given = {cls._field_name(name): value for name, value in submitted.items()}
        secrets = (field.name for field in credential_fields(cls) if field.secret)
        return [name for name in secrets if stored.get(name) and _is_untouched(given.get(name, ""), stored[name])]

    def plain(self) -> dict[str, Any]:
        """Every value in clear, by field name: only to be encrypted and stored."""
        return {name: _reveal(value) for name, value in self}

    def masked(self) -> dict[str, Any]:
        """What a screen or the API may show: a secret becomes dots, with its last four characters when it is long."""
        return {name: mask(value.get_secret_value()) if isinstance(value, SecretStr) else value for name, value in self}

    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for taking them out of texts."""
        return tuple(value.get_secret_value() for _, value in self if isinstance(value, SecretStr))

    @classmethod
    def _field_name(cls, name: str) -> str:
        return next((field for field in cls.model_fields if name in (field, to_camel(field))), name)

    @classmethod
    def _messages(cls, error: ValidationError) -> dict[str, str]:
        items = error.errors(include_input=False, include_url=False)
        places = [cls._field_name(str(item["loc"][0])) if item["loc"] else "credentials" for item in items]
        words = [words_for(item["type"], item.get("ctx", {})) for item in items]
        return dict(zip(places, words, strict=True))


def credential(
    title: str,
    *,
    default: Any = ...,
    help_text: str = "",
    multiline: bool = False,
    trust: bool = False,
    **limits: Any,
) -> Any:
    """A credential field. `trust` marks what decides whom we believe: it may change only outside production."""
    extra: dict[str, Any] = {"multiline": multiline, "trust": trust}
    return Field(default, title=title, description=help_text, json_schema_extra=extra, **limits)


@dataclass(frozen=True)
class CredentialField:
    """One input of the admin form; title and help are still to be translated.

    `type` is text, secret, multiline, number, checkbox or choice.
    """

    name: str
    title: str
    type: str
    required: bool
    secret: bool
    help: str
    default: Any
    choices: tuple[str, ...]
    trust: bool


def credential_fields(schema: type[CredentialModel]) -> list[CredentialField]:
    """The inputs of a credential schema in the order they are declared."""
    return [_form_field(name, field) for name, field in schema.model_fields.items()]


def mask(secret: str) -> str:
    """Dots, followed by the last four characters of a long secret so that a person can tell two keys apart."""
    if not secret:
        return ""
    return MASK + (secret[-4:] if len(secret) >= MASK_SHOWS_TAIL_FROM else "")


def _form_field(name: str, field: Any) -> CredentialField:
    extra = field.json_schema_extra or {}
    kind, choices = _input_type(field.annotation)
    return CredentialField(
        name=name,
        title=field.title or name,
        type="multiline" if extra.get("multiline") else kind,
        required=field.is_required(),
        secret=kind == "secret",
        help=field.description or "",
        default=None if field.is_required() or kind == "secret" else field.get_default(),
        choices=choices,
        trust=bool(extra.get("trust")),
    )


_INPUT_TYPES = {SecretStr: "secret", bool: "checkbox", int: "number", str: "text"}


def _input_type(annotation: Any) -> tuple[str, tuple[str, ...]]:
    """The input for a field's type; `X | None` is drawn like X."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(choice) for choice in get_args(annotation))
    return _INPUT_TYPES.get(annotation, "text"), ()


def _is_untouched(submitted: Any, stored: Any) -> bool:
    return submitted == "" or (bool(stored) and submitted == mask(str(stored)))


def _reveal(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
