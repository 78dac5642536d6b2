"""Vendor entities as JSON documents, found by account, parent and time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.sandbox import clock
from app.sandbox.store import Store

Entity = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A window of a vendor list: Unix seconds and an offset."""

    since: int = 0
    until: int = 2**62
    count: int = 10
    skip: int = 0


EVERYTHING = Page(count=-1)


class Documents:
    """Documents carry their own `id`; what the vendor does not show goes into another document."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, kind: str, entity: Entity, *, account: str = "", parent: str = "") -> Entity:
        """Adds it or replaces the one of the same id; account and parent are fixed when it is added."""
        self._store.run(
            "insert into documents(kind, id, account, parent, created_at, body) values (?, ?, ?, ?, ?, ?)"
            " on conflict (kind, id) do update set body = excluded.body",
            (kind, entity["id"], account, parent, entity.get("created_at", clock.timestamp()), json.dumps(entity)),
        )
        return entity

    def get(self, kind: str, id: str, *, account: str | None = None) -> Entity | None:
        row = self._store.row(
            "select body from documents where kind = ? and id = ? and account = coalesce(?, account)",
            (kind, id, account),
        )
        return None if row is None else json.loads(row["body"])

    def owner(self, kind: str, id: str) -> str | None:
        """The account that a document belongs to."""
        row = self._store.row("select account from documents where kind = ? and id = ?", (kind, id))
        return None if row is None else row["account"]

    def parent(self, kind: str, id: str) -> str | None:
        """The id of the document that it belongs to."""
        row = self._store.row("select parent from documents where kind = ? and id = ?", (kind, id))
        return None if row is None else row["parent"]

    def of_account(
        self, kind: str, account: str, page: Page, *, field: str = "id", value: str | None = None
    ) -> list[Entity]:
        """Newest first, as every vendor lists; with a value, only documents whose field equals it."""
        return self._read(
            "select body from documents where kind = ? and account = ? and created_at between ? and ?"
            " and (? is null or json_extract(body, ?) = ?) order by seq desc limit ? offset ?",
            (kind, account, page.since, page.until, value, f"$.{field}", value, page.count, page.skip),
        )

    def of_parent(self, kind: str, parent: str, page: Page = EVERYTHING) -> list[Entity]:
        """Newest first."""
        return self._read(
            "select body from documents where kind = ? and parent = ? and created_at between ? and ?"
            " order by seq desc limit ? offset ?",
            (kind, parent, page.since, page.until, page.count, page.skip),
        )

    def all(self, kind: str, limit: int) -> list[Entity]:
        return self._read("select body from documents where kind = ? order by seq desc limit ?", (kind, limit))

    def each_of_account(self, kind: str, account: str) -> list[Entity]:
        """Oldest first, all of them."""
        return self._read("select body from documents where kind = ? and account = ? order by seq", (kind, account))

    def delete(self, kind: str, id: str) -> bool:
        return self._store.run("delete from documents where kind = ? and id = ?", (kind, id)) > 0

    def _read(self, sql: str, values: tuple[object, ...]) -> list[Entity]:
        return [json.loads(row["body"]) for row in self._store.rows(sql, values)]
