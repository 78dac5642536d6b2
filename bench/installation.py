"""What is measured runs on: embedded servers with a loaded database, kept between runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.embedded.development_secrets import development_secrets
from app.embedded.postgres import forget_client_settings
from app.embedded.servers import open_servers
from bench.data import Sizes, load

if TYPE_CHECKING:
    from bench.house import House

LOADED = "loaded.json"


@dataclass(frozen=True)
class Installation:
    """A loaded database with what a process of ours needs in its environment. `load_seconds`: of the loader."""

    directory: Path
    environment: dict[str, str]
    house: House
    sizes: Sizes
    load_seconds: float
    app: Any

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]


@contextmanager
def open_installation(directory: Path, sizes: Sizes, *, fresh: bool = False) -> Iterator[Installation]:
    """Start the servers in `directory` and load them, unless they hold the same data for the same tables already."""
    if fresh:
        shutil.rmtree(directory, ignore_errors=True)
    forget_client_settings()
    servers = open_servers(directory)
    servers.start()
    try:
        environment = {**_settings(servers.data.path), **servers.environment()}
        os.environ.update(environment)
        yield _loaded(servers.data.path, environment, sizes)
    finally:
        servers.stop()


def _settings(directory: Path) -> dict[str, str]:
    """As in production. Limits count as always, but a benchmark may pass them."""
    return {
        **development_secrets(directory / "secrets.json"),
        "APP_ENV": "production",
        "PUBLIC_URL": "https://bench.example",
        "DATA_DIR": str(directory),
        "REQUESTS_PER_MINUTE": "100000000",
        "WEB_CONCURRENCY": "1",
    }


def _loaded(directory: Path, environment: dict[str, str], sizes: Sizes) -> Installation:
    from app import create_app

    fingerprint = _fingerprint(sizes)
    app = create_app()
    known = _read(directory / LOADED)
    if known is None or known["fingerprint"] != fingerprint:
        (directory / LOADED).unlink(missing_ok=True)
        known = {"fingerprint": fingerprint, **_fill(app, environment["DATABASE_URL"], sizes)}
        (directory / LOADED).write_text(json.dumps(known))
    return Installation(directory, environment, _house(known["house"]), sizes, known["load_seconds"], app)


def _fill(app: Any, url: str, sizes: Sizes) -> dict[str, Any]:
    from bench.house import build_house
    from tests.schema import create_schema

    _empty(url)
    create_schema(url)
    with app.app_context():
        house = build_house(sizes.doctors)
    print(f"Loading {sizes.patients:,} patients and {sizes.appointments:,} appointments ...", flush=True)
    seconds = load(url, house.clinic_id, house.location_id, house.doctor_ids, sizes)
    print(f"Loaded in {seconds:.0f} s.", flush=True)
    return {"house": asdict(house), "load_seconds": seconds}


def _empty(url: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()


def _fingerprint(sizes: Sizes) -> str:
    """Changes with the sizes and with the tables, so that data of other tables is not taken for these."""
    from flask_appbuilder import Model
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    from app import SLICES
    from app.core.loader import load_declarations

    load_declarations(SLICES)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    words = [repr(sizes)]
    for table in Model.metadata.sorted_tables:
        words.append(str(CreateTable(table).compile(dialect=dialect)))
        words += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _house(values: dict[str, Any]) -> House:
    from bench.house import House, Login

    return House(**{**values, "logins": {role: Login(**login) for role, login in values["logins"].items()}})


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None
