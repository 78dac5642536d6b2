"""A list as CSV: streamed, in the scope and as the person that asked for it, defused for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, ClassVar

from flask import Response, stream_with_context
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access

from app.core.principal import Principal, acting_as, find_principal
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.core.views.hooks import hooks

EXPORT_LIMIT = 100_000
ROWS_AT_ONCE = 500


class Exporting:
    """What CrudView mixes in: `/export` gives the filtered list."""

    model: ClassVar[Any]
    datamodel: Any
    list_columns: Any
    label_columns: Any
    _base_filters: Any
    _request_filters: Any

    @expose("/export", methods=["GET"])
    @has_access
    def export(self) -> Response:
        filters = self._request_filters()
        with unit_of_work():
            hooks().note_export(self.model.__tablename__)
        rows = self._streamed(filters, find_principal(), require_clinic())
        response = Response(stream_with_context(rows), mimetype="text/csv")
        response.headers["Content-Disposition"] = f'attachment; filename="{self.model.__tablename__}.csv"'
        return response

    def _streamed(self, filters: Any, reader: Principal | None, clinic_id: str) -> Iterator[str]:
        """The rows leave after the request's own scope is over: for the same person, in the same clinic."""
        with acting_as(reader), tenant_scope(clinic_id):
            yield from self._csv(filters)

    def _csv(self, filters: Any) -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow([str(self.label_columns.get(name, name)) for name in self.list_columns])
        page = 0
        while page * ROWS_AT_ONCE < EXPORT_LIMIT:
            rows = self._csv_page(filters, page)
            for row in rows:
                writer.writerow([_cell(getattr(row, name)) for name in self.list_columns])
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            if len(rows) < ROWS_AT_ONCE:
                return
            page += 1

    def _csv_page(self, filters: Any, page: int) -> Any:
        joined = filters.get_joined_filters(self._base_filters)
        query = self.datamodel.apply_filters(db.session.query(self.model), joined)
        return query.order_by(self.model.id.desc()).offset(page * ROWS_AT_ONCE).limit(ROWS_AT_ONCE).all()


def _cell(value: Any) -> str:
    """Text for a spreadsheet; a leading formula character is defused (OWASP CSV injection)."""
    text = "" if value is None else str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
