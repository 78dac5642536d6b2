"""What people read: money, times in the clinic's zone, statuses, and any value of a generated list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel

from app.core import clock, formatting, i18n
from app.core.money import Money
from app.core.views import Chart
from app.core.views.charts import chart_data

NOVEMBER = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application with languages and formats, and nothing else."""
    application = Flask("speaker")
    application.secret_key = "x"
    i18n.prepare(application, tmp_path_factory.mktemp("cache"))
    Babel(application)
    i18n.init_app(application, lambda: i18n.ClinicLocale("en_IN", "Asia/Kolkata"))
    formatting.init_app(application)
    return application


@pytest.fixture
def english(speaker: Flask) -> Iterator[None]:
    with speaker.test_request_context("/", headers={"Accept-Language": "en-GB"}), clock.travel(to=NOVEMBER):
        yield


@pytest.fixture
def hindi(speaker: Flask) -> Iterator[None]:
    with speaker.test_request_context("/", headers={"Accept-Language": "hi"}), clock.travel(to=NOVEMBER):
        yield


def text(value: Any) -> str:
    """The words without their tags; no-break spaces stay."""
    return re.sub(r"<[^>]+>", "", str(value))


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (80000, "INR", "₹\u00a0800.00"),
        (18400000, "INR", "₹\u00a01,84,000.00"),
        (-5, "INR", "-₹\u00a00.05"),
        (1234, "JPY", "JP¥\u00a01,234"),
        (1234567, "KWD", "KWD\u00a01,234.567"),
        (10**15 - 1, "INR", "₹\u00a099,99,99,99,99,999.99"),
    ],
)
def test_money_has_the_decimals_of_its_currency_and_indian_grouping(
    english: None, minor: int, currency: str, shown: str
) -> None:
    digits = "".join(
        letter for letter in formatting.money(Money(minor, currency)) if letter.isdigit() or letter in ".,-"
    )
    assert digits == "".join(letter for letter in shown if letter.isdigit() or letter in ".,-")
    assert formatting.money(minor, currency) == formatting.money(Money(minor, currency))


def test_rupees_stand_apart_from_their_sign(english: None) -> None:
    assert formatting.money(80000, "INR") == "₹\u00a0800.00"


def test_times_are_the_clinics_own(english: None) -> None:
    assert text(formatting.clock_time(NOVEMBER)) == "09:30"
    assert text(formatting.day(NOVEMBER)) == "Fri 20 Nov"
    assert text(formatting.moment(NOVEMBER)) == "20 Nov, 09:30"
    assert text(formatting.moment(datetime(2025, 1, 2, 20, 0, tzinfo=UTC))) == "3 Jan 2025, 01:30"
    assert text(formatting.full_date(date(1992, 3, 4))) == "4 Mar 1992"
    assert text(formatting.span(NOVEMBER, NOVEMBER + timedelta(minutes=15))) == "09:30–09:45"
    assert formatting.clock_time(time(9, 5)) == "09:05"


def test_a_period_of_whole_days_is_written_without_times(english: None) -> None:
    midnight = datetime(2026, 12, 21, 18, 30, tzinfo=UTC)
    assert text(formatting.period(midnight, midnight + timedelta(days=3))) == "22–24 Dec"
    assert text(formatting.period(midnight, midnight + timedelta(days=1))) == "22 Dec"
    assert text(formatting.period(midnight, midnight + timedelta(days=12))) == "22 Dec 2026\u2009–\u20092 Jan 2027"
    nine = midnight + timedelta(hours=9)
    assert text(formatting.period(nine, nine + timedelta(hours=3))) == "22 Dec, 09:00–12:00"
    assert text(formatting.period(nine, nine + timedelta(hours=24))) == "22 Dec, 09:00 – 23 Dec, 09:00"
    assert text(formatting.period(midnight, midnight + timedelta(hours=12))) == "22 Dec, 00:00–12:00"


def test_a_shown_time_carries_the_exact_one(english: None) -> None:
    assert 'datetime="2026-11-20T04:00:00+00:00"' in formatting.moment(NOVEMBER)


def test_a_time_without_a_zone_is_refused(english: None) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        formatting.moment(datetime(2026, 11, 20, 4, 0))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 min"), (29, "0 min"), (31, "1 min"), (1080, "18 min"), (3900, "1 h 05 min")]
)
def test_durations(english: None, seconds: int, shown: str) -> None:
    assert formatting.minutes(seconds) == shown
    assert formatting.minutes(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Kavya Nair", "KN"), ("Asha", "A"), ("Dr A. B. Rao", "DR"), ("राधा शर्मा", "रश"), ("", ""), (None, "")],
)
def test_initials(name: str | None, shown: str) -> None:
    assert formatting.initials(name) == shown


def test_a_status_is_a_word_in_a_pill(english: None) -> None:
    assert formatting.status_pill("CHECKED_IN") == '<span class="pill info">Checked in</span>'
    assert formatting.status_pill("NO_SHOW") == '<span class="pill bad">No-show</span>'
    assert formatting.status_pill("ON_LEAVE") == '<span class="pill mute">On leave</span>'
    assert formatting.status_pill(None) == "–"


def test_a_status_speaks_hindi(hindi: None) -> None:
    assert text(formatting.status_pill("PAID")) == "भुगतान हुआ"


@pytest.mark.parametrize("step", ["CONFIRMED", "CALLED", "SERVED", "ASSET"])
def test_a_kind_speaks_hindi(hindi: None, step: str) -> None:
    """A step that is called as the status it leads to, too."""
    assert re.search("[\u0900-\u097f]", text(formatting.display_column(step, "kind")))


def test_months_speak_hindi(hindi: None) -> None:
    assert "नव" in text(formatting.day(NOVEMBER))
    assert "नव" in formatting.month_mark(date(2026, 11, 1))


def test_what_stands_below_an_axis(english: None) -> None:
    assert formatting.month_mark(date(2026, 11, 1)) == "Nov 2026"
    assert formatting.day_mark(date(2026, 10, 19)) == "19 Oct"
    assert formatting.day_mark(date(2025, 12, 29)) == "29 Dec 2025"
    chart = Chart("week", "Visits by week", lambda: None)
    shown = chart_data(chart, [["2026-10-19", 3], ["CHECKED_IN", 2], [9, 1], [None, 1]], "INR")
    assert shown["labels"] == ["19 Oct", "Checked in", "9", "–"]


def test_markup_in_values_is_text(english: None) -> None:
    assert "<script>" not in formatting.pill("<script>")
    assert "<script>" not in formatting.display(["<script>", "b"])
    assert "<b>" not in formatting.display({"name": "<b>"})[10:].replace("<b>name</b>", "")
    assert "<i>" not in formatting.status_pill("<i>")


class Colour(StrEnum):
    DRAFT = "DRAFT"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        ("", "–"),
        (True, "Yes"),
        (False, "No"),
        (1234567, "12,34,567"),
        (Decimal("2.50"), "2.5"),
        (Money(500, "INR"), "₹\u00a05.00"),
        (NOVEMBER, "20 Nov, 09:30"),
        (date(2026, 11, 20), "20 Nov 2026"),
        (Colour.DRAFT, "Draft"),
        (["a", "b"], "a, b"),
        ([], "–"),
        ("Meera", "Meera"),
        ({"phone": ["1", "2"]}, "phone 1 → 2"),
    ],
)
def test_any_value_can_be_shown(english: None, value: Any, shown: str) -> None:
    assert text(formatting.display(value)) == shown


@pytest.mark.parametrize(
    ("value", "column", "shown"),
    [
        ("CONFIRMED", "status", "Confirmed"),
        ("FINANCE_BILLING", "role", "Finance and billing"),
        ("VIDEO_CALL", "type", "Video"),
        ("INR", "currency", "INR"),
        ("OPEN", "last_name", "OPEN"),
        ("0199a1b2-0000-7000-8000-0123456789ab", "subject_id", "…456789ab"),
    ],
)
def test_codes_become_words_by_their_columns_name(english: None, value: str, column: str, shown: str) -> None:
    assert text(formatting.display_column(value, column, short=True)) == shown


def test_columns_of_numbers_are_flush_right() -> None:
    assert formatting.is_number(3)
    assert formatting.is_number(Money(1, "INR"))
    assert not formatting.is_number(True)
    assert not formatting.is_number("3")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+919845012345", "+91 98450 12345"), ("+442079460958", "+44 20 7946 0958"), ("12345", "12345"), ("", "–")],
)
def test_telephone_numbers_are_written_to_be_read(stored: str, shown: str) -> None:
    assert formatting.phone(stored) == shown
