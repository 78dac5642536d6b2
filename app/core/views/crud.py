"""The generated screens of a model: list, record, forms, look-ups, charts, export, row actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import Response, abort, flash, redirect, request, url_for
from flask_appbuilder import ModelView, expose
from flask_appbuilder.security.decorators import has_access
from flask_appbuilder.urltools import get_order_args
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from app.core.api import dump
from app.core.errors import AppError, NotFound
from app.core.ids import is_id, new_id
from app.core.principal import may
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import arguments
from app.core.views.actions import run_action
from app.core.views.charts import Chart, chart_data, chart_rows
from app.core.views.datamodel import COUNT_CAP, ScopedInterface, own_rows
from app.core.views.export import Exporting
from app.core.views.hooks import hooks
from app.core.views.lookup import FormConverter, find_rows

LARGEST_PAGE = 100
ACTIONS = {
    "list": "read",
    "show": "read",
    "lookup": "read",
    "chart": "read",
    "export": "read",
    "add": "create",
    "edit": "update",
    "delete": "delete",
    "download": "read",
}


class CrudView(Exporting, ModelView):
    """Set `model`, `class_permission_name` (the resource), `menu` and the column lists; override the verbs to call
    services.

    `list_columns` and `show_columns` may name columns, relations and properties (a property that returns Money is
    shown as money).
    """

    abstract = True
    model: ClassVar[Any] = None
    menu: ClassVar[tuple[str, Any] | None] = None
    menu_order = 50
    charts: ClassVar[tuple[Chart, ...]] = ()
    page_size = 25
    base_order = ("id", "desc")
    lede: ClassVar[Any] = ""
    exclude_route_methods = frozenset({"download"})
    method_permission_name: Any = None
    list_title: Any = ""
    add_title: Any = ""
    search_exclude_columns: Any = None
    search_form: Any = None
    order_columns: Any = None
    add_form: Any = None
    edit_form: Any = None

    def __init__(self) -> None:
        relations = tuple(name for name in self.list_columns or () if _is_many_to_one(self.model, name))
        self.datamodel = ScopedInterface(self.model, relations)
        self.method_permission_name = {**ACTIONS, **(self.method_permission_name or {})}
        self.search_exclude_columns = [*(self.search_exclude_columns or ()), *_unsearchable(self.model)]
        super().__init__()
        self.exclude_route_methods = self.exclude_route_methods | self._idle_routes()

    def _idle_routes(self) -> frozenset[str]:
        """Routes that would find nothing here: each costs memory in every process and time at every start."""
        used = {"chart": self.charts, "action": self.actions, "action_post": self.actions}
        return frozenset(name for name, by in used.items() if not by)

    # ---- verbs, for slices to override ----

    def add_item(self, form: Any) -> Any:
        """Make the row of a valid form. Slices call their service here."""
        item = self.model()
        item.id = new_id()
        form.populate_obj(item)
        self.pre_add(item)
        db.session.add(item)
        return item

    def change_item(self, item: Any, form: Any) -> None:
        """Change the row by a valid form."""
        form.populate_obj(item)
        self.pre_update(item)

    def delete_item(self, item: Any) -> None:
        self.pre_delete(item)
        db.session.delete(item)

    def note_read(self, item: Any) -> None:
        """Called when a record is shown; screens of clinical records write the trail here."""

    # ---- forms ----

    def _init_titles(self) -> None:
        """FAB makes titles of class names ("Add Location"), which nobody can translate; ours are written out."""
        self.add_title = self.add_title or self.list_title
        self.title: Any = self.list_title

    def _init_properties(self) -> None:
        """FAB names the model's columns; what a record shows beside them (a Money, a relation) has a name, too."""
        super()._init_properties()
        self.order_columns = [name for name in self.order_columns if name in self.model.__mapper__.columns]
        self._gen_labels_columns(self.show_columns)

    def _prettify_column(self, name: str) -> str:
        """'created_at' -> 'Created at'."""
        return name.replace(".", " ").replace("_", " ").capitalize()

    def _init_forms(self) -> None:
        converter, searching = FormConverter(self), FormConverter(self, searching=True)
        self.search_form = self.search_form or searching.create_form(
            self.label_columns, self.search_columns, extra_fields=self.search_form_extra_fields
        )
        if "add" not in self.exclude_route_methods:
            self.add_form = self.add_form or self._form(converter, self.add_columns, self.add_form_extra_fields)
        if "edit" not in self.exclude_route_methods:
            self.edit_form = self.edit_form or self._form(converter, self.edit_columns, self.edit_form_extra_fields)

    def _form(self, converter: FormConverter, columns: Any, extra: Any) -> Any:
        return converter.create_form(
            self.label_columns, columns, self.description_columns, self.validators_columns, extra
        )

    # ---- list ----

    def _request_filters(self) -> Any:
        """Filters of this request alone: FAB keeps one object per view, which concurrent requests would share."""
        filters = self.datamodel.get_filters(self.search_columns)
        for column, number, values in arguments.asked_filters(filters.get_search_filters()):
            filters.add_filter_index(column, number, values)
        return filters

    def _list(self, **kwargs: Any) -> dict[str, Any]:
        name = type(self).__name__
        order = orders_asked_of([self]).get(name, ("", ""))
        filters = self._request_filters()
        widgets = self._get_list_widget(
            filters=filters,
            order_column=order[0],
            order_direction=order[1],
            page=arguments.pages().get(name, 0),
            page_size=_page_size(arguments.page_sizes().get(name), self.page_size),
            count_cap=COUNT_CAP,
            **kwargs,
        )
        widgets["search"] = self.search_widget(
            route_base=self.route_base,
            form=self.search_form.refresh(),
            include_cols=self.search_columns,
            exclude_cols=[],
            filters=filters,
        )
        return widgets

    @expose("/list/")
    @has_access
    def list(self) -> str:
        return self.render_template(
            self.list_template,
            title=self.list_title,
            widgets=self._list(),
            lede=self.lede,
            may_export=may(str(self.class_permission_name), self.method_permission_name["export"]),
            chart_url=url_for(f"{self.endpoint}.chart") if self.charts else None,
        )

    # ---- record ----

    def _item(self, pk: str) -> Any:
        item = self.datamodel.get(pk, self._base_filters)
        if item is None:
            raise NotFound
        return item

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> str:
        item = self._item(pk)
        with unit_of_work():
            self.note_read(item)
        item = self._item(pk)
        widgets = self._related(item, self._get_show_widget(pk, item))
        return self.render_template(
            self.show_template,
            pk=pk,
            item=item,
            title=str(item),
            list_title=self.list_title,
            widgets=widgets,
            related_views=self._related_views,
        )

    def _related(self, item: Any, widgets: dict[str, Any]) -> dict[str, Any]:
        sizes = {name: _page_size(size, 10) for name, size in arguments.page_sizes().items()}
        for view in self._related_views:
            sizes.setdefault(type(view).__name__, 10)
        return self._get_related_views_widgets(
            item,
            orders=orders_asked_of(self._related_views),
            pages=arguments.pages(),
            page_sizes=sizes,
            widgets=widgets,
        )

    # ---- add, edit, delete ----

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        form = self.add_form()
        if request.method == "POST" and form.validate():
            item = self._save(lambda: self.add_item(form))
            if item is not None:
                flash(str(self.add_row_message), "success")
                return self._to(item)
        elif request.method == "GET":
            self._prefill_from_related(form)
        return self._form_page(self.add_template, self.add_title, self._get_add_widget(form=form), form)

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> Any:
        item = self._item(pk)
        form = self.edit_form(obj=item)
        form._id = pk
        if request.method == "POST" and form.validate():
            if self._save(lambda: self._change(pk, form)) is not None:
                flash(str(self.edit_row_message), "success")
                return self._to(self._item(pk))
        elif request.method == "GET":
            self.prefill_form(form, pk)
        title = self.edit_title or _("Change %(name)s", name=str(item))
        return self._form_page(self.edit_template, title, self._get_edit_widget(form=form), form)

    def _change(self, pk: str, form: Any) -> Any:
        item = self._item(pk)
        self.change_item(item, form)
        return item

    @expose("/delete/<pk>", methods=["POST"])
    @has_access
    def delete(self, pk: str) -> Response:
        deleted = self._save(lambda: self._delete_one(pk), in_use=True)
        if deleted is not None:
            flash(str(self.delete_row_message), "success")
        return redirect(url_for(f"{self.endpoint}.list"))  # type: ignore[return-value]

    def _delete_one(self, pk: str) -> Any:
        item = self._item(pk)
        self.delete_item(item)
        return item

    def _save(self, change: Any, *, in_use: bool = False) -> Any:
        """Run a change in one unit of work; a failure is told in words and nothing is lost of the form."""
        try:
            with unit_of_work():
                item = change()
                db.session.flush()
            return item
        except NotFound:
            raise
        except AppError as error:
            flash(_with_fields(error), "danger")
        except IntegrityError:
            text = _("Other entries refer to this one.") if in_use else _("There is such an entry already.")
            flash(text, "danger")
        return None

    def _to(self, item: Any) -> Response:
        shown = may(str(self.class_permission_name), "read") and "can_read" in self.base_permissions
        target = url_for(f"{self.endpoint}.show", pk=item.id) if shown else url_for(f"{self.endpoint}.list")
        return redirect(target)  # type: ignore[return-value]

    def _form_page(self, template: str, title: Any, widgets: dict[str, Any], form: Any) -> Any:
        page = self.render_template(template, title=title, list_title=self.list_title, widgets=widgets)
        return (page, 422) if request.method == "POST" else page

    def _prefill_from_related(self, form: Any) -> None:
        """`?_flt_0_patient=<id>`: a form opened from a record's related list starts with that record chosen."""
        for key, value in request.args.items():
            name = key.partition("_flt_0_")[2]
            if name and name in form and hasattr(form[name], "lookup_id"):
                form[name].process_formdata([value])

    # ---- look-ups, charts, export ----

    @expose("/lookup/<column>", methods=["GET"])
    @has_access
    def lookup(self, column: str) -> Response:
        known = {*self.search_columns, *(self.add_columns or ()), *(self.edit_columns or ())}
        if column not in known or not self.datamodel.is_relation_many_to_one(column):
            raise NotFound
        rows = find_rows(self.datamodel.get_related_model(column), request.args.get("q", "")[:100])
        return _json({"items": [{"id": row.id, "text": str(row)} for row in rows]})

    @expose("/chart/", methods=["GET"])
    @has_access
    def chart(self) -> str:
        currency = hooks().currency()
        shown = [(chart, chart_data(chart, self._chart_rows(chart), currency)) for chart in self.charts]
        return self.render_template(
            "base/charts.html", title=self.list_title, charts=shown, list_endpoint=self.endpoint
        )

    def _chart_rows(self, chart: Chart) -> Any:
        if own_rows(self.model) is not None:
            return chart_rows(chart, self.model)  # their own rows: nothing to share with others through the cache
        return hooks().keep(f"{type(self).__name__}.{chart.name}", lambda: chart_rows(chart, self.model))

    # ---- row actions ----

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str) -> Response:
        self._run(name, [pk])
        return redirect(url_for(f"{self.endpoint}.show", pk=pk))  # type: ignore[return-value]

    @expose("/action_post", methods=["POST"])
    def action_post(self) -> Response:
        self._run(request.form.get("action", ""), request.form.getlist("rowid")[:LARGEST_PAGE])
        return redirect(url_for(f"{self.endpoint}.list"))  # type: ignore[return-value]

    def _run(self, name: str, pks: Sequence[str]) -> None:
        item = self.actions.get(name)
        if item is None:
            raise NotFound
        if not may(str(self.class_permission_name), name):
            abort(403)
        run_action(item, [self._item(pk) for pk in pks if is_id(pk) or abort(404)])

    def update_redirect(self) -> None:
        """FAB keeps the last pages in the cookie; our forms know where they go."""


class ReadOnlyView(CrudView):
    """A screen that shows and never changes: its rows are made by services alone."""

    abstract = True
    base_permissions: ClassVar[Any] = ["can_read"]
    exclude_route_methods = frozenset({"download", "add", "edit", "delete"})


def _page_size(wanted: int | None, usual: int) -> int:
    return min(wanted, LARGEST_PAGE) if wanted and wanted > 0 else usual


def orders_asked_of(views: Any) -> dict[str, tuple[str, str]]:
    """The order that the address asks of each list, where the list can be ordered so."""
    asked = get_order_args()
    known = {type(view).__name__: view.order_columns for view in views}
    return {name: asked[name] for name, columns in known.items() if name in asked and asked[name][0] in columns}


def _is_many_to_one(model: Any, name: str) -> bool:
    relation = model.__mapper__.relationships.get(name)
    return relation is not None and relation.direction.name == "MANYTOONE"


def _unsearchable(model: Any) -> list[str]:
    """Ids, documents and binary columns make no useful filter."""
    simple = ("Uuid", "JSONB", "LargeBinary", "ARRAY", "TSTZRANGE", "INT4RANGE")
    names = [name for name, column in model.__mapper__.columns.items() if type(column.type).__name__ in simple]
    return names + [name for name, relation in model.__mapper__.relationships.items() if relation.uselist]


def _with_fields(error: AppError) -> str:
    return " ".join([str(error.message), *(str(text) for text in (error.fields or {}).values())])


def _json(value: Any) -> Response:
    return Response(dump(value), mimetype="application/json")
