"""Static files come from our own origin, kept for ever under an address that changes with them; nothing else leaks."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core import assets, security_headers


@pytest.fixture
def visitor(app: Any) -> Any:
    return app.test_client()


def test_our_files_are_immutable_under_their_version_and_not_under_an_older_one(app: Any, visitor: Any) -> None:
    with app.test_request_context():
        address = assets.asset_url("js/console.js")
    fresh = visitor.get(address)
    stale = visitor.get("/static/v/0123456789ab/js/console.js")
    assert fresh.status_code == stale.status_code == 200
    assert fresh.mimetype == "text/javascript"
    assert fresh.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert stale.headers["Cache-Control"] == "no-cache"


def test_the_version_follows_the_content(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.css").write_text("a{}")
    monkeypatch.setattr(assets, "OWN_FILES", tmp_path)
    assets._tree_hash.cache_clear()
    with app.app_context():
        before = assets.own_version()
        assets._tree_hash.cache_clear()
        (tmp_path / "a.css").write_text("b{}")
        after = assets.own_version()
    assets._tree_hash.cache_clear()
    assert before != after


@pytest.mark.parametrize(
    "path",
    [
        "v/x/../../config.py",
        "v/x/%2e%2e/%2e%2e/config.py",
        "npm/chart.js/package.json",
        "npm/chart.js/dist/../package.json",
        "npm/axe-core/axe.min.js",
        "npm/@fontsource-variable/noto-sans/files/../package.json",
        "npm/%2e%2e/package.json",
        "npm/htmx.org/dist",
        "v/x/js",
    ],
)
def test_nothing_outside_the_allow_list_is_served(visitor: Any, path: str) -> None:
    assert visitor.get(f"/static/{path}").status_code == 404


def test_every_listed_package_is_installed_and_served(app: Any, visitor: Any) -> None:
    listed = {
        "@fontsource-variable/noto-sans": "files/noto-sans-latin-wght-normal.woff2",
        "@fontsource-variable/noto-sans-devanagari": "files/noto-sans-devanagari-devanagari-wght-normal.woff2",
        "chart.js": "dist/chart.umd.min.js",
        "fullcalendar": "index.global.min.js",
        "htmx.org": "dist/htmx.min.js",
        "socket.io-client": "dist/socket.io.esm.min.js",
        "swagger-ui-dist": "swagger-ui.css",
    }
    assert set(listed) == set(assets.NPM_FILES)
    for package, path in listed.items():
        with app.test_request_context():
            address = assets.npm_url(package, path)
        answer = visitor.get(address)
        assert (package, answer.status_code) == (package, 200)
        assert "immutable" in answer.headers["Cache-Control"]


def test_scripts_and_styles_come_compressed_to_who_understands_it(app: Any, visitor: Any) -> None:
    with app.test_request_context():
        address = assets.npm_url("fullcalendar", "index.global.min.js")
    plain = visitor.get(address)
    small = visitor.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert (small.headers["Content-Encoding"], small.mimetype) == ("gzip", "text/javascript")
    assert gzip.decompress(small.data) == plain.data
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 3
    assert plain.headers["Vary"] == small.headers["Vary"] and "Accept-Encoding" in small.headers["Vary"]
    known = visitor.get(address, headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]})
    assert known.status_code == 304 and known.data == b""
    part = visitor.get(address, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
    assert (part.status_code, part.data) == (206, plain.data[:10])


def test_what_is_compressed_already_is_left_as_it_is(app: Any, visitor: Any) -> None:
    with app.test_request_context():
        font = assets.npm_url("@fontsource-variable/noto-sans", "files/noto-sans-latin-wght-normal.woff2")
    assert "Content-Encoding" not in visitor.get(font, headers={"Accept-Encoding": "gzip"}).headers


def test_a_new_cookie_makes_no_browser_ask_for_a_file_again(app: Any, clinic: Any) -> None:
    """A file that varied with the cookie, or brought one, would be fetched anew after every log-in."""
    with app.test_request_context():
        addresses = [
            assets.asset_url("js/console.js"),
            assets.npm_url("htmx.org", "dist/htmx.min.js"),
            assets.npm_url("@fontsource-variable/noto-sans", "files/noto-sans-latin-wght-normal.woff2"),
        ]
    somebody = app.test_client()
    with somebody.session_transaction() as session:
        session.permanent = True
        session["locale"] = "hi"
    assert "Cookie" in somebody.get("/login/", headers={"Accept": "text/html"}).headers["Vary"]
    for address in addresses:
        headers = somebody.get(address).headers
        assert "Cookie" not in headers.get("Vary", "") and "Set-Cookie" not in headers


def test_a_package_that_is_not_listed_has_no_address(app: Any) -> None:
    with app.test_request_context(), pytest.raises(KeyError):
        assets.npm_url("axe-core", "axe.min.js")


def test_fonts_name_the_installed_version_and_files_that_exist() -> None:
    sheet = (assets.OWN_FILES / "css/fonts.css").read_text()
    addresses = re.findall(r'url\("/static/npm/(@[^/]+/[^/]+)/([^?]+)\?v=([^"]+)"', sheet)
    assert len(addresses) == 4
    for package, path, version in addresses:
        assert version == assets.package_version(package)
        assert (assets.NODE_MODULES / package / path).is_file()


def test_pages_carry_the_strict_policy_and_are_not_kept(visitor: Any) -> None:
    headers = visitor.get("/login/").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://localhost"
    assert policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_transport_security_is_demanded_over_tls(visitor: Any) -> None:
    headers = visitor.get("/login/", base_url="https://console.example").headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "wss://console.example" in headers["Content-Security-Policy"]


def test_one_answer_may_widen_one_directive(app: Any) -> None:
    with app.test_request_context("/"):
        security_headers.allow_source("form-action", "https://pay.example")
        assert "form-action 'self' https://pay.example;" in security_headers.content_security_policy()
    with app.test_request_context("/"):
        assert "pay.example" not in security_headers.content_security_policy()


@pytest.mark.parametrize("source", ["https://a.example; script-src *", "a b", "a\r\nb"])
def test_a_source_cannot_smuggle_in_another_directive(app: Any, source: str) -> None:
    with app.test_request_context("/"), pytest.raises(ValueError, match="one word"):
        security_headers.allow_source("form-action", source)


def test_a_host_header_cannot_smuggle_in_another_directive(app: Any) -> None:
    with app.test_request_context("/", headers={"Host": "x; script-src *"}):
        assert "script-src *" not in security_headers.content_security_policy()


def pages(root: Path) -> dict[str, str]:
    """Templates of pages; e-mails and documents for paper keep other rules."""
    texts = {str(path.relative_to(root)): path.read_text() for path in sorted((root / "templates").rglob("*.html"))}
    page = re.compile(r"{% extends [\"\w]*(base/|appbuilder)|{% (macro|import|block)")
    return {name: text for name, text in texts.items() if page.search(text)}


def test_no_page_breaks_the_policy(project_root: Path) -> None:
    """Inline scripts, handlers and styles would be refused by the browser: none may be written."""
    wrong = []
    for name, text in pages(project_root).items():
        if re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text):
            wrong.append(name)
        wrong += [name for tag in re.findall(r"<script\b[^>]*>", text) if "src=" not in tag and "json" not in tag]
    assert len(pages(project_root)) > 40
    assert wrong == []


def test_every_script_our_templates_ask_for_exists(project_root: Path) -> None:
    asked = set()
    for path in (project_root / "templates").rglob("*.html"):
        asked |= set(re.findall(r"asset_url\('([^'~]+)'\)", path.read_text()))
    missing = [path for path in sorted(asked) if not (assets.OWN_FILES / path).is_file()]
    assert "js/console.js" in asked
    assert missing == []


def test_modules_import_only_modules_that_exist() -> None:
    for path in (assets.OWN_FILES / "js").rglob("*.js"):
        for target in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            assert (path.parent / target).is_file(), f"{path.name} imports {target}"


def test_manifest_pins_every_package() -> None:
    manifest = json.loads((assets.ROOT / "package.json").read_text())
    versions = {**manifest["dependencies"], **manifest.get("devDependencies", {})}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
