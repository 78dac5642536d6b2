"""The patient search box: one text, whatever it is, answered from an index at a million patients.

A search becomes one or more arms, tried in turn: the patients of an arm are found and ordered by the same index, so
that the first page costs the same however many match. Prefixes are the bounds `~>=~` and `~<~`, which keep their index
behind row-level security (DESIGN 9).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from typing import Any, NamedTuple

import orjson
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, Select, UnaryExpression, and_, false, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlalchemy.sql.operators import custom_op

from app.core.errors import BadRequest
from app.core.ids import is_id
from app.core.search import SearchQuery, Term, TermKind, parse_search, prefix_bounds
from app.core.tenant import db
from app.people.models import Patient
from app.people.queries.patients import own_patients_only
from app.tenancy.queries import settings_in_scope
from app.tenancy.settings import ClinicSettings

MRN_DIGITS = 6
LAST_RESORT_ROWS = 5_000
# So many words are spelled out as all the ways to be first and last names: each is an intersection of two indexes.
MOST_WAYS_WORDS = 3
Criterion = ColumnElement[bool]
NAME_COLUMNS = (Patient.search_name, Patient.search_last_first)
SHOWN = (Patient.id, Patient.mrn, Patient.first_name, Patient.last_name, Patient.phone, Patient.date_of_birth)


@dataclass(frozen=True)
class Arm:
    """Patients in the order of an indexed name.

    `whole`: find all before ordering, because what narrows them is not what orders them (the planner would walk the
    order). `words`: the last resort where nothing was found: of LAST_RESORT_ROWS of `where`, those with every word.
    """

    where: Criterion
    order: Any = field(default_factory=lambda: Patient.search_name)
    whole: bool = False
    words: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where the page before ended."""

    arm: int
    name: str
    id: str


def search_patients(text: str, limit: int = 20) -> list[Patient]:
    """Patients that a search box means: names by prefix, phone, MRN, date of birth. None for no text."""
    search = parse_search(text, settings_in_scope().phone_region)
    if not search:
        return []
    ids = [row.id for row, _place in _found(arms_of(search, settings_in_scope()), limit, None)]
    found = {patient.id: patient for patient in db.session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return [found[patient_id] for patient_id in ids]


def patient_page(text: str, limit: int, cursor: str | None) -> tuple[list[Row[Any]], str | None]:
    """A page of SHOWN rows and the cursor of the next; no text means everybody by name. Raises BadRequest."""
    settings = settings_in_scope()
    search = parse_search(text, settings.phone_region)
    if text.strip() and not search:
        return [], None
    found = list(_found(arms_of(search, settings), limit + 1, _decode(cursor) if cursor else None))
    next_cursor = _encode(found[limit - 1][1]) if len(found) > limit else None
    return [row for row, _place in found[:limit]], next_cursor


def count_patients(text: str) -> int:
    """How many a search finds."""
    settings = settings_in_scope()
    search = parse_search(text, settings.phone_region)
    if text.strip() and not search:
        return 0
    arms = [arm for arm in arms_of(search, settings) if not arm.words]
    wanted = (
        select(func.count()).select_from(Patient).where(or_(*(arm.where for arm in arms)), Patient.active.is_(True))
    )
    return int(db.session.scalar(own_patients_only(wanted)) or 0)


def arms_of(search: SearchQuery, settings: ClinicSettings) -> tuple[Arm, ...]:
    """How to find what was typed."""
    if not search:
        return (Arm(true()),)
    if len(search.groups) == 1:
        return _disjoint(_readings(search.groups[0], settings))
    names = [group[0].value for group in search.groups if _is_name(group)]
    others = [_any_reading(group, settings) for group in search.groups if not _is_name(group)]
    strict = Arm(and_(_names(names), *others), whole=True)
    if len(names) < 2:
        return (strict,)
    # Who is called as it was typed comes first, and most times fills the page by one look into an index.
    literal = [] if others else [Arm(_starts(column, " ".join(names)), column) for column in NAME_COLUMNS]
    last_resort = Arm(and_(or_(*map(_begins_a_name, names)), *others), whole=True, words=tuple(names))
    return *_disjoint([*literal, strict]), last_resort


def _is_name(group: tuple[Term, ...]) -> bool:
    return [term.kind for term in group] == [TermKind.NAME]


def _readings(group: tuple[Term, ...], settings: ClinicSettings) -> list[Arm]:
    """What a word can mean, each narrowed and ordered by one index."""
    return [arm for term in group for arm in _arms_of_term(term, settings)]


def _arms_of_term(term: Term, settings: ClinicSettings) -> list[Arm]:
    match term.kind:
        case TermKind.NAME:
            return [Arm(_starts(column, term.value), column) for column in NAME_COLUMNS]
        case TermKind.PHONE:
            return [Arm(Patient.phone == term.value, whole=True)]
        case TermKind.PHONE_PREFIX:
            return [Arm(_starts(Patient.phone, term.value), Patient.phone)]
        case TermKind.BORN_ON:
            return [Arm(Patient.date_of_birth == date.fromisoformat(term.value), whole=True)]
        case TermKind.MRN:
            return _record_numbers(term.value, settings.mrn_prefix)


def _record_numbers(typed: str, prefix: str) -> list[Arm]:
    """A record number as printed, from its beginning; or its digits without the clinic's prefix and leading zeros."""
    starts = [Arm(_starts(Patient.mrn, text), Patient.mrn) for text in dict.fromkeys((prefix + typed, typed))]
    if not typed.isdigit():
        return [*starts[-1:], _merged_number(typed)]
    whole = prefix + typed.zfill(MRN_DIGITS)
    return [Arm(Patient.mrn == whole, Patient.mrn), *starts, _merged_number(whole)]


def _merged_number(number: str) -> Arm:
    """A number on an old file whose record became part of another."""
    old = aliased(Patient)
    return Arm(Patient.id.in_(select(old.merged_into_id).where(old.mrn == number)), whole=True)


def _disjoint(arms: list[Arm]) -> tuple[Arm, ...]:
    """The arms without what an earlier one has found."""
    earlier = [false(), *(arm.where for arm in arms)]
    return tuple(
        replace(arm, where=and_(arm.where, or_(*earlier[: number + 1]).is_not(true())) if number else arm.where)
        for number, arm in enumerate(arms)
    )


def _any_reading(group: tuple[Term, ...], settings: ClinicSettings) -> Criterion:
    return or_(*(arm.where for arm in _readings(group, settings)))


def _names(names: list[str]) -> Criterion:
    """Each word begins the first or the last name, or all of them as typed begin the name."""
    if len(names) > MOST_WAYS_WORDS:
        each = and_(*(_begins_a_name(name) for name in names))
    else:
        ways = product(NAME_COLUMNS, repeat=len(names))
        each = or_(false(), *(and_(true(), *map(_starts, columns, names)) for columns in ways))
    return or_(each, _begins_a_name(" ".join(names))) if len(names) > 1 else each


def _begins_a_name(prefix: str) -> Criterion:
    return or_(*(_starts(column, prefix) for column in NAME_COLUMNS))


def _starts(column: Any, prefix: str) -> Criterion:
    low, high = prefix_bounds(prefix)
    above = column.bool_op("~>=~")(low)
    return above if high is None else and_(above, column.bool_op("~<~")(high))


def _found(arms: tuple[Arm, ...], limit: int, after: Place | None) -> Iterator[tuple[Row[Any], Place]]:
    """At most `limit` rows with their places, arm after arm; a last resort only where nothing else was found."""
    found = 0
    for number, arm in enumerate(arms):
        if (after and number < after.arm) or (arm.words and (found or (after and after.arm < number))):
            continue
        start = after if after and after.arm == number else None
        for row in db.session.execute(_select(arm, limit - found, start)):
            found += 1
            yield row, Place(number, row.place, row.id)
        if found >= limit:
            return


def _select(arm: Arm, limit: int, after: Place | None) -> Select[Any]:
    wanted: Any = select(*SHOWN, arm.order.label("place")).where(arm.where, Patient.active.is_(True))
    wanted = own_patients_only(wanted)
    if after:
        later = arm.order.bool_op("~>~")(after.name) | and_(arm.order == after.name, Patient.id > after.id)
        wanted = wanted.where(arm.order.bool_op("~>=~")(after.name), later)
    if arm.whole:
        rows = wanted.limit(LAST_RESORT_ROWS if arm.words else None).cte("found").prefix_with("materialized")
        named = (func.concat(" ", rows.c.place).like(f"% {word}%") for word in arm.words)
        return select(rows).where(*named).order_by(_octets(rows.c.place), rows.c.id).limit(limit)
    return wanted.order_by(_octets(arm.order), Patient.id).limit(limit)


def _octets(column: Any) -> UnaryExpression[str]:
    """The order that an index with text_pattern_ops has, whatever the database's collation."""
    return UnaryExpression(column, modifier=custom_op("using ~<~"))


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).decode().rstrip("=")


def _decode(cursor: str) -> Place:
    try:
        arm, name, patient_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = Place(int(arm), str(name), patient_id)
    except (ValueError, TypeError):
        raise BadRequest(_("The cursor is not valid."), code="BAD_CURSOR") from None
    if not is_id(place.id) or "\x00" in place.name:
        raise BadRequest(_("The cursor is not valid."), code="BAD_CURSOR")
    return place
