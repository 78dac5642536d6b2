"""Bases of the console's screens. Slices derive from these and from nothing of Flask-AppBuilder's own."""

from app.core.views.actions import ActionView, row_action
from app.core.views.charts import Chart, monthly
from app.core.views.crud import CrudView, ReadOnlyView
from app.core.views.lookup import LookupField, lookup_for

__all__ = ["ActionView", "Chart", "CrudView", "LookupField", "ReadOnlyView", "lookup_for", "monthly", "row_action"]
