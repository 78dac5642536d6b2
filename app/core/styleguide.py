"""Every component of the console on one page, with made-up content; for staff, outside production only."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, render_template

from app.core.errors import Forbidden
from app.core.principal import current_principal
from app.core.vocabulary import STATUSES
from config import get_settings

blueprint = Blueprint("styleguide", __name__)


def init_app(app: Flask) -> None:
    if not get_settings().production:
        app.register_blueprint(blueprint)


@blueprint.get("/console/styleguide")
def styleguide() -> str:
    if current_principal().role in (None, "PATIENT"):
        raise Forbidden
    return render_template("base/styleguide.html", **samples())


def samples() -> dict[str, Any]:
    weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    return {
        "statuses": list(STATUSES),
        "takings": {
            "type": "bar",
            "labels": weekdays,
            "series": [
                {"name": "Cash", "data": [18400, 16250, 21000, 14800, 19950, 9200]},
                {"name": "UPI", "data": [22100, 24800, 20300, 26650, 28000, 12400]},
            ],
            "format": {"currency": "INR", "decimals": 2},
        },
        "waiting": {
            "type": "line",
            "labels": weekdays,
            "series": [
                {"name": "Dr Rao", "data": [14, 18, 12, 21, 16, 9]},
                {"name": "Dr Sen", "data": [9, 7, 11, 8, 12, 6]},
            ],
            "format": {"unit": "min"},
        },
        "visits": {
            "type": "doughnut",
            "labels": ["In person", "Video", "Home visit", "Follow-up"],
            "series": [{"name": "Visits", "data": [212, 64, 18, 77]}],
        },
    }
