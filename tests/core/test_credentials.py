from __future__ import annotations

from typing import Literal

import pytest
from pydantic import SecretStr

from app.core.credentials import CredentialModel, InvalidCredentials, credential, credential_fields, mask


class Account(CredentialModel):
    host: str = credential("Host", help_text="Without https://", min_length=1)
    api_key: SecretStr = credential("API key", min_length=1)
    port: int = credential("Port", default=443, ge=1, le=65535)
    mode: Literal["live", "test"] = credential("Mode", default="live")
    strict: bool = credential("Strict", default=True)
    old_key: SecretStr | None = credential("Old key", default=None)
    roots: str = credential("Trusted roots", default="", multiline=True, trust=True)


STORED = {"host": "api.test", "api_key": "key-0123456789-abcd", "old_key": "short"}


def test_the_form_is_drawn_from_the_schema() -> None:
    drawn = {field.name: field for field in credential_fields(Account)}
    assert list(drawn) == ["host", "api_key", "port", "mode", "strict", "old_key", "roots"]
    types = [field.type for field in drawn.values()]
    assert types == ["text", "secret", "number", "choice", "checkbox", "secret", "multiline"]
    assert [name for name, field in drawn.items() if field.required] == ["host", "api_key"]
    assert [name for name, field in drawn.items() if field.secret] == ["api_key", "old_key"]
    assert [name for name, field in drawn.items() if field.trust] == ["roots"]
    assert (drawn["host"].title, drawn["host"].help) == ("Host", "Without https://")
    assert (drawn["port"].default, drawn["mode"].choices) == (443, ("live", "test"))


def test_secrets_are_masked_everywhere_but_in_plain() -> None:
    account = Account.load(STORED)
    assert account.masked()["api_key"] == "••••abcd"
    assert account.masked()["old_key"] == "••••"
    assert account.masked()["host"] == "api.test"
    assert account.plain() == {**STORED, "port": 443, "mode": "live", "strict": True, "roots": ""}
    assert Account.load(account.plain()) == account
    for shown in (repr(account), str(account), str(account.masked()), account.model_dump_json()):
        assert "0123456789" not in shown and "short" not in shown
    assert account.secrets() == ("key-0123456789-abcd", "short")


@pytest.mark.parametrize(
    ("secret", "shown"), [("", ""), ("abcd", "••••"), ("x" * 11, "••••"), ("x" * 8 + "tail", "••••tail")]
)
def test_only_a_long_secret_shows_its_end(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_the_api_writes_camel_case_and_the_store_field_names() -> None:
    account = Account.load({"host": " api.test ", "apiKey": " key ", "oldKey": None})
    assert account.plain()["api_key"] == "key"
    assert account.host == "api.test"


def test_errors_name_fields_and_never_values() -> None:
    with pytest.raises(InvalidCredentials) as caught:
        Account.load({"apiKey": 5, "port": "secret-port", "hots": "secret-host"})
    assert set(caught.value.fields) == {"host", "api_key", "port", "hots"}
    assert "secret" not in str(caught.value) + str(caught.value.fields)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kept", [{}, {"apiKey": ""}, {"api_key": "••••abcd"}])
def test_a_secret_that_was_not_typed_again_is_kept(kept: dict[str, str]) -> None:
    merged = Account.merge(STORED, {"host": "other.test", **kept})
    assert merged == {"host": "other.test", "api_key": STORED["api_key"], "old_key": "short"}


def test_a_new_secret_replaces_and_null_clears() -> None:
    merged = Account.merge(STORED, {"host": "api.test", "apiKey": "new", "oldKey": None})
    assert merged == {"host": "api.test", "api_key": "new"}


def test_a_first_account_has_nothing_to_keep() -> None:
    assert Account.merge({}, {"host": "api.test", "apiKey": "", "oldKey": ""}) == {"host": "api.test"}
