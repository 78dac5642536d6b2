"""Provider accounts: forms drawn from each provider's credential schema, and Test connection, which makes a real
call.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import func, select

from app.audit.services import record
from app.core.credentials import CredentialField, credential_fields
from app.core.errors import Invalid, NotFound
from app.core.ids import is_id
from app.core.providers import Provider, UnknownProvider, provider_with_code
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.desk.providers import REGISTRY
from app.tenancy.models import GlobalProviderAccount, ProviderAccount
from app.tenancy.providers import Account, environment_accounts, masked, save_account, test_account


class AccountScreens(ActionView):
    """List, form and test of accounts of one model. `class_permission_name` names who may."""

    abstract = True
    default_view = "overview"
    model: ClassVar[type[Account]]
    title: ClassVar[Any]
    lede: ClassVar[Any]

    @expose("/")
    def overview(self) -> str:
        self.require()
        rows = db.session.scalars(select(self.model).order_by(self.model.channel, self.model.priority, self.model.id))
        accounts = [masked(row, REGISTRY) for row in rows]
        names = {adapter.code: adapter.label for adapter in REGISTRY}
        return self.render("desk/accounts.html", accounts=accounts, providers=REGISTRY, names=names, **self._words())

    @expose("/new/<provider>", methods=["GET", "POST"])
    def create(self, provider: str) -> Any:
        self.require("create")
        adapter = _adapter(provider)
        if request.method == "POST":
            return self._save(adapter, None)
        return self._form(adapter, self._new(adapter, self._next_priority(adapter.channel)))

    @expose("/<id:account_id>", methods=["GET", "POST"])
    def edit(self, account_id: str) -> Any:
        row = self._account(account_id)
        self.require("update" if request.method == "POST" else "read")
        adapter = _adapter(row.provider)
        return self._form(adapter, row) if request.method == "GET" else self._save(adapter, account_id)

    @expose("/<id:account_id>/delete", methods=["POST"])
    def delete(self, account_id: str) -> Any:
        row = self._account(account_id)
        self.require("delete")
        with unit_of_work():
            db.session.delete(row)
            self._note("deleted", account_id)
        flash(_("The account is deleted."), "success")
        return redirect(url_for(".overview"))

    @expose("/<id:account_id>/test", methods=["POST"])
    def test(self, account_id: str) -> Any:
        """Test connection: outside any transaction, since the provider may take its time."""
        self._account(account_id)
        self.require("test")
        db.session.rollback()
        report = test_account(account_id, REGISTRY)
        text = _(report.text) + (f" ({_(report.detail)})" if report.detail else "")
        flash(text, "success" if report.ok else "danger")
        return redirect(url_for(".edit", account_id=account_id))

    def _save(self, adapter: type[Provider[Any]], account_id: str | None) -> Any:
        try:
            with unit_of_work():
                row = self._account(account_id) if account_id else self._new(adapter)
                saved = save_account(
                    row,
                    REGISTRY,
                    credentials=_submitted(adapter),
                    base_url=request.form.get("base_url", "").strip() or None,
                    label=request.form.get("label", "").strip()[:60],
                    priority=_number(request.form.get("priority")),
                    enabled="enabled" in request.form,
                )
                self._note("updated" if account_id else "created", saved.id)
                account_id = saved.id
        except Invalid as error:
            row = self._account(account_id) if account_id else self._new(adapter)
            return self._form(adapter, row, error), 422
        flash(_("Saved. Test the connection to see whether the provider accepts it."), "success")
        return redirect(url_for(".edit", account_id=account_id))

    def _form(self, adapter: type[Provider[Any]], row: Account, error: Invalid | None = None) -> str:
        shown = masked(row, REGISTRY).credentials if row.credentials else {}
        submitted = _submitted(adapter) if error else {}
        fields = [(field, _value(field, submitted, shown)) for field in credential_fields(adapter.Credentials)]
        return self.render(
            "desk/account_form.html",
            adapter=adapter,
            account=row,
            base_url=request.form.get("base_url", "") if error else row.base_url or "",
            fields=fields,
            errors=dict(error.fields or {}) if error else {},
            message=error.message if error else None,
            stored=bool(row.credentials),
            **self._words(),
        )

    def _words(self) -> dict[str, Any]:
        return {"title": self.title, "lede": self.lede, "resource": self.class_permission_name}

    def _note(self, action: str, account_id: str) -> None:
        """Called in the transaction of a change that the trail would not notice by itself."""

    def _account(self, account_id: str | None) -> Account:
        """Before any permission is asked for: another clinic's account does not exist. Raises NotFound."""
        row = db.session.get(self.model, account_id) if is_id(account_id) else None
        if row is None:
            raise NotFound
        return row

    def _new(self, adapter: type[Provider[Any]], priority: int = 0) -> Account:
        return self.model(channel=adapter.channel, provider=adapter.code, priority=priority)

    def _next_priority(self, channel: str) -> int:
        """A new account goes behind those that are there."""
        last = db.session.scalar(select(func.max(self.model.priority)).where(self.model.channel == channel))
        return 0 if last is None else last + 1


class ProviderAccountView(AccountScreens):
    """The clinic's accounts at payment and message providers, the primary of each channel first."""

    class_permission_name = "provider_account"
    route_base = "/provider-accounts"
    menu = ("Set-up", lazy_gettext("Provider accounts"))
    menu_order = 50
    model = ProviderAccount
    title = lazy_gettext("Provider accounts")
    lede = lazy_gettext(
        "The first enabled account of a channel is used; the next ones stand in for it. Without one of its own, the"
        " clinic uses the global account."
    )


class GlobalProviderAccountView(AccountScreens):
    """The accounts of clinics that have none of their own for a channel."""

    class_permission_name = "global_provider_account"
    route_base = "/global-accounts"
    menu = ("Set-up", lazy_gettext("Global accounts"))
    menu_order = 51
    model = GlobalProviderAccount
    title = lazy_gettext("Global accounts")
    lede = lazy_gettext("Every clinic that has no account of its own for a channel uses these, in this order.")

    def _words(self) -> dict[str, Any]:
        return {**super()._words(), "environment": environment_accounts()}

    def _note(self, action: str, account_id: str) -> None:
        record(action, "global_provider_account", account_id)


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


def _submitted(adapter: type[Provider[Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in credential_fields(adapter.Credentials):
        given = request.form.get(f"credential_{field.name}", "")
        values[field.name] = bool(given) if field.type == "checkbox" else given
    return values


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0
