"""What every generated screen owes its reader: a title that somebody wrote, an order, filters."""

from __future__ import annotations

from typing import Any

import pytest
from flask_babel.speaklater import LazyString

from app.core import navigation
from app.core.views import CrudView


@pytest.fixture
def screens(app: Any) -> list[CrudView]:
    from app.extensions import appbuilder

    found = [view for view in appbuilder.baseviews if isinstance(view, CrudView)]
    assert len(found) > 25
    return found


def test_every_list_and_form_has_a_translated_title(screens: list[CrudView]) -> None:
    untitled = [type(view).__name__ for view in screens if not isinstance(view.list_title, LazyString)]
    forms = [view for view in screens if "add" not in view.exclude_route_methods]
    unnamed = [type(view).__name__ for view in forms if view.add_title is view.list_title or not view.add_title]
    assert untitled == unnamed == []


def test_every_screen_can_be_filtered_and_says_its_order(screens: list[CrudView]) -> None:
    assert [type(view).__name__ for view in screens if not view.search_columns] == []
    assert [type(view).__name__ for view in screens if view.base_order[1] not in ("asc", "desc")] == []


def test_every_screen_of_the_menu_has_a_chart(screens: list[CrudView]) -> None:
    assert [type(view).__name__ for view in screens if view.menu and not view.charts] == []


def test_no_key_leads_to_two_places(app: Any) -> None:
    keys = [extras.shortcut for extras in navigation.described_items().values() if extras.shortcut]
    assert len(keys) > 10
    assert sorted(keys) == sorted(set(keys))


def test_no_two_screens_of_a_group_fight_for_a_place(screens: list[CrudView]) -> None:
    places = [(view.menu[0], view.menu_order) for view in screens if view.menu]
    assert sorted(places) == sorted(set(places))
