"""The wording of messages: every one by channel and language, edited with a preview beside it."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.core.errors import AppError, Invalid, NotFound
from app.core.ids import is_id, new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.messaging.addresses import TYPED, read_address
from app.messaging.conditions import SAMPLE_KEY
from app.messaging.digest import DIGEST
from app.messaging.models import Channel, ClinicTemplate
from app.messaging.preview import given_by, mail_page, preview_part, providers_of
from app.messaging.routing import EVENT_OF
from app.messaging.services import queue_message
from app.messaging.templates import TEMPLATES
from app.messaging.wording import (
    LANGUAGES,
    WORDED,
    sample_variables,
    save_wording,
    use_default,
    use_version,
    wording_of,
)
from app.messaging.words import channel_name, message_title

PLACE = "/<name>/<channel>/<language>"
VERSIONS_SHOWN = 20
LONGEST_ADDRESS = 254
# What staff read in the console, and nobody else.
CONSOLE_ONLY = (Channel.IN_APP,)


class MessageTemplateView(ActionView):
    """A clinic's wording is saved as a new version; nothing that was sent changes."""

    class_permission_name = "template"
    route_base = "/message-templates"
    menu = ("Messages", lazy_gettext("Message templates"))
    menu_order = 20
    default_view = "overview"

    @expose("/")
    def overview(self) -> str:
        self.require()
        return self.render(
            "messaging/templates.html", rows=_rows(), channels=[(code.value, channel_name(code)) for code in WORDED]
        )

    @expose(PLACE, methods=["GET", "POST"])
    def edit(self, name: str, channel: str, language: str) -> Any:
        """The editor; a POST saves."""
        self.require("update" if request.method == "POST" else "read")
        errors: dict[str, str] = {}
        if request.method == "POST":
            errors = _try(lambda: save_wording(name, channel, language, **_given(name, channel)))
            if not errors:
                flash(_("Saved. Messages that leave from now on say this."), "success")
                return redirect(_address(name, channel, language))
        page = self.render("messaging/template.html", errors=errors, **_page(name, channel, language))
        return (page, 422) if errors else page

    @expose(f"{PLACE}/preview", methods=["POST"])
    def preview(self, name: str, channel: str, language: str) -> str:
        """What is typed, with sample data."""
        self.require()
        part = preview_part(name, channel, language, _given(name, channel))
        return self.render("messaging/parts/preview.html", url=_address(name, channel, language), **part)

    @expose(f"{PLACE}/mail", methods=["POST"])
    def mail(self, name: str, channel: str, language: str) -> Response:
        """The mail as its reader sees it, for the frame in the preview."""
        self.require()
        if channel != Channel.EMAIL:
            raise NotFound
        return mail_page(name, language, _given(name, channel))

    @expose(f"{PLACE}/test", methods=["POST"])
    def test(self, name: str, channel: str, language: str) -> Any:
        """Send the wording in force, with sample data, to an address."""
        self.require("update")
        _wording(name, channel, language)
        if channel not in TYPED:
            raise NotFound
        try:
            to = read_address(channel, request.form.get("to", "")[:LONGEST_ADDRESS])
        except Invalid as error:
            flash(" ".join(str(text) for text in (error.fields or {}).values()), "danger")
            return redirect(_address(name, channel, language))
        with unit_of_work():
            queue_message(
                channel,
                to,
                name,
                sample_variables(name),
                dedupe_key=f"{SAMPLE_KEY}{new_id()}",
                language=language,
                priority="HIGH",
            )
        flash(_("The test is on its way: the outbox shows what becomes of it."), "success")
        return redirect(_address(name, channel, language))

    @expose(f"{PLACE}/default", methods=["POST"])
    def default(self, name: str, channel: str, language: str) -> Any:
        self.require("update")
        with unit_of_work():
            use_default(name, channel, language)
        flash(_("The default is used again; your versions are kept."), "success")
        return redirect(_address(name, channel, language))

    @expose(f"{PLACE}/versions/<version_id>", methods=["POST"])
    def again(self, name: str, channel: str, language: str, version_id: str) -> Any:
        """An old version once more."""
        self.require("update")
        row = db.session.get(ClinicTemplate, version_id) if is_id(version_id) else None
        if row is None or (row.name, row.channel, row.language) != (name, channel, language):
            raise NotFound
        errors = _try(lambda: use_version(row))
        if errors:
            flash(" ".join(errors.values()), "danger")
        else:
            flash(_("This version is used again."), "success")
        return redirect(_address(name, channel, language))


def _try(change: Any) -> dict[str, str]:
    """Run a change; the texts by field when it is refused."""
    try:
        with unit_of_work():
            change()
    except Invalid as error:
        return {name: str(text) for name, text in (error.fields or {"body": error.message}).items()}
    except NotFound:
        raise
    except AppError as error:
        return {"body": str(error.message)}
    return {}


def _address(name: str, channel: str, language: str) -> str:
    return url_for("MessageTemplateView.edit", name=name, channel=channel, language=language)


def _channels_of(name: str) -> tuple[Channel, ...]:
    if name == DIGEST:
        return (Channel.EMAIL,)
    return WORDED if name in EVENT_OF else CONSOLE_ONLY


def _rows() -> list[dict[str, Any]]:
    current = {
        (row.name, row.channel, row.language): row
        for row in db.session.scalars(select(ClinicTemplate).where(ClinicTemplate.current))
    }
    return [
        {
            "name": name,
            "title": message_title(name),
            "event": EVENT_OF.get(name, ""),
            "cells": [_cells(name, channel, current) for channel in WORDED],
        }
        for name in TEMPLATES
    ]


def _cells(name: str, channel: Channel, current: dict[tuple[str, str, str], ClinicTemplate]) -> list[dict[str, Any]]:
    if channel not in _channels_of(name):
        return []
    cells = []
    for language in LANGUAGES:
        own = current.get((name, channel.value, language))
        tone = "mute" if own is None else "bad" if own.broken_at else "ok"
        cells.append({"url": _address(name, channel, language), "language": language, "tone": tone, "own": own})
    return cells


def _wording(name: str, channel: str, language: str) -> Any:
    if name not in TEMPLATES or channel not in WORDED or language not in LANGUAGES:
        raise NotFound
    return wording_of(name, channel, language)


def _given(name: str, channel: str) -> dict[str, Any]:
    """The form as the service takes it."""
    given: dict[str, Any] = {"subject": request.form.get("subject", "").strip(), "body": request.form.get("body", "")}
    given["body"] = given["body"].replace("\r\n", "\n").strip()
    if channel == Channel.WHATSAPP:
        codes = providers_of(channel)
        given["approved"] = {code: request.form.get(f"approved-{code}", "").strip()[:80] for code in codes}
        given["positions"] = [word for word in re.split(r"[,\s]+", request.form.get("positions", "")) if word]
    return given


def _page(name: str, channel: str, language: str) -> dict[str, Any]:
    wording = _wording(name, channel, language)
    typed = _given(name, channel) if request.method == "POST" else given_by(wording)
    wanted = select(ClinicTemplate).where(
        ClinicTemplate.name == name, ClinicTemplate.channel == channel, ClinicTemplate.language == language
    )
    return {
        **preview_part(name, channel, language, typed),
        "name": name,
        "title": message_title(name),
        "channel_name": channel_name(channel),
        "language": language,
        "places": [(code, _address(name, channel, code)) for code in LANGUAGES],
        "wording": wording,
        "samples": sample_variables(name),
        "providers": providers_of(channel),
        "versions": db.session.scalars(wanted.order_by(ClinicTemplate.version.desc()).limit(VERSIONS_SHOWN)).all(),
        "has_subject": channel in (Channel.EMAIL, Channel.IN_APP),
        "outside": channel != Channel.IN_APP,
        "url": _address(name, channel, language),
    }
