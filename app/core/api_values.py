"""Kinds of values that bodies and queries of the API are made of."""

from __future__ import annotations

import datetime as dates
from typing import Annotated, TypeVar

from flask_babel import gettext as _
from pydantic import AfterValidator, AwareDatetime, StringConstraints

from app.core.ids import ID_PATTERN

FIRST_YEAR, LAST_YEAR = 1900, 2200
D = TypeVar("D", bound=dates.date)


def _of_our_time(value: D) -> D:
    """Dates at the ends of the calendar overflow when zones and days are added."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(_("The year must be %(first)s to %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    return value


Id = Annotated[str, StringConstraints(to_lower=True, pattern=ID_PATTERN)]
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
Day = Annotated[dates.date, AfterValidator(_of_our_time)]
