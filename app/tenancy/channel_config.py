"""A channel's accounts as the API shows and takes them: `{"primary": {...}, "fallback": [...]}` (SPEC TEN-2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from pydantic import Field
from sqlalchemy import select

from app.core.api import Body
from app.core.errors import Invalid
from app.core.tenant import db
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import Registry, masked, save_account

MOST_FALLBACKS = 5


class AccountBody(Body):
    """One account. A masked or absent secret keeps its stored value; `id` says which account is meant."""

    id: str | None = None
    provider: str = Field(min_length=1, max_length=30)
    enabled: bool = True
    label: str = Field("", max_length=60)
    base_url: str | None = Field(None, max_length=300)
    credentials: dict[str, Any] = Field(default_factory=dict)


class ChannelBody(Body):
    """The accounts of a channel in their order; those that are left out are disabled, not forgotten."""

    primary: AccountBody | None = None
    fallback: list[AccountBody] = Field(default_factory=list, max_length=MOST_FALLBACKS)

    @property
    def accounts(self) -> list[AccountBody]:
        return ([self.primary] if self.primary else []) + self.fallback


def channel_config(channel: str, registry: Registry) -> dict[str, Any]:
    """The clinic's own accounts, secrets masked; an empty channel falls back to the global accounts."""
    shown = [_show(row, registry) for row in _rows(channel)]
    return {"primary": shown[0] if shown else None, "fallback": shown[1:]}


def save_channel_config(channel: str, wanted: ChannelBody, registry: Registry) -> None:
    """Make the clinic's accounts what is wanted, in that order. Raises Invalid with the place of what is wrong."""
    left = _rows(channel)
    if wanted.fallback and wanted.primary is None:
        raise Invalid(fields={"primary": _("There is no fallback without a primary.")})
    for priority, account in enumerate(wanted.accounts):
        row = _take(left, account) or ProviderAccount(channel=channel, provider=account.provider)
        place = "primary" if priority == 0 else f"fallback.{priority - 1}"
        _save(row, account, priority, registry, place)
    for priority, row in enumerate(left, len(wanted.accounts)):
        row.enabled, row.priority = False, priority
    db.session.flush()


def _rows(channel: str) -> list[ProviderAccount]:
    wanted = select(ProviderAccount).where(ProviderAccount.channel == channel)
    return list(db.session.scalars(wanted.order_by(ProviderAccount.priority, ProviderAccount.id)))


def _take(left: list[ProviderAccount], account: AccountBody) -> ProviderAccount | None:
    """The stored row that is meant: by its id, else the next one of the provider."""
    for row in left:
        if row.id == account.id or (account.id is None and row.provider == account.provider):
            left.remove(row)
            return row
    if account.id is not None:
        raise Invalid(fields={"id": _("There is no such account.")})
    return None


def _save(row: ProviderAccount, account: AccountBody, priority: int, registry: Registry, place: str) -> None:
    if row.provider != account.provider:
        raise Invalid(fields={f"{place}.provider": _("An account keeps its provider; add another account.")})
    columns = {"label": account.label, "enabled": account.enabled, "priority": priority}
    try:
        save_account(row, registry, credentials=account.credentials, base_url=account.base_url, **columns)
    except Invalid as error:
        raise Invalid(error.message, fields={f"{place}.{name}": str(text) for name, text in _fields(error)}) from None


def _fields(error: Invalid) -> Sequence[tuple[str, str]]:
    return list((error.fields or {}).items())


def _show(row: ProviderAccount, registry: Registry) -> dict[str, Any]:
    account = masked(row, registry)
    return {
        "id": account.id,
        "provider": account.provider,
        "enabled": account.enabled,
        "label": account.label,
        "baseUrl": account.base_url,
        "credentials": dict(account.credentials),
    }
