"""Every page that somebody's menu names opens for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from app.access.roles import Role

STAFF = [role for role in Role if role not in (Role.PATIENT, Role.SUPER_ADMIN)]
MENU_LINK = re.compile(r'<a class="nav-link" href="([^"]+)"')


@pytest.mark.parametrize("role", STAFF)
def test_a_menu_leads_nowhere_that_is_refused(console_as: Callable[..., Any], in_clinic: Any, role: str) -> None:
    client = copy_context().run(console_as, role)

    def visit(path: str) -> Any:
        return copy_context().run(client.get, path, follow_redirects=True)

    links = MENU_LINK.findall(visit("/patientview/list/").text)
    assert len(links) > 5
    refused = {path: status for path in links if (status := visit(path).status_code) != 200}
    assert refused == {}
