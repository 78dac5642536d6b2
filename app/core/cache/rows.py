"""Which cached values a change of rows makes worthless: noted while a session flushes, told right after its commit.

Whoever writes such a row, by whatever verb, screen or job, the values that hang on it go: nobody has to remember to
invalidate, and nobody can forget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session

from app.core.cache.regions import Region
from app.core.tenant import Scope
from app.core.together import tell_of_inserts

Clinics = Callable[[], Iterable[str]]
Noted = tuple[str | Clinics | None, str]  # whose value (or how to find out, after the commit; None: everybody's), tag
Tell = Callable[[dict[str | None, set[str]]], None]

_NOTED = "cache_changes"


@dataclass(frozen=True)
class _Dependence:
    tag: str
    by: str | None
    clinics: Callable[[str], Iterable[str]] | None


_dependences: dict[type, list[_Dependence]] = {}
_listening: list[Tell] = []


def hangs_on(
    region: Region, model: type, *, by: str | None = None, clinics: Callable[[str], Iterable[str]] | None = None
) -> None:
    """A clinic's values of the region hang on its rows of the model; with `by` (a column), those with the tag
    `<region>:<the column's value>`.

    A row that belongs to no clinic says by `clinics(id)` which ones see it; it is asked after the commit.
    """
    _dependences.setdefault(model, []).append(_Dependence(region.name, by, clinics))


def listen(tell: Tell) -> None:
    """`tell` gets the tags that a commit has made worthless, by clinic; None stands for every clinic."""
    _listening[:] = [tell]


def changed_here(session: Session, clinic_id: str, tags: Iterable[str]) -> bool:
    """Whether the present transaction changed what hangs on the tags: it must see that, and nobody else may yet."""
    if any(type(row) in _dependences for row in (*session.new, *session.dirty, *session.deleted)):
        return True
    wanted = set(tags)
    return any(tag in wanted and _may_be(whose, clinic_id) for whose, tag in _of(session))


def _may_be(whose: str | Clinics | None, clinic_id: str) -> bool:
    return whose is None or callable(whose) or whose == clinic_id


@event.listens_for(Session, "after_flush")
def _note_rows(session: Session, _context: Any) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        _note_row(session, row)


@tell_of_inserts
def _note_row(session: Session, row: Any) -> None:
    for dependence in _dependences.get(type(row), ()):
        _of(session).update((_whose(row, dependence), tag) for tag in _tags(row, dependence))


def _of(session: Session) -> set[Noted]:
    noted: set[Noted] = session.info.setdefault(_NOTED, set())
    return noted


def _whose(row: Any, dependence: _Dependence) -> str | Clinics:
    if dependence.clinics is None:
        return str(getattr(row, "clinic_id", None) or row.id)
    find, row_id = dependence.clinics, row.id
    return lambda: find(row_id)


def _tags(row: Any, dependence: _Dependence) -> list[str]:
    """The region, or the region's part for each value that the column has and had."""
    if dependence.by is None:
        return [dependence.tag]
    history = inspect(row).attrs[dependence.by].history
    values = {*history.added, *history.unchanged, *history.deleted}
    return [f"{dependence.tag}:{value}" for value in values if value is not None]


@event.listens_for(Session, "do_orm_execute")
def _note_bulk(state: ORMExecuteState) -> None:
    """A statement that changes many rows does not say which: the whole region goes."""
    if not (state.is_insert or state.is_update or state.is_delete) or state.bind_mapper is None:
        return
    scope: Scope = state.session.info.get("scope", Scope())
    for dependence in _dependences.get(state.bind_mapper.class_, ()):
        _of(state.session).add((None if dependence.clinics else scope.clinic_id, dependence.tag))


def changed_past_the_session(session: Session, tables: Iterable[str]) -> None:
    """Plain statements changed rows of these tables: what hangs on any of them goes."""
    clinic_id = session.info.get("scope", Scope()).clinic_id
    for model in [model for model in _dependences if getattr(model, "__tablename__", "") in set(tables)]:
        for dependence in _dependences[model]:
            _of(session).add((None if dependence.clinics else clinic_id, dependence.tag))


@event.listens_for(Session, "after_commit", insert=True)
def _tell(session: Session) -> None:
    """Before any other callback of the commit: whoever is woken by one reads what is new."""
    if session.in_nested_transaction():
        return
    noted: set[Noted] = session.info.pop(_NOTED, set())
    if noted and _listening:
        _listening[0](_by_clinic(noted))


def _by_clinic(noted: set[Noted]) -> dict[str | None, set[str]]:
    found: dict[str | None, set[str]] = {}
    for whose, tag in noted:
        for clinic_id in whose() if callable(whose) else (whose,):
            found.setdefault(clinic_id, set()).add(tag)
    return found


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous_transaction: Any) -> None:
    if not previous_transaction.nested:
        session.info.pop(_NOTED, None)
