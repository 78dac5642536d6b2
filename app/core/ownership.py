"""Which location a row belongs to, by its own column or by the row that it hangs on (`__located_through__`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_

from app.core.principal import find_principal, own_location_id


def rows_of_own_location(model: Any) -> ColumnElement[bool] | None:
    """What narrows a member to their location; None for members of all, and for models without any.

    A holiday without a location is everybody's; a patient's paper without one is not. What somebody recorded
    (`recorded_by_id`) they go on seeing: a deposit belongs to no location.
    """
    location_id, columns = own_location_id(), model.__mapper__.columns
    here = _rows_at(model, location_id) if location_id is not None else None
    if here is None:
        return None
    principal = find_principal()
    if "recorded_by_id" in columns and principal is not None:
        return or_(here, model.recorded_by_id == principal.user_id)
    hangs_on = hasattr(model, "__located_through__")
    return here if hangs_on or "patient_id" in columns else or_(here, model.location_id.is_(None))


def _rows_at(model: Any, location_id: str) -> ColumnElement[bool] | None:
    through = getattr(model, "__located_through__", None)
    if through is not None:
        relation = getattr(model, through)
        found: ColumnElement[bool] = relation.has(_rows_at(relation.property.mapper.class_, location_id))
        return found
    return model.location_id == location_id if "location_id" in model.__mapper__.columns else None
