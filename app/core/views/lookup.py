"""Choosing a related row: a combobox that asks the server, never a drop-down of a whole table.

The submitted id is looked up in the clinic's scope; what is not there is an error beside the field (FAB's own field
saves NULL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import url_for
from flask_appbuilder.forms import GeneralModelConverter
from flask_babel import gettext as _
from sqlalchemy import Select, String, Text, or_, select
from wtforms import Choice, Field, SelectMultipleField, ValidationError
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.tenant import db
from app.core.views.datamodel import find_own, own_rows
from app.core.widgets import LookupWidget

LIMIT = 20
SHORT_LIST = 200
NAMES = ("name", "title", "last_name", "first_name", "username", "number", "code", "mrn")

Finder = Callable[[str], Sequence[Any]]
_finders: dict[type, Finder] = {}


def lookup_for(model: type) -> Callable[[Finder], Finder]:
    """Declare how rows of a model are found by what a person types. Without one, its name columns are matched."""

    def declare(finder: Finder) -> Finder:
        _finders[model] = finder
        return finder

    return declare


def find_rows(model: Any, text: str) -> list[Any]:
    """At most LIMIT rows of the clinic that match, a PATIENT's own only. A declared finder narrows by itself."""
    finder = _finders.get(model)
    if finder:
        return list(finder(text))[:LIMIT]
    wanted, own = _by_names(model, text), own_rows(model)
    return list(db.session.scalars(wanted if own is None else wanted.where(own)))


def _by_names(model: Any, text: str) -> Select[Any]:
    columns = [getattr(model, name) for name in NAMES if _is_text(model, name)]
    wanted = select(model)
    for word in text.split():
        pattern = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        wanted = wanted.where(or_(*(column.ilike(pattern) | column.ilike(f"% {pattern}") for column in columns)))
    if "active" in model.__mapper__.columns:
        wanted = wanted.where(model.active.is_(True))
    return wanted.order_by(*(columns[:1] or [model.id])).limit(LIMIT)


def _is_text(model: Any, name: str) -> bool:
    column = model.__mapper__.columns.get(name)
    return column is not None and isinstance(column.type, String | Text)


class LookupField(Field):
    """The id of a row of `model`; `data` is the row itself once it is found in the clinic."""

    widget = LookupWidget()

    def __init__(self, label: str, *, model: Any, url: Callable[[], str], **options: Any) -> None:
        super().__init__(label, **options)
        self._model, self._url = model, url
        self.lookup_id = ""

    @property
    def lookup_url(self) -> str:
        return self._url()

    @property
    def lookup_text(self) -> str:
        return str(self.data) if self.data is not None and not isinstance(self.data, str) else ""

    def text_of(self, row_id: str) -> str:
        """The words of an id, for filter chips."""
        row = find_own(self._model, row_id)
        return str(row) if row is not None else ""

    def process_data(self, value: Any) -> None:
        self.data = value
        self.lookup_id = getattr(value, "id", None) or ""

    def process_formdata(self, values: list[str]) -> None:
        self.lookup_id = values[0].strip() if values else ""
        self.data = find_own(self._model, self.lookup_id)

    def pre_validate(self, form: Any) -> None:
        if self.lookup_id and self.data is None:
            raise ValidationError(_("Please choose an entry of the list."))


class ShortListField(SelectMultipleField):
    """Several rows of a short table (specialities), as check boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: str, *, model: Any, **options: Any) -> None:
        super().__init__(label, coerce=str, **options)
        self._model = model

    def iter_choices(self) -> Any:
        chosen = {getattr(item, "id", item) for item in self.data or ()}
        for row in self._rows():
            yield Choice(row.id, str(row), row.id in chosen, {})

    def _rows(self) -> list[Any]:
        return list(db.session.scalars(select(self._model).limit(SHORT_LIST)))

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())

    def pre_validate(self, form: Any) -> None:
        known = {row.id for row in self._rows()}
        if any(item not in known for item in self.data or ()):
            raise ValidationError(_("Please choose entries of the list."))

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, name, [row for row in self._rows() if row.id in set(self.data or ())])


class FormConverter(GeneralModelConverter):
    """Makes forms of a model; relations become look-ups."""

    def __init__(self, view: Any, *, searching: bool = False) -> None:
        super().__init__(view.datamodel)
        self._view, self._searching = view, searching

    def _convert_many_to_one(
        self,
        col_name: str,
        label: Any,
        description: Any,
        lst_validators: list[Any],
        filter_rel_fields: Any,
        form_props: Any,
    ) -> Any:
        required = not self._searching and not self._is_optional(col_name)
        form_props[col_name] = LookupField(
            label,
            model=self.datamodel.get_related_model(col_name),
            url=lambda: url_for(f"{self._view.endpoint}.lookup", column=col_name),
            description=description,
            validators=[*lst_validators, InputRequired()] if required else lst_validators,
        )
        return form_props

    def _convert_many_to_many(
        self,
        col_name: str,
        label: Any,
        description: Any,
        lst_validators: list[Any],
        filter_rel_fields: Any,
        form_props: Any,
    ) -> Any:
        model = self.datamodel.get_related_model(col_name)
        form_props[col_name] = ShortListField(label, model=model, description=description, validators=lst_validators)
        return form_props

    def _is_optional(self, relation: str) -> bool:
        columns = self.datamodel.list_properties[relation].local_columns
        return all(column.nullable for column in columns)

    def _convert_simple(
        self, col_name: str, label: Any, description: Any, lst_validators: list[Any], form_props: Any
    ) -> Any:
        """A check box is never "required": unchecked is an answer."""
        if self.datamodel.is_boolean(col_name) and not self._searching:
            from wtforms import BooleanField

            default = self.datamodel.get_col_default(col_name)
            form_props[col_name] = BooleanField(label, description=description, default=default)
            return form_props
        return super()._convert_simple(col_name, label, description, lst_validators, form_props)
