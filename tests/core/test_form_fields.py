"""Form fields as HTML: our markup instead of Bootstrap's, errors announced, moments in the clinic's own time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.fieldwidgets import BS3TextFieldWidget, DatePickerWidget, Select2Widget
from flask_babel import Babel
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, DateField, DecimalField, Field, Form, SelectField, StringField, TextAreaField

from app.core.form_fields import LocalDateTimeField
from app.core.widgets import LookupWidget, input_html, is_wide


class Lookup(Field):
    widget = LookupWidget()
    lookup_url = '/roomview/lookup/location?x="1"'
    lookup_id = "42"
    lookup_text = "Main <branch>"


class Sample(Form):
    name = StringField("Name", description="As on the card", widget=BS3TextFieldWidget())
    born = DateField("Born", widget=DatePickerWidget())
    odd_date = DateField("Odd", format="%d.%m.%Y", widget=DatePickerWidget())
    kind = SelectField("Kind", choices=["a", "b"], widget=Select2Widget())
    rate = DecimalField("Rate")
    active = BooleanField("Active")
    notes = TextAreaField("Notes")
    location = Lookup("Location")
    starts_at = LocalDateTimeField("Starts at")


@pytest.fixture
def in_kolkata() -> Iterator[None]:
    application = Flask("forms")
    Babel(application, timezone_selector=lambda: "Asia/Kolkata")
    with application.test_request_context("/"):
        yield


def html(name: str, data: dict[str, str] | None = None) -> str:
    form = Sample(MultiDict(data or {}))
    return str(input_html(form[name]))


@pytest.mark.parametrize("name", ["name", "born", "odd_date", "kind", "notes", "starts_at"])
def test_no_trace_of_bootstrap_is_left(in_kolkata: None, name: str) -> None:
    made = html(name)
    assert "form-control" not in made
    assert "select2" not in made
    assert "input-group" not in made
    assert 'class="input"' in made


def test_a_browsers_picker_is_used_only_for_its_own_format(in_kolkata: None) -> None:
    assert 'type="date"' in html("born")
    assert 'type="text"' in html("odd_date")
    assert 'type="datetime-local"' in html("starts_at")


def test_numbers_bring_up_the_number_keys(in_kolkata: None) -> None:
    assert 'inputmode="decimal"' in html("rate")


def test_help_and_errors_are_announced(in_kolkata: None) -> None:
    form = Sample(MultiDict({"rate": "abc"}))
    form.validate()
    assert 'aria-describedby="name-help"' in input_html(form["name"])
    assert 'aria-describedby="rate-error"' in input_html(form["rate"])
    assert 'aria-invalid="true"' in input_html(form["rate"])


def test_long_texts_take_both_columns(in_kolkata: None) -> None:
    form = Sample()
    assert is_wide(form["notes"])
    assert not is_wide(form["name"])


def test_a_lookup_carries_the_id_and_shows_the_words(in_kolkata: None) -> None:
    made = html("location")
    assert '<input type="hidden" name="location" value="42">' in made
    assert 'value="Main &lt;branch&gt;"' in made
    assert 'data-lookup-url="/roomview/lookup/location?x=&#34;1&#34;"' in made
    assert made.count('id="location"') == 1
    assert 'aria-controls="location-options"' in made


@pytest.mark.parametrize("written", ["2026-11-20T09:30", "2026-11-20T09:30:00"])
def test_a_moment_is_read_and_shown_in_the_clinics_time(in_kolkata: None, written: str) -> None:
    form = Sample(MultiDict({"starts_at": written}))
    assert form.starts_at.data == datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    stored: Any = Sample(starts_at=datetime(2026, 11, 20, 4, 0, tzinfo=UTC))
    assert 'value="2026-11-20T09:30"' in str(input_html(stored["starts_at"]))


@pytest.mark.parametrize("written", ["tomorrow", "0001-01-01T00:00", "9999-12-31T23:59"])
def test_an_unreadable_moment_is_an_error_and_is_shown_again(in_kolkata: None, written: str) -> None:
    form = Sample(MultiDict({"starts_at": written}))
    assert not form.validate()
    assert form.starts_at.data is None
    assert f'value="{written}"' in str(input_html(form["starts_at"]))
