"""Where a record has its page, for those who may read it."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, url_for

from app.core.principal import may
from app.core.views.actions import is_offered
from app.core.views.crud import CrudView


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(record_url=record_url)
    app.jinja_env.globals.update(is_offered=is_offered)


def record_url(value: Any) -> str | None:
    """The page of a row, such as the invoice that a payment names; None for anything else, or without permission."""
    view = _page_of(type(value)) if hasattr(value, "__tablename__") else None
    if view is None or not may(str(view.class_permission_name), "read"):
        return None
    return url_for(f"{view.endpoint}.show", pk=value.id)


def _page_of(model: type) -> CrudView | None:
    """The model's own screen: `InvoiceView` of `Invoice`."""
    name = f"{model.__name__}View"
    views = current_app.appbuilder.baseviews  # type: ignore[attr-defined]
    return next((view for view in views if isinstance(view, CrudView) and view.endpoint == name), None)
