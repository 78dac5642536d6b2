"""Finds what a slice declares: models, events, listeners, jobs, sockets by import; API classes and views by base
class.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from flask_appbuilder import AppBuilder, BaseView

from app.core.api import Api

DECLARATIONS = (
    "models",
    "cache",
    "environment",
    "events",
    "hooks",
    "reactions",
    "listeners",
    "jobs",
    "sockets",
    "commands",
)
EDGES = ("api", "views")


def load_declarations(slices: tuple[str, ...]) -> list[ModuleType]:
    """Import everything that registers itself, lower slices first; the modules, for what else they declare."""
    kernel = [f"app.core.{name}" for name in ("files", "idempotency", "series")]
    names = kernel + [f"app.{slice_name}.{part}" for slice_name in slices for part in DECLARATIONS]
    return [module for module in map(_import, names) if module is not None]


def load_edges(builder: AppBuilder, slices: tuple[str, ...]) -> None:
    """Register every API class and every view of the slices.

    A view with `menu = ("Billing", "Invoices")` gets that menu entry, others none. The order of the menu is MENU in
    app/core/menu.py.
    """
    views = [view for name in slices for view in _edges_of(name)]
    for view in views:
        if issubclass(view, Api) or not getattr(view, "menu", None):
            builder.add_view_no_menu(view)
    from app.core.menu import LABELS

    for view in sorted((view for view in views if getattr(view, "menu", None)), key=_menu_position):
        group, label = view.menu
        builder.add_view(view, str(view.__name__), label=label, category=group, category_label=LABELS[group])


def _menu_position(view: Any) -> tuple[int, int]:
    from app.core.menu import GROUPS

    return GROUPS.index(view.menu[0]), getattr(view, "menu_order", 50)


def _edges_of(slice_name: str) -> Iterator[Any]:
    for part in EDGES:
        module = _import(f"app.{slice_name}.{part}")
        if module is not None:
            yield from _classes_in(module)


def _classes_in(package: ModuleType) -> Iterator[Any]:
    """The API and view classes that a module, or the modules of a package, define."""
    modules = [package]
    if hasattr(package, "__path__"):
        from pkgutil import iter_modules

        modules += [import_module(f"{package.__name__}.{item.name}") for item in iter_modules(package.__path__)]
    for module in modules:
        for value in vars(module).values():
            if _is_edge(value) and value.__module__ == module.__name__:
                yield value


def _is_edge(value: Any) -> bool:
    """An API or view class that is meant to be registered, not one to derive from."""
    return isinstance(value, type) and issubclass(value, Api | BaseView) and not value.__dict__.get("abstract", False)


def _import(name: str) -> ModuleType | None:
    return import_module(name) if find_spec(name) else None
