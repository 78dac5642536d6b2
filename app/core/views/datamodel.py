"""Flask-AppBuilder's window on a model, without what makes it slow at a million rows: whole counts, lazy loads,
unbounded pages.
"""

from __future__ import annotations

from typing import Any

from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import joinedload

from app.core.errors import BadRequest
from app.core.ids import is_id
from app.core.models import TenantModel
from app.core.ownership import rows_of_own_location
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.core.views.filters import FilterConverter

COUNT_CAP = 1000
DEEPEST_ROW = 20_000


def own_rows(model: Any) -> ColumnElement[bool] | None:
    """What narrows a PATIENT to their own rows and a LOCATION_HEAD to their location's; None for other staff.

    The owner is in `patient_id`, or in the model's `__owner_column__`. Rows without an owner are closed to patients
    unless the model says `__open_to_patients__`.
    """
    own = own_patient_id()
    if own is None:
        return rows_of_own_location(model)
    if getattr(model, "__open_to_patients__", False):
        return None
    column = getattr(model, "__owner_column__", "patient_id")
    return getattr(model, column) == own if column in model.__mapper__.columns else literal(False)


def find_own(model: Any, row_id: object) -> Any:
    """The row with that id if whoever asks may see it, else None."""
    if not is_id(row_id):
        return None
    own = own_rows(model)
    wanted = select(model).where(model.id == row_id)
    return db.session.scalar(wanted if own is None else wanted.where(own))


class ScopedInterface(SQLAInterface):
    """`list_columns` that are relations are loaded with their rows; counting stops at COUNT_CAP."""

    filter_converter_class = FilterConverter

    def __init__(self, model: type, eager: tuple[str, ...] = ()) -> None:
        super().__init__(model)
        self.eager = eager

    def query(
        self,
        filters: Any = None,
        order_column: str = "",
        order_direction: str = "",
        page: int | None = None,
        page_size: int | None = None,
        select_columns: list[str] | None = None,
        outer_default_load: bool = False,
    ) -> tuple[int, list[Any]]:
        if page and page_size and page * page_size > DEEPEST_ROW:
            raise BadRequest(_("Please narrow the list with a filter instead of paging this far."))
        base = self.apply_filters(self.session.query(self.obj), filters)
        ordered = self.apply_order_by(base, order_column, order_direction, aliases_mapping={}, add_pk=True)
        loading = [joinedload(getattr(self.obj, name)) for name in self.eager]
        rows = self.apply_pagination(ordered.options(*loading), page, page_size).all()
        return self._capped_count(base, page, page_size, len(rows)), rows

    def _capped_count(self, query: Any, page: int | None, page_size: int | None, shown: int) -> int:
        """One more than the cap when there are more rows; no query where the page itself tells."""
        if page_size and shown < page_size and (shown or not page):
            return (page or 0) * page_size + shown
        inner = query.with_entities(self.obj.id).order_by(None).limit(COUNT_CAP + 1).subquery()
        return int(self.session.scalar(select(func.count()).select_from(inner)) or 0)

    def apply_filters(self, query: Any, filters: Any) -> Any:
        own = own_rows(self.obj)
        narrowed = super().apply_filters(query, filters)
        return narrowed if own is None else narrowed.filter(own)

    def get(self, id: Any, filters: Any = None, select_columns: Any = None) -> Any:
        """The row, or None for a malformed id, another clinic's id or no such row."""
        if not is_id(id):
            return None
        query = self.apply_filters(self.session.query(self.obj), filters)
        return query.filter(self.obj.id == id).one_or_none()

    def is_tenant_model(self) -> bool:
        return issubclass(self.obj, TenantModel)
