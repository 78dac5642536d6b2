"""Which language and zone a page speaks, and catalogues that are compiled where one may write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from flask import Flask, session
from flask_babel import Babel, Domain, force_locale, get_locale, get_timezone, gettext, refresh

from app.core import i18n

HINDI_CLINIC = i18n.ClinicLocale("hi_IN", "Asia/Kolkata")


def make_app(tmp_path: Path, clinic: Any) -> Flask:
    application = Flask("speaker")
    application.secret_key = "x"
    i18n.prepare(application, tmp_path)
    Babel(application)
    i18n.init_app(application, clinic)
    return application


@pytest.mark.parametrize(
    ("chosen", "accepted", "clinic", "locale"),
    [
        ("hi", "en", None, "hi_IN"),
        (None, "hi-IN,hi;q=0.9", None, "hi_IN"),
        (None, "fr", HINDI_CLINIC, "hi_IN"),
        (None, "en-US", HINDI_CLINIC, "en_IN"),
        ("xx", None, None, "en_IN"),
        (None, None, i18n.ClinicLocale("en_KW", "Asia/Kuwait"), "en"),
        (None, None, i18n.ClinicLocale("en_GB", "Europe/London"), "en_GB"),
    ],
)
def test_ones_own_choice_then_the_browsers_then_the_clinics(
    tmp_path: Path, chosen: str | None, accepted: str | None, clinic: Any, locale: str
) -> None:
    application = make_app(tmp_path, lambda: clinic)
    with application.test_request_context("/", headers={"Accept-Language": accepted} if accepted else {}):
        if chosen:
            session["locale"] = chosen
        assert str(get_locale()) == locale


def test_a_language_that_changes_within_a_request_changes_its_words(tmp_path: Path) -> None:
    with make_app(tmp_path, lambda: None).test_request_context("/"):
        words = [gettext("Not found")]
        with force_locale("hi_IN"):
            words.append(gettext("Not found"))
        words.append(gettext("Not found"))
        session["locale"] = "hi"
        words.append(gettext("Not found"))
        refresh()
        words.append(gettext("Not found"))
        assert words == ["Not found", "नहीं मिला", "Not found", "Not found", "नहीं मिला"]


def test_the_catalogue_is_looked_for_once_in_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    search = Domain.get_translations
    monkeypatch.setattr(Domain, "get_translations", lambda self: looked.append("") or search(self))
    application = make_app(tmp_path, lambda: None)
    for _request in range(2):
        with application.test_request_context("/", headers={"Accept-Language": "hi"}):
            assert {gettext("Not found") for _ in range(3)} == {"नहीं मिला"}
    assert len(looked) == 2


def test_times_are_in_the_clinics_zone(tmp_path: Path) -> None:
    application = make_app(tmp_path, lambda: i18n.ClinicLocale("en_GB", "Europe/London"))
    with application.test_request_context("/"):
        assert str(get_timezone()) == "Europe/London"


def test_an_error_page_can_be_written_when_the_clinic_cannot_be_asked(tmp_path: Path) -> None:
    def fail() -> i18n.ClinicLocale | None:
        raise ConnectionError("the database is down")

    with make_app(tmp_path, fail).test_request_context("/", headers={"Accept-Language": "hi"}):
        assert gettext("Not found") == "नहीं मिला"


def test_only_languages_we_speak_can_be_chosen(tmp_path: Path) -> None:
    with make_app(tmp_path, lambda: None).test_request_context("/"):
        assert i18n.choose_language("hi")
        assert not i18n.choose_language("fr")
        assert session["locale"] == "hi"


def test_a_changed_catalogue_is_compiled_anew_and_an_unchanged_one_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "source" / "hi" / "LC_MESSAGES"
    source.mkdir(parents=True)
    catalogue = source / "messages.po"
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    catalogue.write_text(head + 'msgid "Save"\nmsgstr "सहेजें"\n')
    first = i18n.compiled_catalogues(tmp_path / "source", tmp_path / "cache")
    made = (first / "hi/LC_MESSAGES/messages.mo").stat().st_mtime_ns
    assert i18n.compiled_catalogues(tmp_path / "source", tmp_path / "cache") == first
    assert (first / "hi/LC_MESSAGES/messages.mo").stat().st_mtime_ns == made
    catalogue.write_text(head + 'msgid "Save"\nmsgstr "रखें"\n')
    assert i18n.compiled_catalogues(tmp_path / "source", tmp_path / "cache") != first


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    folder = i18n.compiled_catalogues(i18n.TRANSLATIONS, blocked / "cache")
    assert (folder / "hi/LC_MESSAGES/messages.mo").is_file()


def test_hindi_keeps_every_placeholder() -> None:
    """A translation that drops or renames %(count)s would break the page that shows it."""
    with (i18n.TRANSLATIONS / "hi/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="hi")
    wrong = [str(message.id) for message in catalogue if message.string and list(message.check())]
    translated = [message for message in catalogue if message.id and message.string]
    assert len(translated) > 150
    assert wrong == []
