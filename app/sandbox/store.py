"""One SQLite connection behind one lock: every state change of the sandbox is a short transaction of its own."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.sandbox.errors import CannotStart

FILE_NAME = "sandbox.sqlite3"
FORGET = (
    "delete from documents", "delete from messages", "delete from attachments", "delete from files",
    "delete from calls", "delete from call_counts", "delete from faults", "delete from deliveries",
    "delete from timers",
)  # fmt: skip
SCHEMA = """
create table if not exists accounts(
    provider text, identity text, body text not null, primary key (provider, identity));
create table if not exists secrets(name text primary key, body text not null);
create table if not exists documents(
    seq integer primary key autoincrement, kind text not null, id text not null, account text not null,
    parent text not null, created_at integer not null, body text not null, unique (kind, id));
create index if not exists documents_by_account on documents(kind, account, created_at);
create index if not exists documents_by_parent on documents(kind, parent);
create table if not exists messages(
    seq integer primary key autoincrement, id text not null unique, channel text not null, provider text not null,
    recipient text not null, sent_at text not null, body text not null);
create index if not exists messages_by_recipient on messages(recipient);
create table if not exists attachments(
    message_id text, position integer, filename text not null, mime_type text not null, url text, content blob,
    primary key (message_id, position));
create table if not exists files(
    id text primary key, account text, mime_type text, filename text, content blob, at real);
create table if not exists calls(
    seq integer primary key autoincrement, at text not null, provider text not null, account text not null,
    operation text not null, method text not null, path text not null, headers text not null, body text not null,
    status integer, fault text, milliseconds integer);
create table if not exists call_counts(provider text, operation text, calls integer, primary key (provider, operation));
create table if not exists faults(
    seq integer primary key autoincrement, provider text not null, fault text not null, operation text not null,
    remaining integer not null, before integer not null, seconds real not null, copies integer not null);
create table if not exists deliveries(
    seq integer primary key autoincrement, id text not null unique, provider text not null, account text not null,
    lane text not null, event text not null, event_id text not null, url text not null, headers text not null,
    body blob not null, status text not null, attempts integer not null default 0, due_at real not null,
    created_at text not null, finished_at text, answer integer, error text);
create index if not exists deliveries_due on deliveries(status, due_at);
create table if not exists timers(
    seq integer primary key autoincrement, provider text not null, name text not null, body text not null,
    due_at real not null);
"""


class Store:
    """The sandbox's memory; `path` None keeps it in the process."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = _connect(path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one writer at a time; nested uses join the outer one."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._end(outermost, "rollback")
                raise
            self._end(outermost, "commit")

    def _end(self, outermost: bool, verb: str) -> None:
        self._depth -= 1
        if outermost:
            self._db.execute(verb)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """The number of rows that changed."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def secret(self, name: str) -> dict[str, str] | None:
        """A key that the sandbox itself made, kept through resets."""
        row = self.row("select body from secrets where name = ?", (name,))
        return None if row is None else json.loads(row["body"])

    def keep_secret(self, name: str, secret: dict[str, str]) -> None:
        self.run("insert into secrets(name, body) values (?, ?)", (name, json.dumps(secret)))

    def reset(self) -> None:
        """Forgets everything but the accounts and the sandbox's own keys."""
        with self.transaction():
            for statement in FORGET:
                self.run(statement)

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _connect(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.executescript(SCHEMA)
    except (OSError, sqlite3.Error) as error:
        hint = "Set DATA_DIR to a directory it may write."
        raise CannotStart(f"The sandbox cannot write {path}: {error}. {hint}") from None
    return db
