"""Statuses that move only along a declared table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import gettext as _

from app.core.errors import Conflict
from app.core.vocabulary import label_of


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
            raise WrongState(self._why_not(str(status)), status=str(self.status))
        self.status = status

    def _why_not(self, wanted: str) -> str:
        """In the words that screens show; most often somebody else was faster."""
        now = label_of(self.status)
        if wanted == self.status:
            return _("This has been done already: its status is “%(status)s”.", status=now)
        return _("This is not possible now: its status is “%(status)s”.", status=now)
