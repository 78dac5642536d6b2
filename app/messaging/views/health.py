"""The board of message providers: which are tried, how they do, and what their breakers say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from redis.exceptions import RedisError

from app.core import clock
from app.core.credentials import InvalidCredentials
from app.core.errors import NotFound, Unavailable
from app.core.tenant import require_clinic
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.messaging.breaker import close_breaker
from app.messaging.channels import channel_with_code
from app.messaging.queries import OUTSIDE, provider_health, spent, waiting_for_a_person
from app.messaging.words import channel_name
from app.tenancy.providers import ResolvedAccount, accounts_for
from app.tenancy.queries import settings_in_scope

WEEK = timedelta(days=7)


class MessageProviderView(ActionView):
    """Looks only, but for Test connection and Try again."""

    class_permission_name = "provider_account"
    route_base = "/message-providers"
    menu = ("Messages", lazy_gettext("Message providers"))
    menu_order = 40
    default_view = "board"

    @expose("/")
    def board(self) -> str:
        self.require()
        return self.render(
            "messaging/health.html",
            channels=[(channel, channel_name(channel), items) for channel, items in provider_health().items()],
            spent=spent(),
            currency=settings_in_scope().currency,
            waiting=waiting_for_a_person(clock.now() - WEEK),
        )

    @expose("/<account_id>/test", methods=["POST"])
    def test(self, account_id: str) -> Any:
        """A real, cheap call; no transaction is open while the provider is waited for."""
        self.require("test")
        with unit_of_work():
            account = _account(account_id)
        try:
            adapter = channel_with_code(account.provider).open(account.credentials, base_url=account.base_url)
            report = adapter.test_connection()
        except InvalidCredentials:
            flash(_("The stored account cannot be used: look at its settings."), "danger")
        else:
            flash(
                " ".join(filter(None, (_(report.text), _(report.detail) if report.detail else ""))),
                "success" if report.ok else "danger",
            )
        return redirect(url_for(".board"))

    @expose("/<account_id>/close", methods=["POST"])
    def close(self, account_id: str) -> Any:
        """Somebody says that the account works again: the next messages try it."""
        self.require("test")
        account = _account(account_id)
        try:
            close_breaker(require_clinic(), account.id)
        except RedisError:
            raise Unavailable(_("Redis is not reachable; what waits there is not lost.")) from None
        flash(_("The next messages try this provider again."), "success")
        return redirect(url_for(".board"))


def _account(account_id: str) -> ResolvedAccount:
    """One that the clinic in scope uses. Raises NotFound."""
    for channel in OUTSIDE:
        for account in accounts_for(channel):
            if account.id == account_id:
                return account
    raise NotFound
