"""The product with two more addresses: a small change, and the same change with an event that is heard."""

from __future__ import annotations

from typing import Any

from flask import Flask

UNTOLD, TOLD = "/bench/untold", "/bench/told"


def create_app() -> Flask:
    from app import create_app as create_product
    from app.events.services import publish
    from bench.bell import BellHummed

    app: Flask = create_product()

    @app.post(UNTOLD)
    def untold() -> dict[str, Any]:
        return _changed(lambda _location_id: None)

    @app.post(TOLD)
    def told() -> dict[str, Any]:
        return _changed(lambda location_id: publish(BellHummed(bell_id=location_id)))

    return app


def _changed(tell: Any) -> dict[str, Any]:
    from app.core.ids import new_id
    from app.core.tenant import db
    from app.core.transaction import unit_of_work
    from app.tenancy.models import Location

    location_id = new_id()
    with unit_of_work():
        db.session.add(Location(id=location_id, name=f"Bell {location_id}", active=False))
        tell(location_id)
    return {"id": location_id}
