"""Pieces of pages that htmx asks for: how a change is made once, and how it fails in words where it happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import Response, render_template

from app.core import idempotency
from app.core.api import Endpoint
from app.core.errors import AppError, Unauthorized
from app.core.views import ActionView
from app.desk.views.panes import Pane

FORM = Endpoint("POST", "", None, None)


class FragmentView(ActionView):
    """A view whose answers are pieces of a page."""

    abstract = True

    def show_pane(self, pane: Pane, said: Any = "", *, changed: bool = False) -> Response:
        return self.piece(pane.template, address=pane.address, said=said, changed=changed, **pane.context)

    def piece(
        self, template: str, *, address: str = "", said: Any = "", changed: bool = False, **context: Any
    ) -> Response:
        """HTML to be swapped in. `address` becomes the page's, `said` a passing note, `changed` refreshes the lists."""
        response = Response(self.render(template, **context), mimetype="text/html")
        if address:
            response.headers["HX-Replace-Url"] = address
        happened: dict[str, Any] = {}
        if said:
            happened["desk:said"] = {"text": str(said)}
        if changed:
            happened["desk:changed"] = {}
        if happened:
            response.headers["HX-Trigger-After-Settle"] = json.dumps(happened)
        return response


def in_words(region: str = "#problem") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Show an expected failure in `region`, beside what caused it, instead of on a page of its own."""

    def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(handler)
        def handle(*args: Any, **kwargs: Any) -> Any:
            try:
                return handler(*args, **kwargs)
            except Unauthorized:
                raise
            except AppError as error:
                page = render_template("desk/parts/problem.html", error=error)
                headers = {"HX-Retarget": region, "HX-Reswap": "innerHTML"}
                return Response(page, status=error.status, mimetype="text/html", headers=headers)

        return handle

    return declare


def once(handler: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a change in one unit of work, once per form that was drawn: a second click gets the first one's answer."""
    answer = idempotency.once(FORM, handler)
    known: dict[str, Any] = orjson.loads(answer.get_data())
    return known
