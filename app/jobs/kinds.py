"""What long work there is: which rows, what is done with a batch of them, and what is made in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.jobs.models import JobRun

Rows = Callable[[JobRun], Iterable[Any]]
# Why a row is left out, or nothing, for each row of the batch; a string in the order of the rows.
Do = Callable[[JobRun, Sequence[Any]], Sequence[str]]


@dataclass(frozen=True)
class Kind:
    """A kind of long work.

    rows: all rows in an order that never changes, whoever asks again. do: works on a batch in one transaction, with
    what it notes. finish: makes the result in the last transaction. download: the permission that its result takes.
    """

    name: str
    title: Any
    queue: str
    rows: Rows
    do: Do
    finish: Callable[[JobRun], None]
    download: tuple[str, str]
    batch: int = 200


KINDS: dict[str, Kind] = {}


def declare_kind(kind: Kind) -> Kind:
    KINDS[kind.name] = kind
    return kind


def kind_title(name: str) -> str:
    """What a kind of work is called; its code where it is gone."""
    return str(KINDS[name].title) if name in KINDS else name
