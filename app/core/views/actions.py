"""Custom screens, and actions on rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import flash, render_template
from flask_appbuilder import BaseView
from flask_appbuilder.actions import ActionItem

from app.core import principal
from app.core.errors import AppError
from app.core.transaction import unit_of_work

log = logging.getLogger(__name__)


class ActionView(BaseView):
    """Base of custom pages: `class_permission_name` is the resource; `method_permission_name` maps methods to actions;
    `menu_action` is the one without which the page is not in the menu.

    Handlers call `self.require(action)` first, and do their change inside `with unit_of_work()`.
    """

    abstract = True
    menu: tuple[str, Any] | None = None
    menu_order = 50
    menu_action = "read"

    def require(self, action: str = "read") -> principal.Principal:
        """Raises Unauthorized or Forbidden."""
        return principal.require(str(self.class_permission_name), action)

    def render(self, template: str, **context: Any) -> str:
        return render_template(
            template, appbuilder=self.appbuilder, base_template=self.appbuilder.base_template, **context
        )


def row_action(
    name: str,
    label: Any,
    *,
    confirm: Any = "",
    steps: bool = False,
    multiple: bool = True,
    single: bool = True,
    when: Callable[[Any], bool] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An action on selected rows; the permission is `name` on the view's resource.

    The method takes one row and may return a text to show. It runs in one unit of work, except with `steps=True`,
    where it takes the row's id and commits itself (a provider is called in between). A record's page offers it only
    `when` it makes sense for that row; the service refuses what it may not do all the same.
    """

    def declare(method: Callable[..., Any]) -> Callable[..., Any]:
        method._action = (name, label, confirm, "", multiple, single)  # type: ignore[attr-defined]
        method._steps = steps  # type: ignore[attr-defined]
        method._when = when  # type: ignore[attr-defined]
        return method

    return declare


def is_offered(action: ActionItem, row: Any) -> bool:
    """Whether a record's page shows the action's button."""
    when = getattr(action.func, "_when", None)
    return when is None or bool(when(row))


def run_action(item: ActionItem, rows: list[Any]) -> None:
    """Run an action over rows, each on its own: one that fails is told and does not undo the others."""
    steps = getattr(item.func, "_steps", False)
    for row_id, row in [(row.id, row) for row in rows]:
        try:
            if steps:
                text = item.func(row_id)
            else:
                with unit_of_work():
                    text = item.func(row)
            flash(str(text or item.text), "success")
        except AppError as error:
            flash(str(error.message), "danger")
