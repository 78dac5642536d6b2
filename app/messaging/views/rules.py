"""The clinic's rules about messages: when, how fast, for how much, and what is not told at all."""

from __future__ import annotations

from datetime import time
from itertools import groupby
from typing import Any

from flask import flash, redirect, request
from flask_appbuilder import expose
from flask_babel import gettext, lazy_gettext
from pydantic.fields import FieldInfo

from app.core.errors import Invalid
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.messaging.routing import ALWAYS, ROUTES, switch, switches
from app.messaging.rules import Rules, change_rules, rules_in_scope
from app.messaging.words import channel_name
from app.tenancy.queries import settings_in_scope

GROUPS = (
    (lazy_gettext("Quiet hours and digest"), ("quiet_from", "quiet_until", "digest_at", "quiet_email")),
    (
        lazy_gettext("Limits"),
        ("email_per_minute", "whatsapp_per_minute", "sms_per_minute", "push_per_minute"),
    ),
    (
        lazy_gettext("Cost"),
        ("email_cost", "whatsapp_cost", "sms_cost", "push_cost", "daily_cap"),
    ),
)


class CommunicationView(ActionView):
    """One page for all rules, drawn from their schema and from the routing table."""

    class_permission_name = "setting"
    route_base = "/communication"
    menu = ("Messages", lazy_gettext("Communication settings"))
    menu_order = 50
    default_view = "edit"

    @expose("/", methods=["GET", "POST"])
    def edit(self) -> Any:
        self.require("update" if request.method == "POST" else "read")
        errors: dict[str, str] = {}
        if request.method == "POST":
            errors = _save()
            if not errors:
                flash(gettext("Saved."), "success")
                return redirect("/communication/")
        rules = rules_in_scope()
        given = request.form.to_dict() if errors else {}
        page = self.render(
            "messaging/rules.html",
            groups=[(title, [_describe(name, rules, given) for name in names]) for title, names in GROUPS],
            routes=_routes(rules),
            always=[route for route in ROUTES if route.pattern in ALWAYS],
            errors=errors,
            currency=settings_in_scope().currency,
        )
        return (page, 422) if errors else page


def _save() -> dict[str, str]:
    values = {name: _read(name, info) for name, info in Rules.model_fields.items() if name != "switched_off"}
    on = set(request.form.getlist("on"))
    off = [name for route, channel in switches() if (name := switch(route.pattern, channel)) not in on]
    try:
        with unit_of_work():
            change_rules(**values, switched_off=off)
    except Invalid as error:
        return {name: gettext(str(text)) for name, text in (error.fields or {}).items()}
    return {}


def _read(name: str, info: FieldInfo) -> Any:
    if info.annotation is bool:
        return name in request.form
    return request.form.get(name, "").strip() or info.default


def _describe(name: str, rules: Rules, given: dict[str, str]) -> dict[str, Any]:
    info, value = Rules.model_fields[name], getattr(rules, name)
    kind = "text"
    if isinstance(value, bool):
        kind = "checkbox"
    elif isinstance(value, int):
        kind = "number"
    elif info.annotation == time | None:
        kind, value = "time", f"{value:%H:%M}" if value else ""
    return {"name": name, "title": gettext(info.title or name), "kind": kind, "value": given.get(name, value)}


def _routes(rules: Rules) -> list[dict[str, Any]]:
    """A row per kind of event with its switches."""
    return [
        {
            "title": route.title,
            "pattern": route.pattern,
            "switches": [
                {
                    "name": switch(route.pattern, channel),
                    "title": channel_name(channel),
                    "on": switch(route.pattern, channel) not in rules.switched_off,
                }
                for _route, channel in entries
            ],
        }
        for route, entries in groupby(switches(), key=lambda entry: entry[0])
    ]
