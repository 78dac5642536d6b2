"""Provider accounts: forms drawn from each provider's credential schema, and Test connection, which makes a real
call.
"""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import func, select

from app.core.credentials import CredentialField, credential_fields
from app.core.errors import Invalid, NotFound
from app.core.ids import is_id
from app.core.providers import Provider, UnknownProvider, provider_with_code
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.desk.providers import REGISTRY
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import masked, save_account, test_account


class ProviderAccountView(ActionView):
    """The clinic's accounts at payment and message providers, the primary of each channel first."""

    class_permission_name = "provider_account"
    route_base = "/provider-accounts"
    menu = ("Set-up", lazy_gettext("Provider accounts"))
    menu_order = 30
    default_view = "overview"

    @expose("/")
    def overview(self) -> str:
        self.require()
        rows = db.session.scalars(
            select(ProviderAccount).order_by(ProviderAccount.channel, ProviderAccount.priority, ProviderAccount.id)
        )
        return self.render("desk/accounts.html", accounts=[masked(row, REGISTRY) for row in rows], providers=REGISTRY)

    @expose("/new/<provider>", methods=["GET", "POST"])
    def create(self, provider: str) -> Any:
        self.require("create")
        adapter = _adapter(provider)
        row = ProviderAccount(channel=adapter.channel, provider=adapter.code, priority=_next_priority(adapter.channel))
        return self._form(adapter, row) if request.method == "GET" else self._save(adapter, None)

    @expose("/<id:account_id>", methods=["GET", "POST"])
    def edit(self, account_id: str) -> Any:
        self.require("update" if request.method == "POST" else "read")
        row = _account(account_id)
        adapter = _adapter(row.provider)
        return self._form(adapter, row) if request.method == "GET" else self._save(adapter, account_id)

    @expose("/<id:account_id>/delete", methods=["POST"])
    def delete(self, account_id: str) -> Any:
        self.require("delete")
        with unit_of_work():
            db.session.delete(_account(account_id))
        flash(_("The account is deleted."), "success")
        return redirect(url_for(".overview"))

    @expose("/<id:account_id>/test", methods=["POST"])
    def test(self, account_id: str) -> Any:
        """Test connection: outside any transaction, since the provider may take its time."""
        self.require("test")
        _account(account_id)
        db.session.rollback()
        report = test_account(account_id, REGISTRY)
        text = _(report.text) + (f" ({report.detail})" if report.detail else "")
        flash(text, "success" if report.ok else "danger")
        return redirect(url_for(".edit", account_id=account_id))

    def _save(self, adapter: type[Provider[Any]], account_id: str | None) -> Any:
        try:
            with unit_of_work():
                row = _account(account_id) if account_id else _new(adapter)
                saved = save_account(
                    row,
                    REGISTRY,
                    credentials=_submitted(adapter),
                    base_url=request.form.get("base_url", "").strip() or None,
                    label=request.form.get("label", "").strip()[:60],
                    priority=_number(request.form.get("priority")),
                    enabled="enabled" in request.form,
                )
                account_id = saved.id
        except Invalid as error:
            row = _account(account_id) if account_id else _new(adapter)
            return self._form(adapter, row, error), 422
        flash(_("Saved. Test the connection to see whether the provider accepts it."), "success")
        return redirect(url_for(".edit", account_id=account_id))

    def _form(self, adapter: type[Provider[Any]], row: ProviderAccount, error: Invalid | None = None) -> str:
        shown = masked(row, REGISTRY).credentials if row.credentials else {}
        submitted = _submitted(adapter) if error else {}
        fields = [(field, _value(field, submitted, shown)) for field in credential_fields(adapter.Credentials)]
        return self.render(
            "desk/account_form.html",
            adapter=adapter,
            account=row,
            fields=fields,
            errors=dict(error.fields or {}) if error else {},
            message=error.message if error else None,
            stored=bool(row.credentials),
        )


def _value(field: CredentialField, submitted: dict[str, Any], shown: Any) -> Any:
    """What an input starts with; a secret is never sent back, not even the one just typed."""
    if field.secret:
        return shown.get(field.name) or ""
    return submitted.get(field.name, shown.get(field.name, field.default))


def _adapter(provider: str) -> type[Provider[Any]]:
    try:
        return provider_with_code(REGISTRY, provider)
    except UnknownProvider:
        raise NotFound from None


def _account(account_id: str | None) -> ProviderAccount:
    row = db.session.get(ProviderAccount, account_id) if is_id(account_id) else None
    if row is None:
        raise NotFound
    return row


def _new(adapter: type[Provider[Any]]) -> ProviderAccount:
    return ProviderAccount(channel=adapter.channel, provider=adapter.code)


def _next_priority(channel: str) -> int:
    """A new account goes behind those that are there."""
    last = db.session.scalar(select(func.max(ProviderAccount.priority)).where(ProviderAccount.channel == channel))
    return 0 if last is None else last + 1


def _submitted(adapter: type[Provider[Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in credential_fields(adapter.Credentials):
        given = request.form.get(f"credential_{field.name}", "")
        values[field.name] = bool(given) if field.type == "checkbox" else given
    return values


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0
