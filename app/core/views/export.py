"""A list as CSV or XLSX: streamed, in the scope and as the person that asked for it, defused for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from flask import Response, request, stream_with_context
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access

from app.core.principal import Principal, acting_as, find_principal
from app.core.spreadsheet import CSV, ROWS_AT_ONCE, UTF8_MARK, XLSX, Sheet, csv_table, workbook
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.core.views.hooks import hooks

EXPORT_LIMIT = 100_000


class Exporting:
    """What CrudView mixes in: `/export` gives the filtered list, as CSV or with `?format=xlsx` as a workbook."""

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
        excel = request.args.get("format") == "xlsx"
        rows = self._streamed(self._xlsx if excel else self._csv, filters, find_principal(), require_clinic())
        response = Response(stream_with_context(rows), mimetype=XLSX if excel else CSV)
        name = f"{self.model.__tablename__}.{'xlsx' if excel else 'csv'}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _streamed(self, write: Any, filters: Any, reader: Principal | None, clinic_id: str) -> Iterator[Any]:
        """The rows leave after the request's own scope is over: for the same person, in the same clinic."""
        with acting_as(reader), tenant_scope(clinic_id):
            yield from write(filters)

    def _heads(self) -> list[str]:
        return [str(self.label_columns.get(name, name)) for name in self.list_columns]

    def _xlsx(self, filters: Any) -> Iterator[bytes]:
        yield from workbook([Sheet(self._heads(), self._rows(filters))])

    def _csv(self, filters: Any) -> Iterator[str]:
        yield from csv_table(self._heads(), self._rows(filters), mark=UTF8_MARK)

    def _rows(self, filters: Any) -> Iterator[list[Any]]:
        for row in self._pages(filters):
            yield [getattr(row, name) for name in self.list_columns]

    def _pages(self, filters: Any) -> Iterator[Any]:
        """The rows of the filtered list, the newest first, EXPORT_LIMIT at most."""
        for page in range(EXPORT_LIMIT // ROWS_AT_ONCE):
            rows = self._csv_page(filters, page)
            yield from rows
            if len(rows) < ROWS_AT_ONCE:
                return

    def _csv_page(self, filters: Any, page: int) -> Any:
        joined = filters.get_joined_filters(self._base_filters)
        query = self.datamodel.apply_filters(db.session.query(self.model), joined)
        return query.order_by(self.model.id.desc()).offset(page * ROWS_AT_ONCE).limit(ROWS_AT_ONCE).all()
