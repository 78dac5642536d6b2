"""How form fields become HTML: our own widgets, and the swap of Flask-AppBuilder's Bootstrap widgets for plain ones."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_appbuilder import fieldwidgets as fab
from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import BooleanField, Field, FileField, SelectFieldBase, SelectMultipleField
from wtforms import widgets as plain
from wtforms.widgets import html_params

# Flask-AppBuilder's widget -> the plain one that is drawn instead.
PLAIN: tuple[tuple[type, Any], ...] = (
    (fab.DateTimePickerWidget, plain.DateTimeLocalInput()),
    (fab.DatePickerWidget, plain.DateInput()),
    (fab.BS3TextAreaFieldWidget, plain.TextArea()),
    (fab.BS3PasswordFieldWidget, plain.PasswordInput()),
    (fab.BS3TextFieldWidget, plain.TextInput()),
    (fab.Select2ManyWidget, plain.Select(multiple=True)),
    (fab.Select2Widget, plain.Select()),
)
NUMERIC_KEYBOARD = {"IntegerField": "numeric", "DecimalField": "decimal", "FloatField": "decimal"}


class LookupWidget:
    """A combobox that asks `field.lookup_url` for entries; the chosen id travels in a hidden input.

    The field offers `lookup_url` (answers `?q=` with {"items": [{"id", "text"}]}), `data` or `lookup_id` (the id) and
    `lookup_text` (its words).
    """

    template = Markup(
        '<div class="lookup" data-lookup data-lookup-url="{url}">'
        '<input {text} type="text" role="combobox" aria-expanded="false" aria-autocomplete="list" '
        'aria-controls="{id}-options" autocomplete="off" spellcheck="false">'
        '<input type="hidden" name="{name}" value="{value}">'
        '<button class="lookup-clear" type="button" aria-label="{clear}"{hidden}>'
        '<span aria-hidden="true">×</span></button>'
        '<ul class="options" id="{id}-options" role="listbox" aria-label="{label}" hidden></ul></div>'
    )

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        chosen = getattr(field, "lookup_id", None) or field.data or ""
        identity = attributes.pop("id", field.id)
        attributes.pop("name", None)
        attributes["class"] = attributes.pop("class_", attributes.get("class", "input"))
        shown = getattr(field, "lookup_text", None) or ""
        return self.template.format(
            url=field.lookup_url,
            text=Markup(html_params(id=identity, value=shown, **attributes)),  # noqa: S704  # html_params escapes
            id=identity,
            name=field.name,
            value=chosen,
            clear=_("Clear"),
            hidden="" if chosen else Markup(" hidden"),
            label=field.label.text,
        )


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(input_html=input_html, is_wide=is_wide, is_checkbox=is_checkbox, is_group=is_group)


def input_html(field: Field, **attributes: Any) -> Markup:
    """The field's control with our class, its help and error announced, never Bootstrap's markup."""
    attributes.setdefault("class", "check-list" if is_group(field) else "" if is_checkbox(field) else "input")
    if field.type in NUMERIC_KEYBOARD:
        attributes.setdefault("inputmode", NUMERIC_KEYBOARD[field.type])
    if not is_checkbox(field) and not isinstance(field, SelectFieldBase | FileField):
        attributes.setdefault("autocomplete", "off")
    if described := described_by(field):
        attributes.setdefault("aria-describedby", described)
    if field.errors:
        attributes.setdefault("aria-invalid", "true")
    return _widget_of(field)(field, **{**attributes, **(field.render_kw or {})})


def described_by(field: Field) -> str:
    """Ids of the help and error texts that templates write below the control."""
    parts = [f"{field.id}-help"] if field.description else []
    return " ".join([*parts, f"{field.id}-error"] if field.errors else parts)


def is_wide(field: Field) -> bool:
    """Whether the field takes both columns of a form."""
    return isinstance(_widget_of(field), plain.TextArea) or isinstance(field, SelectMultipleField)


def is_checkbox(field: Field) -> bool:
    return isinstance(field, BooleanField)


def is_group(field: Field) -> bool:
    """Whether the control is a list of boxes, which a <fieldset> names instead of a <label>."""
    return isinstance(field.widget, plain.ListWidget)


def _widget_of(field: Field) -> Any:
    for theirs, ours in PLAIN:
        if isinstance(field.widget, theirs):
            return _picker(field, ours)
    return field.widget


def _picker(field: Field, widget: Any) -> Any:
    """A browser's picker understands only its own format: a field that reads another stays a text box."""
    needed = {plain.DateTimeLocalInput: "%Y-%m-%dT%H:%M", plain.DateInput: "%Y-%m-%d"}.get(type(widget))
    return widget if needed is None or needed in getattr(field, "format", ()) else plain.TextInput()
