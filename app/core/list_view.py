"""What the templates of generated lists ask for: which page of how many, and the active filters as removable chips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import SelectField

from app.core.formatting import is_number, number, word_of
from app.core.views.arguments import FILTER_ARGUMENT, asked_filters


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list on screen. A capped count knows only that there are more rows than it counted."""

    page: int
    size: int
    count: int
    shown: int
    capped: bool

    @property
    def first(self) -> int:
        return self.page * self.size + 1

    @property
    def last(self) -> int:
        return self.page * self.size + self.shown

    @property
    def has_next(self) -> bool:
        return self.last < self.count or (self.capped and self.shown == self.size)

    @property
    def is_whole(self) -> bool:
        return self.page == 0 and not self.has_next

    @property
    def total(self) -> str:
        return _("more than %(count)s", count=number(self.count)) if self.capped else number(self.count)


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter in words, and the address of the list without it."""

    label: str
    operator: str
    value: str
    remove_url: str


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        list_window=list_window,
        filter_chips=filter_chips,
        url_without_filters=url_without_filters,
        figure_columns=figure_columns,
    )


def figure_columns(rows: list[dict[str, Any]], columns: list[str], formatters: dict[str, Any] | None) -> set[str]:
    """The columns that are set flush right: some cell is a figure, and no formatter makes a word of it."""
    shown = [name for name in columns if name not in (formatters or {})]
    return {name for name in shown if any(is_number(row[name]) for row in rows)}


def list_window(page: int | None, size: int, count: int, shown: int, cap: int | None = None) -> Window:
    """`cap`: counting stopped there; a count above it says "more than cap"."""
    capped = cap is not None and count > cap
    return Window(page or 0, size, min(count, cap) if capped and cap else count, shown, capped)


def filter_chips(filters: Any, form: Any, labels: dict[str, str]) -> list[Chip]:
    """The person's own filters in the address; filters that a related list brings along are not theirs to remove."""
    known = filters.get_search_filters()
    chips = []
    for column, place, values in asked_filters(known):
        operator = known[column][place]
        for value in values:
            text = _value_text(form, column, value)
            remove = _url_without(f"_flt_{place}_{column}", value)
            chips.append(Chip(labels.get(column, column), str(operator.name), text, remove))
    return chips


def url_without_filters() -> str:
    return _here(
        MultiDict((key, value) for key, value in request.args.items(multi=True) if not _is_filter_or_page(key))
    )


def _value_text(form: Any, column: str, value: str) -> str:
    """The choice's own words where the value is a code or an id."""
    field = form[column] if form is not None and column in form else None
    if text_of := getattr(field, "text_of", None):
        return str(text_of(value) or value)
    choices = field.choices if isinstance(field, SelectField) and isinstance(field.choices, list) else []
    known = next((str(item.label) for item in choices if getattr(item, "value", None) == value), "")
    return known or word_of(value, column)


def _url_without(key: str, value: str) -> str:
    arguments = [pair for pair in request.args.items(multi=True) if not pair[0].startswith("page_")]
    arguments.remove((key, value))
    return _here(MultiDict(arguments))


def _is_filter_or_page(key: str) -> bool:
    return bool(FILTER_ARGUMENT.fullmatch(key)) or key.startswith("page_")


def _here(arguments: MultiDict[str, str]) -> str:
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **arguments.to_dict(flat=False)})
