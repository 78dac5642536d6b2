"""Hindi ships whole: every word of the code, of the templates and of generated screens has its translation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from flask_babel import force_locale

from app.core import i18n
from app.core.views import CrudView

METHODS = [("app/**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"encoding": "utf-8"}}


@pytest.fixture(scope="module")
def hindi() -> set[str]:
    """What the catalogue translates, by the English words."""
    with (i18n.TRANSLATIONS / "hi/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="hi")
    whole = [item for item in catalogue if item.id and item.string and not item.fuzzy]
    return {_english(item.id) for item in whole if isinstance(item.string, str) or all(item.string)}


def _english(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) else str(identifier[0])


def test_every_word_of_the_sources_is_translated(project_root: Path, hindi: set[str]) -> None:
    """If this fails: docs/frontend.md, Translations."""
    keywords = {**DEFAULT_KEYWORDS, "lazy_gettext": None}
    found = extract_from_dir(
        project_root,
        METHODS,
        OPTIONS,
        keywords,
        directory_filter=lambda path: Path(path).name in ("app", "templates") or Path(path).parent != project_root,
    )
    words = {_english(message) for _, _, message, _, _ in found}
    assert len(words) > 1000
    assert sorted(words - hindi) == []


def test_every_label_of_a_generated_screen_is_translated(app: Any, hindi: set[str]) -> None:
    from app.extensions import appbuilder

    missing = set()
    with app.test_request_context(), force_locale("en"):
        for view in [view for view in appbuilder.baseviews if isinstance(view, CrudView)]:
            columns = {*view.list_columns, *view.show_columns, *view.search_columns}
            for form, names in (("add", view.add_columns), ("edit", view.edit_columns)):
                made_here = getattr(view, f"{form}_form_extra_fields") or {}
                columns |= {name for name in names if name not in made_here and form not in view.exclude_route_methods}
            missing |= {
                str(view.label_columns.get(name, f"NONE {type(view).__name__}.{name}")) for name in columns
            } - hindi
    assert sorted(missing) == []


def test_english_speaks_no_hindi() -> None:
    with (i18n.TRANSLATIONS / "en/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    wrong = [item.id for item in catalogue if item.id and re.search("[\u0900-\u097f]", str(item.string))]
    assert wrong == []
