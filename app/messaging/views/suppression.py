"""Who is not written to, and Write again."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length

from app.core.formatting import status_pill
from app.core.views import Chart, CrudView, monthly, row_action
from app.messaging.addresses import TYPED, read_address
from app.messaging.models import Channel, SuppressedAddress, SuppressionReason
from app.messaging.suppression import clear_suppression, suppress
from app.messaging.words import CHANNEL_NAMES, REASONS, channel_name, reason_name

OUTSIDE = tuple(channel for channel in Channel if channel is not Channel.IN_APP)


def _channels() -> list[SelectChoice]:
    return [SelectChoice(value=channel.value, label=CHANNEL_NAMES[channel]) for channel in OUTSIDE]


def _typed_channels() -> list[SelectChoice]:
    return [SelectChoice(value=channel.value, label=CHANNEL_NAMES[channel]) for channel in TYPED]


def _reasons() -> list[SelectChoice]:
    return [SelectChoice(value=reason.value, label=text) for reason, text in REASONS.items()]  # type: ignore[attr-defined]


class SuppressedAddressView(CrudView):
    """Addresses that nothing is sent to; the addresses themselves are not kept."""

    model = SuppressedAddress
    class_permission_name = "suppression"
    menu = ("Messages", _("Suppressed addresses"))
    menu_order = 30
    list_title = _("Suppressed addresses")
    add_title = _("Suppress an address")
    lede = _("Nothing is sent to these addresses. An address leaves the list when its time is over, or by Write again.")
    exclude_route_methods = frozenset({"download", "edit", "delete"})
    list_columns = ["created_at", "channel", "masked", "state", "reason", "source", "until"]
    show_columns = ["state", "channel", "masked", "reason", "source", "since", "until", "cleared_at", "soft_failures"]
    add_columns = ["channel", "address"]
    add_form_extra_fields = {
        "channel": SelectField(_("Channel"), choices=_typed_channels),
        "address": StringField(
            _("Address"),
            validators=[InputRequired(), Length(max=254)],
            description=_("An e-mail address, or a telephone number with its country code."),
        ),
    }
    search_columns = ["channel", "reason", "source", "masked", "created_at"]
    search_form_extra_fields = {
        "channel": SelectField(_("Channel"), choices=_channels),
        "reason": SelectField(_("Reason"), choices=_reasons),
    }
    label_columns = {
        "created_at": _("Since"),
        "channel": _("Channel"),
        "masked": _("Address"),
        "state": _("Status"),
        "reason": _("Reason"),
        "source": _("Told by"),
        "since": _("Since"),
        "until": _("Until"),
        "cleared_at": _("Cleared"),
        "soft_failures": _("Failures in a row"),
    }
    formatters_columns = {"channel": channel_name, "reason": reason_name, "state": status_pill}
    charts = (
        Chart("reason", _("Suppressed addresses by reason"), lambda: SuppressedAddress.reason, words=reason_name),
        monthly("month", _("Suppressed addresses by month"), SuppressedAddress.created_at),
    )

    def add_item(self, form: Any) -> SuppressedAddress:
        address = read_address(form.channel.data, form.address.data)
        return suppress(form.channel.data, address, SuppressionReason.MANUAL, source="desk")

    @row_action("clear", _("Write again"), confirm=_("Send messages to these addresses again?"))
    def clear(self, row: SuppressedAddress) -> Any:
        clear_suppression(row)
        return _("Messages are sent there again.")
