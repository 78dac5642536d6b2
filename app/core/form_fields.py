"""Form fields that Flask-AppBuilder lacks: a moment as the clinic's own clock shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask_appbuilder.fieldwidgets import DateTimePickerWidget
from flask_appbuilder.forms import FieldConverter
from flask_babel import get_timezone
from wtforms import DateTimeLocalField

from app.core.our_time import is_of_our_time

FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class LocalDateTimeField(DateTimeLocalField):
    """Shows and reads the clinic's local time; `data` is aware UTC, as it is stored."""

    data: datetime | None

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        options.setdefault("format", FORMATS)
        super().__init__(label, validators, **options)

    @property
    def moment(self) -> datetime:
        """What a required field holds once its form is valid."""
        assert self.data is not None
        return self.data

    def _value(self) -> str:
        if self.raw_data:
            return " ".join(self.raw_data)
        return self.data.astimezone(get_timezone()).strftime(self.format[0]) if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if isinstance(self.data, datetime) and self.data.tzinfo is None:
            if not is_of_our_time(self.data):
                self.data = None
                raise ValueError(self.gettext("Not a valid datetime value."))
            self.data = get_timezone().localize(self.data).astimezone(UTC)


def use_in_model_forms() -> None:
    """Make Flask-AppBuilder's generated forms use our field for every date-and-time column."""
    others = tuple(rule for rule in FieldConverter.conversion_table if rule[0] != "is_datetime")
    FieldConverter.conversion_table = (*others, ("is_datetime", LocalDateTimeField, DateTimePickerWidget))
