"""Static files: our own under a path that changes with their content, npm packages from an allow-list.

Our files are addressed as `/static/v/<hash of the tree>/js/app.js`. The hash is in the path, not in a query, because
ES modules import each other by relative address and so inherit it: every module is cached for ever and none is stale.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from fnmatch import fnmatchcase
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, g, request, send_from_directory, url_for

ROOT = Path(__file__).resolve().parents[2]
OWN_FILES = ROOT / "app" / "static"
NODE_MODULES = ROOT / "node_modules"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_EVERY_TIME = "no-cache"

# What becomes smaller, and does not come compressed already as fonts do.
COMPRESSED = frozenset({"text/javascript", "text/css", "image/svg+xml"})

# Package -> what of it the browser may fetch. Everything else in node_modules is 404.
NPM_FILES: dict[str, tuple[str, ...]] = {
    "@fontsource-variable/noto-sans": ("files/*-wght-normal.woff2",),
    "@fontsource-variable/noto-sans-devanagari": ("files/*-wght-normal.woff2",),
    "chart.js": ("dist/chart.umd.min.js",),
    "fullcalendar": ("index.global.min.js",),
    "htmx.org": ("dist/htmx.min.js",),
    "socket.io-client": ("dist/socket.io.esm.min.js",),
    "swagger-ui-dist": ("swagger-ui.css", "swagger-ui-bundle.js"),
}

mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")

blueprint = Blueprint("assets", __name__, url_prefix="/static")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(asset_url=asset_url, npm_url=npm_url)


def asset_url(path: str) -> str:
    """Address of one of our own files, for example `asset_url("css/base.css")`."""
    # Not url_for: a list page draws a hundred icons, and each of them names the sprite.
    return f"{request.script_root}/static/v/{own_version()}/{path}"


def npm_url(package: str, path: str) -> str:
    """Address of a file of an npm package. Raises KeyError for what is not on the allow-list."""
    if not _is_allowed(package, path):
        raise KeyError(f"{package}/{path}")
    return url_for("assets.npm_file", path=f"{package}/{path}", v=package_version(package))


def own_version() -> str:
    """Hash of our files; computed once, in debug mode whenever a file changed."""
    if not current_app.debug:
        return _tree_hash(())
    if "asset_version" not in g:
        g.asset_version = _tree_hash(_signature())
    return str(g.asset_version)


@lru_cache
def package_version(package: str) -> str:
    """The installed version of an npm package, '0' where it is not installed."""
    manifest = NODE_MODULES / package / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else "0"


@blueprint.get("/v/<version>/<path:path>")
def own_file(version: str, path: str) -> Response:
    response = _send(OWN_FILES, path)
    return _cached(response, for_ever=version == own_version())


@blueprint.get("/npm/<path:path>")
def npm_file(path: str) -> Response:
    package, file = _split(path)
    if not _is_allowed(package, file):
        abort(404)
    response = _send(NODE_MODULES / package, file)
    return _cached(response, for_ever=request.args.get("v") == package_version(package))


def _send(directory: Path, path: str) -> Response:
    """The file, compressed for who understands that. Raises 404."""
    response = send_from_directory(directory, path)
    if response.mimetype not in COMPRESSED:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != HTTPStatus.OK or not request.accept_encodings["gzip"]:
        return response
    response.close()
    file = directory / path
    smaller = Response(_gzipped(file, file.stat().st_mtime_ns), headers=response.headers, direct_passthrough=False)
    smaller.headers["Content-Encoding"] = "gzip"
    smaller.set_etag(response.get_etag()[0] or "", weak=True)
    return smaller


@lru_cache(maxsize=128)
def _gzipped(file: Path, _written_at: int) -> bytes:
    """Made once by each process: half a megabyte for all the files there are."""
    return gzip.compress(file.read_bytes(), mtime=0)


def _cached(response: Response, *, for_ever: bool) -> Response:
    """A page made before an upgrade asks for an older version: it gets today's file, not to be kept under that name."""
    response.headers["Cache-Control"] = FOR_EVER if for_ever else ASK_EVERY_TIME
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _split(path: str) -> tuple[str, str]:
    """'@scope/name/a/b' -> ('@scope/name', 'a/b')."""
    parts = path.split("/")
    size = 2 if path.startswith("@") else 1
    return "/".join(parts[:size]), "/".join(parts[size:])


def _is_allowed(package: str, path: str) -> bool:
    return ".." not in path and any(fnmatchcase(path, pattern) for pattern in NPM_FILES.get(package, ()))


def _own_paths() -> list[Path]:
    return sorted(path for path in OWN_FILES.rglob("*") if path.is_file())


def _signature() -> tuple[tuple[str, int], ...]:
    return tuple((str(path), path.stat().st_mtime_ns) for path in _own_paths())


@lru_cache(maxsize=8)
def _tree_hash(signature: tuple[tuple[str, int], ...]) -> str:
    digest = hashlib.sha256()
    for path in _own_paths():
        digest.update(path.relative_to(OWN_FILES).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
