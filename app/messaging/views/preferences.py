"""How patients want to be written to."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.models.filters import BaseFilter
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, SelectChoice, SelectMultipleField, StringField, TimeField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.errors import Conflict
from app.core.views import Chart, CrudView
from app.messaging.models import MessagePreference
from app.messaging.preferences import MUTABLE, find_preference, set_preference
from app.messaging.words import channel_name


class MutedField(SelectMultipleField):
    """Check boxes of channels."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, **options: Any) -> None:
        super().__init__(label, choices=_channels, **options)


def _channels() -> list[SelectChoice]:
    return [SelectChoice(value=code, label=channel_name(code)) for code in MUTABLE]


def _in_words(codes: list[str]) -> str:
    return ", ".join(channel_name(code) for code in codes) or "–"


class OfPatients(BaseFilter):
    """What staff want for themselves is nobody else's to see or change."""

    name = "of patients"
    arg_name = "of_patients"

    def apply(self, query: Any, _value: Any) -> Any:
        return query.filter(MessagePreference.patient_id.is_not(None))


class MessagePreferenceView(CrudView):
    """What the desk is told; people with a log-in say it themselves."""

    model = MessagePreference
    class_permission_name = "message_preference"
    menu = ("Messages", _("Wishes of patients"))
    menu_order = 35
    list_title = _("Wishes of patients")
    add_title = _("New wish")
    lede = _(
        "Channels on which a patient wants nothing, their own quiet hours, and a digest. "
        "Critical messages reach them all the same."
    )
    exclude_route_methods = frozenset({"download", "delete"})
    base_filters = [["id", OfPatients, None]]
    validators_columns = {"patient": [InputRequired()]}
    list_columns = ["patient", "muted", "quiet_from", "quiet_until", "zone", "digest"]
    show_columns = ["patient", "muted", "quiet_from", "quiet_until", "zone", "digest", "updated_at"]
    add_columns = ["patient", "muted", "quiet_from", "quiet_until", "zone", "digest"]
    edit_columns = ["muted", "quiet_from", "quiet_until", "zone", "digest"]
    add_form_extra_fields = edit_form_extra_fields = {
        "muted": MutedField(_("Wants nothing by")),
        "quiet_from": TimeField(_("Quiet hours from"), validators=[Optional()]),
        "quiet_until": TimeField(_("Quiet hours until"), validators=[Optional()]),
        "zone": StringField(
            _("Time zone"), validators=[Length(max=64)], description=_("Empty: the clinic's, for example Asia/Kolkata.")
        ),
        "digest": BooleanField(_("Unimportant mail once a day")),
    }
    search_columns = ["patient", "digest"]
    label_columns = {
        "patient": _("Patient"),
        "muted": _("Wants nothing by"),
        "quiet_from": _("Quiet hours from"),
        "quiet_until": _("Quiet hours until"),
        "zone": _("Time zone"),
        "digest": _("Unimportant mail once a day"),
        "updated_at": _("Updated at"),
    }
    formatters_columns = {"muted": _in_words}
    charts = (
        Chart("digest", _("Wishes: mail once a day"), lambda: MessagePreference.digest, words=lambda value: str(value)),
    )

    def add_item(self, form: Any) -> MessagePreference:
        patient_id = form.patient.data.id
        if find_preference(patient_id=patient_id) is not None:
            raise Conflict(gettext("This patient's wishes are noted already: change them in the list."))
        return set_preference(patient_id=patient_id, **_given(form))

    def change_item(self, item: Any, form: Any) -> None:
        set_preference(patient_id=item.patient_id, **_given(form))


def _given(form: Any) -> dict[str, Any]:
    return {
        "muted": form.muted.data or (),
        "quiet_from": form.quiet_from.data,
        "quiet_until": form.quiet_until.data,
        "zone": (form.zone.data or "").strip() or None,
        "digest": form.digest.data,
    }
