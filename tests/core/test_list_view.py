"""Which part of a list is shown, and the active filters in words."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from wtforms import Form, SelectChoice, SelectField, StringField

from app.core.list_view import Window, figure_columns, filter_chips, list_window, url_without_filters
from app.core.money import Money


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


class Filters:
    def get_search_filters(self) -> dict[str, list[Named]]:
        return {"name": [Named("Starts with"), Named("Contains")], "status": [Named("Is")]}


class Search(Form):
    name = StringField()
    status = SelectField(choices=[SelectChoice("OPEN", "Open")])


@pytest.fixture
def lists() -> Any:
    application = Flask("lists")
    Babel(application)

    @application.get("/rooms/list/")
    def rooms() -> str:
        return ""

    return application


@pytest.mark.parametrize(
    ("arguments", "first", "last", "has_next", "is_whole"),
    [
        ((None, 25, 8, 8), 1, 8, False, True),
        ((0, 25, 26, 25), 1, 25, True, False),
        ((1, 25, 26, 1), 26, 26, False, False),
        ((0, 25, 25, 25), 1, 25, False, True),
        ((40, 25, 1001, 25, 1000), 1001, 1025, True, False),
        ((41, 25, 1001, 3, 1000), 1026, 1028, False, False),
    ],
)
def test_the_window_knows_where_it_is(arguments: Any, first: int, last: int, has_next: bool, is_whole: bool) -> None:
    window = list_window(*arguments)
    assert (window.first, window.last, window.has_next, window.is_whole) == (first, last, has_next, is_whole)


def test_a_capped_count_does_not_pretend(app: Any) -> None:
    with app.test_request_context("/"):
        assert list_window(0, 25, 1001, 25, 1000).total == "more than 1,000"
        assert list_window(0, 25, 1000, 25, 1000).total == "1,000"
        assert Window(0, 25, 60, 25, capped=False).total == "60"


def test_every_condition_is_a_chip_with_the_way_to_remove_it(lists: Flask) -> None:
    statuses = "_flt_0_status=OPEN&_flt_0_status=WRITTEN_OFF"
    with lists.test_request_context(
        f"/rooms/list/?_flt_1_name=a&_flt_1_name=b&{statuses}&page_RoomView=3&_oc_RoomView=name"
    ):
        chips = filter_chips(Filters(), Search(), {"name": "Name", "status": "Status"})
    assert [(chip.label, chip.operator, chip.value) for chip in chips] == [
        ("Name", "Contains", "a"),
        ("Name", "Contains", "b"),
        ("Status", "Is", "Open"),
        ("Status", "Is", "Written off"),
    ]
    assert chips[0].remove_url == f"/rooms/list/?_flt_1_name=b&{statuses}&_oc_RoomView=name"


@pytest.mark.parametrize("query", ["_flt_9_name=a", "_flt_x_name=a", "_flt_0_secret=a", "_flt_0_=a", "other=1"])
def test_what_is_no_filter_is_no_chip(lists: Flask, query: str) -> None:
    with lists.test_request_context(f"/rooms/list/?{query}"):
        assert filter_chips(Filters(), Search(), {}) == []


def test_all_conditions_can_be_cleared_at_once(lists: Flask) -> None:
    with lists.test_request_context("/rooms/list/?_flt_1_name=a&page_RoomView=3&_oc_RoomView=name"):
        assert url_without_filters() == "/rooms/list/?_oc_RoomView=name"


def test_a_column_is_flush_right_when_any_cell_is_a_figure_and_nothing_makes_a_word_of_it() -> None:
    rows = [{"price": None, "day": 1, "name": "a"}, {"price": Money(500, "INR"), "day": 2, "name": "b"}]
    columns = ["price", "day", "name"]
    assert figure_columns(rows, columns, None) == {"price", "day"}
    assert figure_columns(rows, columns, {"day": str}) == {"price"}
    assert figure_columns([], columns, None) == set()
