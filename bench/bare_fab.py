"""A plain Flask-AppBuilder list of twenty rows, open to everybody: what the console's lists are measured against."""

from __future__ import annotations

import os

from flask import Flask
from flask_appbuilder import AppBuilder, Model, ModelView
from flask_appbuilder.models.sqla.base import SQLA
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Column, Integer, String, create_engine, make_url, text

ROWS = 20
DATABASE = "bare_fab"

db = SQLA()


class BareRow(Model):  # type: ignore[misc]
    """A table as small as a tutorial's."""

    __tablename__ = "bare_row"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
    place = Column(String(50))
    status = Column(String(20))


class BareRowView(ModelView):
    datamodel = SQLAInterface(BareRow)
    list_columns = ["name", "place", "status"]


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.urandom(16).hex(),
        SQLALCHEMY_DATABASE_URI=_own_database(os.environ["DATABASE_URL"]),
        AUTH_ROLE_PUBLIC="Admin",
    )
    db.init_app(app)
    with app.app_context():
        Model.metadata.create_all(db.engine)
        AppBuilder(app, db.session).add_view(BareRowView, "Rows")
        db.session.query(BareRow).delete()
        db.session.add_all(BareRow(name=f"Row {n}", place="Here", status="ok") for n in range(ROWS))
        db.session.commit()
    return app


def _own_database(url: str) -> str:
    """Beside the console's on the same server."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": DATABASE}):
            connection.execute(text(f"create database {DATABASE} template template0"))
    engine.dispose()
    return make_url(url).set(database=DATABASE).render_as_string(hide_password=False)
