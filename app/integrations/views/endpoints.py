"""Webhook endpoints with the log of what they were sent: add, change, test, replace the secret, resend."""

from __future__ import annotations

from typing import Any

from flask import g, render_template, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app.core.errors import NotFound
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, CrudView, ReadOnlyView, row_action
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.integrations.services import (
    add_endpoint,
    change_endpoint,
    remove_endpoint,
    resend,
    rotate_secret,
    send_test,
)


class PatternsField(TextAreaField):
    """One pattern a line; `data` is the list."""

    def _value(self) -> str:
        return "\n".join(self.data or ())

    def process_formdata(self, values: list[str]) -> None:
        self.data = [line.strip() for line in "\n".join(values).replace(",", "\n").splitlines() if line.strip()]


class WebhookDeliveryView(ReadOnlyView):
    """What was sent where, and what came back."""

    model = WebhookDelivery
    class_permission_name = "webhook_endpoint"
    menu = ("Set-up", lazy_gettext("Webhook log"))
    menu_order = 87
    list_title = lazy_gettext("Webhook log")
    lede = lazy_gettext("Messages to your own systems: each is tried up to nine times over two days, then parked.")
    base_order = ("created_at", "desc")
    list_columns = ["created_at", "endpoint", "event_type", "status", "attempts", "answer_status", "error"]
    show_columns = [
        "id", "endpoint", "event_type", "event", "status", "attempts", "answer_status", "error", "created_at",
        "next_attempt_at", "finished_at",
    ]  # fmt: skip
    search_columns = ["endpoint", "event_type", "status", "answer_status", "created_at"]
    label_columns = {
        "id": lazy_gettext("Message id (webhook-id)"),
        "endpoint": lazy_gettext("Endpoint"),
        "event_type": lazy_gettext("Event"),
        "event": lazy_gettext("Published event"),
        "attempts": lazy_gettext("Attempts"),
        "answer_status": lazy_gettext("Answer (HTTP)"),
        "error": lazy_gettext("Failure"),
        "created_at": lazy_gettext("Published"),
        "next_attempt_at": lazy_gettext("Next attempt"),
        "finished_at": lazy_gettext("Finished"),
    }
    show_template = "integrations/delivery_show.html"
    charts = (Chart("status", lazy_gettext("Webhooks by status"), lambda: WebhookDelivery.status, kind="doughnut"),)

    @row_action(
        "resend",
        lazy_gettext("Resend"),
        confirm=lazy_gettext("Send these messages again?"),
        when=lambda delivery: delivery.status != WebhookStatus.PENDING and delivery.endpoint.enabled,
    )
    def resend(self, delivery: WebhookDelivery) -> Any:
        resend(delivery)
        return _("It is sent again, under the same message id.")


class WebhookEndpointView(CrudView):
    """Where the clinic's own systems hear of events."""

    model = WebhookEndpoint
    class_permission_name = "webhook_endpoint"
    menu = ("Set-up", lazy_gettext("Webhook endpoints"))
    menu_order = 86
    list_title = lazy_gettext("Webhook endpoints")
    add_title = lazy_gettext("New webhook endpoint")
    lede = lazy_gettext("Your own systems hear of events within seconds, signed as Standard Webhooks describes.")
    list_columns = ["name", "url", "enabled", "disabled_reason", "failures", "last_success_at"]
    show_columns = [
        "name", "url", "patterns", "enabled", "disabled_reason", "failures", "failing_since", "rests_until",
        "last_success_at", "previous_until", "created_at",
    ]  # fmt: skip
    add_columns = ["name", "url", "patterns"]
    edit_columns = ["name", "url", "patterns", "enabled"]
    search_columns = ["name", "url", "enabled"]
    label_columns = {
        "url": lazy_gettext("Address"),
        "patterns": lazy_gettext("Events"),
        "enabled": lazy_gettext("Switched on"),
        "disabled_reason": lazy_gettext("Switched off because"),
        "failures": lazy_gettext("Failures in a row"),
        "failing_since": lazy_gettext("Failing since"),
        "rests_until": lazy_gettext("Left in peace until"),
        "last_success_at": lazy_gettext("Last success"),
        "previous_until": lazy_gettext("The former secret signs until"),
    }
    formatters_columns = {"patterns": lambda patterns: ", ".join(patterns)}
    add_form_extra_fields = edit_form_extra_fields = {
        "url": StringField(
            lazy_gettext("Address"),
            [InputRequired(), Length(max=500)],
            description=lazy_gettext("Begins with https:// and answers with a status from 200 to 299."),
        ),
        "patterns": PatternsField(
            lazy_gettext("Events"),
            [InputRequired(), Length(max=2000)],
            description=lazy_gettext("One a line: appointment.created · billing.invoice.* · payment.** · ** for all."),
        ),
    }
    show_template = "integrations/endpoint_show.html"
    related_views = [WebhookDeliveryView]
    charts = (
        Chart(
            "enabled",
            lazy_gettext("Endpoints that are switched on"),
            lambda: WebhookEndpoint.enabled,
            kind="doughnut",
            words=lambda on: _("On") if on else _("Off"),
        ),
    )

    def add_item(self, form: Any) -> WebhookEndpoint:
        endpoint, g.new_secret = add_endpoint(form.name.data, form.url.data, form.patterns.data)
        return endpoint

    def change_item(self, item: WebhookEndpoint, form: Any) -> None:
        change_endpoint(item, form.name.data, form.url.data, form.patterns.data, enabled=form.enabled.data)

    def delete_item(self, item: WebhookEndpoint) -> None:
        remove_endpoint(item)

    def _to(self, item: WebhookEndpoint) -> Any:
        """After it was added: the secret, for the only time. It is in no address, no cookie and no log."""
        secret = g.pop("new_secret", None)
        return super()._to(item) if secret is None else _secret_page(self, item, secret)

    @row_action("test", lazy_gettext("Send a test"), multiple=False, when=lambda endpoint: endpoint.enabled)
    def test(self, endpoint: WebhookEndpoint) -> Any:
        send_test(endpoint)
        return _("A test message is on its way; the log shows what came back.")


class WebhookSecretView(ActionView):
    """A new secret for an endpoint."""

    class_permission_name = "webhook_endpoint"
    route_base = "/webhook-endpoints"

    @expose("/<id:webhook_endpoint_id>/secret", methods=["POST"])
    def rotate(self, webhook_endpoint_id: str) -> Any:
        self.require("update")
        with unit_of_work():
            endpoint = db.session.get(WebhookEndpoint, webhook_endpoint_id)
            if endpoint is None:
                raise NotFound
            secret = rotate_secret(endpoint)
        return _secret_page(self, endpoint, secret)


def _secret_page(view: Any, endpoint: WebhookEndpoint, secret: str) -> str:
    return render_template(
        "integrations/secret.html",
        appbuilder=view.appbuilder,
        base_template=view.appbuilder.base_template,
        endpoint=endpoint,
        secret=secret,
        back=url_for("WebhookEndpointView.show", pk=endpoint.id),
    )
