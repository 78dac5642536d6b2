"""Which language and zone a page speaks, and the message catalogues behind it.

`prepare(app)` goes before Flask-AppBuilder is bound (it reads the settings once), `init_app(app)` after it. Catalogues
are kept as .po and compiled to a cache folder whenever one has changed, so that nothing compiled is kept in the
repository and a read-only code tree works.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel import localedata
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, current_app, g, has_request_context, request, session
from flask_babel import Domain, force_locale, get_locale, refresh

from config import get_settings

log = logging.getLogger(__name__)
TRANSLATIONS = Path(__file__).resolve().parents[1] / "translations"
LANGUAGES = {"en": {"flag": "gb", "name": "English"}, "hi": {"flag": "in", "name": "हिन्दी"}}
DEFAULT_LANGUAGE = "en"
DEFAULT_TERRITORY = "IN"


class ClinicLocale(NamedTuple):
    """What the active clinic's settings say, e.g. ClinicLocale("en_IN", "Asia/Kolkata")."""

    locale: str
    time_zone: str


class FoundOnce(Domain):
    """Keeps the catalogue at hand until the language changes: Flask-Babel looks for it again for each word."""

    def get_translations(self) -> Any:
        kept = getattr(g, "_flask_babel", None) if g else None
        locale = getattr(kept, "babel_locale", None)
        known = getattr(kept, "known_catalogue", None)
        if known is not None and known[0] is locale:
            return known[1]
        found = super().get_translations()
        if g:
            g._flask_babel.known_catalogue = (g._flask_babel.babel_locale, found)
        return found


def prepare(app: Flask, cache_dir: Path | None = None) -> None:
    """Compile the catalogues (into DATA_DIR/cache) and set what Flask-AppBuilder's Babel reads while it is bound."""
    app.config["LANGUAGES"] = LANGUAGES
    app.config.setdefault("BABEL_DEFAULT_LOCALE", f"{DEFAULT_LANGUAGE}_{DEFAULT_TERRITORY}")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(
        compiled_catalogues(TRANSLATIONS, cache_dir or get_settings().data_dir / "cache")
    )


def init_app(app: Flask, clinic_locale: Callable[[], ClinicLocale | None] = lambda: None) -> None:
    """Choose the language per request; `clinic_locale` answers for the active clinic, None without one."""
    app.extensions["clinic_locale"] = clinic_locale
    babel = app.extensions["babel"]
    babel.locale_selector = lambda: select_locale(_answer(clinic_locale))
    babel.timezone_selector = lambda: _zone(_answer(clinic_locale))
    with app.app_context():
        babel.instance.domain_instance = FoundOnce(domain=babel.instance.domain)
    app.jinja_env.globals.update(languages=LANGUAGES, current_language=current_language)


@contextlib.contextmanager
def written_for(language: str | None) -> Iterator[None]:
    """Write in a person's language and the zone of the clinic in scope, whoever acts: for messages and documents.

    A worker serves many clinics in one application context, which would remember the first one's zone.
    """
    clinic = _answer(current_app.extensions["clinic_locale"])
    wanted = (language or "").partition("_")[0]
    spoken = wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE
    territory = clinic.locale.partition("_")[2] if clinic else ""
    try:
        with force_locale(f"{spoken}_{territory or DEFAULT_TERRITORY}" if _exists(spoken, territory) else spoken):
            refresh()
            yield
    finally:
        refresh()


def current_language() -> str:
    """'en' or 'hi': the page's lang attribute and the pressed button of the language switch."""
    locale = get_locale()
    return locale.language if locale else DEFAULT_LANGUAGE


def choose_language(language: str) -> bool:
    """Remember the person's own choice in the session; False for a language we do not speak."""
    if language not in LANGUAGES:
        return False
    session["locale"] = language
    return True


def select_locale(clinic: ClinicLocale | None) -> str:
    """The person's choice, else their browser's, else the clinic's; written the way of the clinic's country."""
    clinic_language, _, territory = (clinic.locale if clinic else "").partition("_")
    wanted = _chosen() or _accepted() or clinic_language
    language = wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE
    return f"{language}_{territory or DEFAULT_TERRITORY}" if _exists(language, territory) else language


def compiled_catalogues(source: Path, cache_dir: Path | None = None) -> Path:
    """A folder with an up-to-date .mo for every .po under `source`; processes may call this at the same time."""
    catalogues = sorted(source.glob("*/LC_MESSAGES/*.po"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in catalogues)).hexdigest()[:12]
    target = _writable(cache_dir) / f"translations-{digest}"
    for path in catalogues:
        _compile(path, (target / path.relative_to(source)).with_suffix(".mo"))
    return target


def _compile(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name)
    handle, draft = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file:
        write_mo(file, catalogue)
    Path(draft).replace(target)


def _writable(folder: Path | None) -> Path:
    """The cache folder, or a private temporary one where it cannot be written."""
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder.resolve()
    return Path(tempfile.mkdtemp(prefix="clinic-console-"))


def _chosen() -> str | None:
    return session.get("locale") if has_request_context() else None


def _accepted() -> str | None:
    if not has_request_context() or not request.accept_languages:
        return None
    return request.accept_languages.best_match(list(LANGUAGES))


def _exists(language: str, territory: str) -> bool:
    return localedata.exists(f"{language}_{territory or DEFAULT_TERRITORY}")


def _answer(clinic_locale: Callable[[], ClinicLocale | None]) -> ClinicLocale | None:
    """None when it cannot be found out: the page that says "the database is down" must be written in some language."""
    try:
        return clinic_locale()
    except Exception:
        log.warning("the clinic's locale is unknown", exc_info=True)
        return None


def _zone(clinic: ClinicLocale | None) -> str:
    return clinic.time_zone if clinic else str(current_app.config.get("BABEL_DEFAULT_TIMEZONE", "Asia/Kolkata"))
