"""Vendor accounts: what a clinic would set up on the vendor's dashboard, and nothing a call could make up."""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.sandbox.errors import SandboxError
from app.sandbox.store import Store

VISIBLE = 4
SHORTEST_HINTED = 12


class Account(BaseModel):
    """Fields of one vendor account. A subclass names its identity and its secrets."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    identity_field: ClassVar[str]
    secret_fields: ClassVar[tuple[str, ...]]

    webhook_url: str | None = Field(None, pattern=r"^https?://\S+$")

    @property
    def identity(self) -> str:
        value: str = getattr(self, self.identity_field)
        return value

    def masked(self) -> dict[str, object]:
        """Its fields under their wire names, secrets reduced to their last characters."""
        shown = self.model_dump(by_alias=True)
        for name in self.secret_fields:
            shown[to_camel(name)] = mask(getattr(self, name))
        return shown


def mask(secret: str | None) -> str | None:
    if not secret:
        return secret
    return "••••" + (secret[-VISIBLE:] if len(secret) >= SHORTEST_HINTED else "")


class AccountBook:
    """The accounts of every vendor, kept through resets and restarts."""

    def __init__(self, store: Store, schemas: dict[str, type[Account]]) -> None:
        self._store = store
        self._schemas = schemas

    def save(self, body: dict[str, object]) -> tuple[str, Account]:
        """Adds or replaces; `provider` picks the schema. Raises SandboxError naming the wrong fields."""
        provider = str(body.get("provider", ""))
        schema = self._schemas.get(provider)
        if schema is None:
            raise SandboxError(f"provider must be one of {', '.join(self._schemas)}")
        fields = {name: value for name, value in body.items() if name != "provider"}
        try:
            account = schema.model_validate(fields)
        except ValidationError as error:
            raise SandboxError(_explain(error)) from None
        self._write(provider, account)
        return provider, account

    def _write(self, provider: str, account: Account) -> None:
        with self._store.transaction():
            self._store.run(
                "insert into accounts(provider, identity, body) values (?, ?, ?)"
                " on conflict (provider, identity) do update set body = excluded.body",
                (provider, account.identity, account.model_dump_json(by_alias=True)),
            )

    def find(self, provider: str, identity: str) -> Account | None:
        row = self._store.row("select body from accounts where provider = ? and identity = ?", (provider, identity))
        return None if row is None else self._schemas[provider].model_validate(json.loads(row["body"]))

    def all(self) -> list[tuple[str, Account]]:
        rows = self._store.rows("select provider, body from accounts order by provider, identity")
        return [(row["provider"], self._schemas[row["provider"]].model_validate_json(row["body"])) for row in rows]


def _explain(error: ValidationError) -> str:
    items = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in items)
