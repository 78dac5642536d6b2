"""The left navigation: Flask-AppBuilder's menu (cut to what the role may see) with the active item, badges and keys.

A slice says beside its `add_view` what FAB's menu cannot hold:
`describe_item("Refunds", shortcut="g r", badge=count_open_refunds, tone="info")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request

from app.core.i18n import current_language
from app.core.principal import find_principal

# With no more than this many items a role sees all groups open; with more, only the first and the active one.
OPEN_ALL = 20


@dataclass(frozen=True, slots=True)
class ItemExtras:
    shortcut: str = ""
    badge: Callable[[], int | None] | None = None
    tone: str = "info"


@dataclass(slots=True)
class NavItem:
    name: str
    label: str
    url: str
    shortcut: str = ""
    badge: int | None = None
    tone: str = "info"
    active: bool = False


@dataclass(slots=True)
class NavGroup:
    label: str
    items: list[NavItem] = field(default_factory=list)
    open: bool = True


_extras: dict[str, ItemExtras] = {}


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(navigation=navigation, find_principal=find_principal, has_page=has_page)


def describe_item(
    name: str, *, shortcut: str = "", badge: Callable[[], int | None] | None = None, tone: str = "info"
) -> None:
    """Give the menu item of that FAB name a key sequence ("g d") and a count that is asked on every page."""
    _extras[name] = ItemExtras(shortcut, badge, tone)


def described_items() -> Mapping[str, ItemExtras]:
    """What was said of each item, by its FAB name."""
    return _extras


def has_page(path: str) -> bool:
    """Whether any slice answers GET at the path: the frame links only to pages that exist."""
    return current_app.url_map.bind("").test(path, "GET")


def navigation() -> list[NavGroup]:
    """Groups in menu order; items outside any category come first, without a heading."""
    groups = [group for group in _groups(_entries()) if group.items]
    items = [item for group in groups for item in group.items]
    active = _best_match(items, request.path)
    for group in groups:
        group.open = len(items) <= OPEN_ALL or group is groups[0] or active in group.items
    if active:
        active.active = True
    return groups


def _entries() -> list[Any]:
    """Words and addresses are the same for all who see the same items: a page need not put them together again."""
    builder = current_app.appbuilder  # type: ignore[attr-defined]
    visible = frozenset(builder.sm.get_user_menu_access())
    return _entries_for(builder.menu.get_data, visible, current_language(), request.script_root)


@lru_cache(maxsize=128)
def _entries_for(read: Callable[[], list[Any]], _visible: frozenset[str], _language: str, _root: str) -> list[Any]:
    """What FAB reads for whoever asks now; the other three are all that it depends on."""
    return read()


def _groups(menu: list[Any]) -> Iterator[NavGroup]:
    entries = [entry for entry in menu if isinstance(entry, dict)]
    yield NavGroup("", [_item(entry) for entry in entries if "url" in entry])
    for entry in entries:
        if "childs" in entry:
            yield NavGroup(entry["label"], [_item(child) for child in entry["childs"] if isinstance(child, dict)])


def _item(entry: dict[str, str]) -> NavItem:
    extras = _extras.get(entry["name"], ItemExtras())
    count = extras.badge() if extras.badge else None
    return NavItem(entry["name"], entry["label"], entry["url"], extras.shortcut, count, extras.tone)


def _best_match(items: list[NavItem], path: str) -> NavItem | None:
    """The item whose section holds the path; the longest wins, so that /desk/calendar is not also /desk."""
    matching = [item for item in items if _is_within(path, _section(item.url))]
    return max(matching, key=lambda item: len(_section(item.url)), default=None)


def _section(url: str) -> str:
    """'/patientview/list/?x=1' -> '/patientview/': a record's page belongs to its list."""
    path = url.partition("?")[0].removesuffix("/").removesuffix("/list").removesuffix("/chart")
    return path + "/"


def _is_within(path: str, section: str) -> bool:
    return path == section or (path + "/").startswith(section) if section != "/" else path == "/"
