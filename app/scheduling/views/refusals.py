"""Refusals of the schedule on pages with forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask_babel import format_datetime, gettext
from flask_wtf import FlaskForm

from app.core.errors import AppError, Invalid
from app.core.transaction import unit_of_work
from app.scheduling.services import SlotTaken


@contextmanager
def told_what_is_free() -> Iterator[None]:
    """A form cannot show alternatives as data: the refusal says them in words."""
    try:
        yield
    except SlotTaken as taken:
        free = ", ".join(format_datetime(slot["startsAt"], "d MMM, HH:mm") for slot in taken.extra["alternatives"])
        words = gettext("Next free: %(times)s.", times=free) if free else gettext("Nothing is free soon.")
        raise SlotTaken(f"{taken.message} {words}", **taken.extra) from None


def try_deed(form: FlaskForm, deed: Callable[[], Any]) -> tuple[Any, str]:
    """Do the deed of a valid form in one unit of work: its result, or why not, as far as no field says it."""
    try:
        with unit_of_work(), told_what_is_free():
            return deed(), ""
    except Invalid as error:
        others = _beside_fields(form, error.fields)
        return None, " ".join(others) or ("" if form.errors else str(error.message))
    except AppError as error:
        return None, str(error.message)


def _beside_fields(form: FlaskForm, fields: dict[str, str] | None) -> list[str]:
    """Put refusals beside their fields; the texts of those that have none here."""
    others = []
    for name, text in (fields or {}).items():
        known = _snake(name)
        if known in form:
            form[known].errors = [*form[known].errors, str(text)]
        else:
            others.append(str(text))
    return others


def _snake(name: str) -> str:
    """'startsAt' -> 'starts_at'; 'doctorId' -> 'doctor'."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removesuffix("_id")
