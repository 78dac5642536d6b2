"""The bell, and the page that it leads to: what a person was told in the console."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.messaging.models import Message
from app.messaging.notifications import (
    COUNTED,
    my_notifications,
    read_all_notifications,
    read_notification,
    unread_count,
)


class NotificationView(ActionView):
    """Everybody's own; the bell in the frame leads here."""

    class_permission_name = "notification"
    route_base = "/notifications"
    default_view = "page"

    @expose("/")
    def page(self) -> str:
        self.require()
        newest = my_notifications().order_by(Message.created_at.desc(), Message.id.desc()).limit(COUNTED)
        return self.render("messaging/notifications.html", messages=db.session.scalars(newest).all(), most=COUNTED)

    @expose("/unread")
    def unread(self) -> Any:
        """What the bell shows."""
        self.require()
        return jsonify(unread=unread_count(), most=COUNTED)

    @expose("/<id:message_id>/read", methods=["POST"])
    def read(self, message_id: str) -> Any:
        self.require("update")
        with unit_of_work():
            read_notification(message_id)
        return redirect(url_for(".page"))

    @expose("/read", methods=["POST"])
    def read_all(self) -> Any:
        self.require("update")
        with unit_of_work():
            read_all_notifications()
        flash(_("Nothing is new any more."), "success")
        return redirect(url_for(".page"))
