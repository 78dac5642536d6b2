"""Kinds of values that bodies and queries of the API are made of."""

from __future__ import annotations

import datetime as dates
from typing import Annotated, TypeVar

from flask_babel import gettext as _
from pydantic import AfterValidator, AwareDatetime, StringConstraints

from app.core.ids import ID_PATTERN
from app.core.our_time import FIRST_YEAR, LAST_YEAR, is_of_our_time

D = TypeVar("D", bound=dates.date)


def _of_our_time(value: D) -> D:
    if not is_of_our_time(value):
        raise ValueError(_("The year must be %(first)s to %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    return value


Id = Annotated[str, StringConstraints(to_lower=True, pattern=ID_PATTERN)]
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
Day = Annotated[dates.date, AfterValidator(_of_our_time)]
