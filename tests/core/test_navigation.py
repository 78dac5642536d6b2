"""The left navigation: what the role may see, the section one is in, badges and keys."""

from __future__ import annotations

from typing import Any

import pytest
from flask import request
from flask_babel import force_locale as in_language

from app.core import navigation
from app.core.i18n import current_language

MENU = [
    {
        "name": "Desk",
        "label": "Desk",
        "childs": [
            {"name": "Front desk", "label": "Front desk", "url": "/desk/"},
            {"name": "Calendar", "label": "Calendar", "url": "/desk/calendar/"},
        ],
    },
    "-",
    {
        "name": "Patients",
        "label": "Patients",
        "childs": [{"name": "Patients list", "label": "Patients", "url": "/patientview/list/"}],
    },
    {"name": "Empty", "label": "Empty", "childs": []},
    {"name": "Alone", "label": "Alone", "url": "/alone/"},
]


@pytest.fixture
def menu(app: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    entries = list(MENU)
    monkeypatch.setattr(app.appbuilder.menu, "get_data", lambda: entries)
    return entries


def groups_at(app: Any, path: str) -> list[navigation.NavGroup]:
    with app.test_request_context(path):
        return navigation.navigation()


def active_at(app: Any, path: str) -> list[str]:
    return [item.name for group in groups_at(app, path) for item in group.items if item.active]


def test_groups_keep_their_order_and_empty_ones_are_left_out(app: Any, menu: list[Any]) -> None:
    assert [group.label for group in groups_at(app, "/")] == ["", "Desk", "Patients"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/desk/", ["Front desk"]),
        ("/desk/calendar/", ["Calendar"]),
        ("/desk/calendar/2026-11-20", ["Calendar"]),
        ("/patientview/show/123", ["Patients list"]),
        ("/patientview/list/?page=2", ["Patients list"]),
        ("/patientviewer/", []),
        ("/", []),
    ],
)
def test_the_section_one_is_in_is_marked(app: Any, menu: list[Any], path: str, name: list[str]) -> None:
    assert active_at(app, path) == name


def test_many_items_are_folded_except_where_one_is(app: Any, menu: list[Any]) -> None:
    menu.append(
        {
            "name": "Set-up",
            "label": "Set-up",
            "childs": [{"name": f"S{number}", "label": "S", "url": f"/s{number}/"} for number in range(30)],
        }
    )
    assert [group.open for group in groups_at(app, "/patientview/list/")] == [True, False, True, False]


def test_an_item_has_its_key_and_its_count(app: Any, menu: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "_extras", {})
    navigation.describe_item("Front desk", shortcut="g d", badge=lambda: 12, tone="warn")
    item = groups_at(app, "/")[1].items[0]
    assert (item.shortcut, item.badge, item.tone) == ("g d", 12, "warn")


def test_the_menu_is_put_together_once_for_all_who_see_and_read_the_same(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def read() -> list[Any]:
        seen.append(f"{current_language()} {request.script_root} {sorted(visible)}")
        return list(MENU)

    monkeypatch.setattr(app.appbuilder.menu, "get_data", read)
    monkeypatch.setattr(app.appbuilder.sm, "get_user_menu_access", lambda: visible)
    visible = {"Desk"}
    for _again in range(2):
        for language, root in (("en", ""), ("hi", ""), ("en", "/console")):
            with app.test_request_context("/desk/", base_url=f"http://localhost{root}"), in_language(language):
                assert [item.active for item in navigation.navigation()[1].items] == [True, False]
    visible = {"Desk", "Patients"}
    groups_at(app, "/desk/")
    assert seen == ["en  ['Desk']", "hi  ['Desk']", "en /console ['Desk']", "en  ['Desk', 'Patients']"]


def test_only_pages_that_exist_are_linked(app: Any) -> None:
    with app.test_request_context("/"):
        assert navigation.has_page("/login/")
        assert not navigation.has_page("/no-such-page/")
