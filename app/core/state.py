"""Statuses that move only along a declared table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _

from app.core.errors import Conflict


class WrongState(Conflict):
    """The status does not allow the step."""

    code = "WRONG_STATE"


class Stateful:
    """Mix into a model with a `status` column; `TRANSITIONS` maps a status to those that may follow it."""

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]]
    status: Any

    def can_become(self, status: Any) -> bool:
        return status in self.TRANSITIONS.get(self.status, frozenset())

    def become(self, status: Any) -> None:
        """Take the step. Raises WrongState."""
        if not self.can_become(status):
            raise WrongState(
                _("%(current)s cannot become %(wanted)s.", current=str(self.status), wanted=str(status)),
                status=str(self.status),
            )
        self.status = status
