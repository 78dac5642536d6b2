"""No answer with clinic data is kept by a browser or a proxy: whatever its kind, its status and who asked."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from app.core.api import ENDPOINTS
from app.core.assets import asset_url
from app.core.ids import new_id
from tests.core.test_pictures import picture
from tests.factories.billing import make_invoice
from tests.factories.people import make_patient

pytestmark = pytest.mark.usefixtures("in_clinic")


def kept(answer: Any) -> bool:
    return "no-store" not in answer.headers.get("Cache-Control", "")


def test_no_answer_of_the_api_is_kept(caller: Callable[..., Any]) -> None:
    """Every endpoint, mostly with a refusal: those carry words of the clinic too."""
    admin = caller("CLINIC_ADMIN")
    admin.prefix = ""
    paths = {(item.method, re.sub("<[^>]+>", new_id(), item.path)) for item in ENDPOINTS}
    found = [path for method, path in sorted(paths) if kept(getattr(admin, method.lower())(path))]
    assert found == []


def test_data_of_every_kind_is_not_kept(caller: Callable[..., Any], visitor: Callable[..., Any]) -> None:
    patient, invoice = make_patient(), make_invoice()
    admin, pages = caller("CLINIC_ADMIN"), visitor("CLINIC_ADMIN")
    admin.put(f"/patients/{patient.id}/photo", data=io.BytesIO(picture("PNG")).read())
    answers = {
        "application/json": admin.get(f"/patients/{patient.id}"),
        "image/jpeg": admin.get(f"/patients/{patient.id}/photo"),
        "text/html": pages.get(f"/patientview/show/{patient.id}"),
        "text/csv": pages.get("/patientview/export"),
        "application/pdf": pages.get(f"/billing/invoice/{invoice.id}.pdf"),
    }
    assert {kind: (answer.mimetype, answer.status_code) for kind, answer in answers.items()} == {
        kind: (kind, 200) for kind in answers
    }
    assert [kind for kind, answer in answers.items() if kept(answer)] == []


def test_assets_are_kept(app: Any) -> None:
    with app.test_request_context():
        address = asset_url("css/fonts.css")
    answer = app.test_client().get(address, buffered=True)
    assert answer.status_code == 200
    assert "no-store" not in answer.headers["Cache-Control"]
