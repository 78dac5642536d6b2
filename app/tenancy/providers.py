"""A clinic's accounts at providers: sealed at rest, resolved in order, masked wherever a person looks.

Which adapters exist is not known here: callers hand in the registry (GATEWAYS, CHANNELS) where one is needed.
Credentials are sealed with AES-256-GCM and bound to their row, so that a copied ciphertext opens nowhere else.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import orjson
from flask_babel import gettext as _
from sqlalchemy import select

from app.core.cache.regions import PROVIDER_ACCOUNT_COPIES, PROVIDER_ACCOUNTS, Region
from app.core.credentials import MASK, InvalidCredentials, credential_fields
from app.core.crypto import CryptoError
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.providers import ConnectionReport, Provider, UnknownProvider, provider_with_code
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.tenancy.cache import kept
from app.tenancy.keys import keyring
from app.tenancy.models import CHANNELS, GlobalProviderAccount, ProviderAccount
from config import Settings, get_settings

DEFAULT_PORTS = {"http": 80, "https": 443}

Account = ProviderAccount | GlobalProviderAccount
Registry = Iterable[type[Provider[Any]]]


class UnreadableCredentials(RuntimeError):
    """The stored credentials cannot be opened: a key is missing, or the row was tampered with."""


@dataclass(frozen=True)
class SealedAccount:
    """A stored account with its credentials as they lie in the database."""

    table: str
    id: str
    channel: str
    provider: str
    label: str
    base_url: str | None
    enabled: bool
    credentials: bytes = field(repr=False)

    @classmethod
    def of_row(cls, row: Account) -> SealedAccount:
        columns = (row.id, row.channel, row.provider, row.label, row.base_url, row.enabled)
        return cls(row.__tablename__, *columns, bytes(row.credentials))

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> SealedAccount:
        return cls(**{**value, "credentials": b64decode(value["credentials"])})

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "credentials": b64encode(self.credentials).decode()}


@dataclass(frozen=True)
class ResolvedAccount:
    """An account ready for use: `Adapter.open(account.credentials, base_url=account.base_url)`."""

    id: str
    channel: str
    provider: str
    base_url: str | None
    credentials: Mapping[str, Any] = field(repr=False)
    enabled: bool = True
    label: str = ""


@dataclass(frozen=True)
class MaskedAccount:
    """An account as a screen or the API may show it."""

    id: str
    channel: str
    provider: str
    label: str
    priority: int
    enabled: bool
    base_url: str | None
    credentials: Mapping[str, Any]


# ---- resolving ----


def accounts_for(channel: str, provider: str | None = None) -> list[ResolvedAccount]:
    """The clinic's enabled accounts, the primary first; the global ones where the clinic has none of its own."""
    own, shared = _stored(channel)
    found = [_resolved(account) for account in own if account.enabled] if own else _global_accounts(channel, shared)
    return [account for account in found if provider in (None, account.provider)]


def account_with_id(account_id: str) -> ResolvedAccount:
    """An account by the id that a payment or message kept, even if it is disabled by now. Raises NotFound."""
    row = db.session.get(ProviderAccount, account_id) or db.session.get(GlobalProviderAccount, account_id)
    if row is not None:
        return _resolved(SealedAccount.of_row(row))
    for account in environment_accounts():
        if account.id == account_id:
            return account
    raise NotFound


def known_accounts(channel: str, provider: str, *, exact: bool = True) -> list[ResolvedAccount]:
    """Every account of a provider whose notices may still come: the clinic's own, disabled ones too, and the global.

    What is not `exact` may be half a second old: for who asks again before anything is refused.
    """
    own, shared = _stored(channel, PROVIDER_ACCOUNTS if exact else PROVIDER_ACCOUNT_COPIES)
    usable_first = sorted((item for item in own if item.provider == provider), key=lambda item: not item.enabled)
    others = [account for account in _global_accounts(channel, shared) if account.provider == provider]
    return [_resolved(account) for account in usable_first] + others


def shared_accounts(channel: str, provider: str) -> list[ResolvedAccount]:
    """The global accounts of a provider, for notices that name no clinic. Opens its own scope."""
    with all_tenants():
        stored = [SealedAccount.of_json(item) for item in _rows(GlobalProviderAccount, channel)]
        return [account for account in _global_accounts(channel, stored) if account.provider == provider]


def _global_accounts(channel: str, shared: list[SealedAccount]) -> list[ResolvedAccount]:
    found = [_resolved(account) for account in shared if account.enabled]
    return found + [item for item in environment_accounts() if item.channel == channel]


def _stored(channel: str, region: Region = PROVIDER_ACCOUNTS) -> tuple[list[SealedAccount], list[SealedAccount]]:
    """The clinic's own and the global accounts of a channel in their order, disabled ones too. The cache holds the
    sealed credentials, never open ones.
    """
    rows = kept(region, channel, lambda: [_rows(ProviderAccount, channel), _rows(GlobalProviderAccount, channel)])
    own, shared = ([SealedAccount.of_json(item) for item in part] for part in rows)
    return own, shared


def _rows(model: type[Account], channel: str) -> list[dict[str, Any]]:
    wanted = select(model).where(model.channel == channel).order_by(model.priority, model.id)
    return [SealedAccount.of_row(row).to_json() for row in db.session.scalars(wanted)]


def _resolved(account: SealedAccount) -> ResolvedAccount:
    plain = _opened(account)
    return ResolvedAccount(
        account.id, account.channel, account.provider, account.base_url, plain, account.enabled, account.label
    )


# ---- accounts from the environment ----

FromSettings = Callable[[Settings], Mapping[str, Any] | None]
_ENVIRONMENT: dict[tuple[str, str], FromSettings] = {}


def environment_account(channel: str, provider: str) -> Callable[[FromSettings], FromSettings]:
    """Declare how settings become a global account: the function answers credentials (and `base_url` where one is
    set), or None when they are not set.
    """

    def declare(function: FromSettings) -> FromSettings:
        _ENVIRONMENT[channel, provider] = function
        return function

    return declare


def environment_accounts() -> list[ResolvedAccount]:
    """The global accounts that settings of the process make."""
    found = []
    for (channel, provider), from_settings in _ENVIRONMENT.items():
        credentials = from_settings(get_settings())
        if credentials is not None:
            account_id = str(uuid5(NAMESPACE_URL, f"environment:{channel}:{provider}"))
            plain = {name: value for name, value in credentials.items() if name != "base_url"}
            base_url = credentials.get("base_url")
            found.append(ResolvedAccount(account_id, channel, provider, base_url, plain, label="environment"))
    return found


# ---- writing ----


def save_account(
    row: Account,
    registry: Registry,
    *,
    credentials: Mapping[str, Any],
    base_url: str | None = None,
    **columns: Any,
) -> Account:
    """Store a new or changed account; `credentials` as submitted: an empty or masked secret keeps its stored value,
    unless the account now talks to another scheme, host or port.

    `row` is a new `ProviderAccount(channel=, provider=)` (or global) or a stored one; `columns`: label, priority,
    enabled. Raises Invalid with a text per field.
    """
    row.id = row.id or new_id()
    adapter = _adapter(registry, row)
    stored = _opened(SealedAccount.of_row(row)) if row.credentials else {}
    merged = adapter.Credentials.merge(stored, credentials)
    _check_trust(adapter, stored, merged)
    _check_transport(base_url)
    try:
        opened = adapter.open(merged, base_url=base_url or None)
    except InvalidCredentials as error:
        fields = {name: _(text) for name, text in error.fields.items()}
        raise Invalid(_("Please check the values."), fields=fields) from None
    _check_address(adapter, row, opened, stored, credentials)
    for name, value in columns.items():
        setattr(row, name, value)
    row.base_url = base_url or None
    plain = opened.credentials.plain()
    if plain != stored:
        row.credentials = _sealed(row, plain)
    db.session.add(row)
    db.session.flush()
    return row


def _adapter(registry: Registry, row: Account) -> type[Provider[Any]]:
    try:
        adapter = provider_with_code(registry, row.provider)
    except UnknownProvider:
        raise Invalid(_("There is no such provider."), fields={"provider": _("unknown")}) from None
    if row.channel not in CHANNELS or adapter.channel != row.channel:
        raise Invalid(_("This provider does not serve this channel."), fields={"channel": _("not served")})
    return adapter


def _check_trust(adapter: type[Provider[Any]], stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """What decides whom we believe may change only outside production (SPEC TEN-2)."""
    if not get_settings().production:
        return
    for item in credential_fields(adapter.Credentials):
        if item.trust and wanted.get(item.name, item.default) != stored.get(item.name, item.default):
            raise Invalid(fields={item.name: _("This cannot be changed in production.")})


def _check_transport(base_url: str | None) -> None:
    if base_url and urlsplit(base_url.strip()).scheme == "http" and get_settings().production:
        raise Invalid(fields={"base_url": _("Production needs https.")})


def _check_address(
    adapter: type[Provider[Any]],
    row: Account,
    opened: Provider[Any],
    stored: Mapping[str, Any],
    submitted: Mapping[str, Any],
) -> None:
    """A kept secret goes where it always went. For another address it must be known, so it is typed again."""
    kept_back = adapter.Credentials.kept_secrets(stored, submitted)
    if not kept_back:
        return
    try:
        before = _origin(adapter.open(stored, base_url=row.base_url).base_url)
    except InvalidCredentials:
        before = None
    if before != _origin(opened.base_url):
        text = _("The address has changed: please type this secret again.")
        raise Invalid(_("Please check the values."), fields=dict.fromkeys(kept_back, text))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)


# ---- showing and testing ----


def masked(row: Account, registry: Registry) -> MaskedAccount:
    """The account without its secrets; credentials that no longer fit their schema are dots altogether."""
    plain = _opened(SealedAccount.of_row(row))
    try:
        shown = provider_with_code(registry, row.provider).Credentials.load(plain).masked()
    except (UnknownProvider, InvalidCredentials):
        shown = dict.fromkeys(plain, MASK)
    return MaskedAccount(row.id, row.channel, row.provider, row.label, row.priority, row.enabled, row.base_url, shown)


def test_account(account_id: str, registry: Registry) -> ConnectionReport:
    """Make a real call with the stored credentials (**Test connection**). Call it outside any unit of work."""
    with unit_of_work():
        account = account_with_id(account_id)
    try:
        adapter = provider_with_code(registry, account.provider)
        opened = adapter.open(account.credentials, base_url=account.base_url)
    except (UnknownProvider, InvalidCredentials):
        raise Invalid(_("The stored credentials are not complete.")) from None
    return opened.test_connection()


test_account.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest thinks of its name


# ---- sealing ----


@dataclass(frozen=True)
class Rotation:
    """How many accounts were sealed anew, and the ids of those that no configured key opens."""

    changed: int
    unreadable: tuple[str, ...]


def stored_accounts() -> list[tuple[str | None, Account]]:
    """Every account with its clinic's id, the global ones first. Opens its own scope."""
    with all_tenants():
        shared = select(GlobalProviderAccount).order_by(GlobalProviderAccount.channel, GlobalProviderAccount.priority)
        own = select(ProviderAccount).order_by(
            ProviderAccount.clinic_id, ProviderAccount.channel, ProviderAccount.priority
        )
        found: list[tuple[str | None, Account]] = [(None, row) for row in db.session.scalars(shared)]
        return found + [(row.clinic_id, row) for row in db.session.scalars(own)]


def rotate_accounts() -> Rotation:
    """Seal every account under the current key that an older one sealed. Opens its own scope and commits."""
    changed, unreadable = 0, []
    with all_tenants(), unit_of_work():
        for model in (ProviderAccount, GlobalProviderAccount):
            for row in db.session.scalars(select(model).with_for_update()):
                try:
                    changed += _seal_anew(row)
                except UnreadableCredentials:
                    unreadable.append(row.id)
    return Rotation(changed, tuple(unreadable))


def _seal_anew(row: Account) -> bool:
    plain = _opened(SealedAccount.of_row(row))
    outdated = keyring().needs_rotation(row.credentials)
    if outdated:
        row.credentials = _sealed(row, plain)
    return outdated


def _context(table: str, account_id: str) -> str:
    return f"{table}:{account_id}:credentials"


def _sealed(row: Account, plain: Mapping[str, Any]) -> bytes:
    return keyring().encrypt(orjson.dumps(dict(plain)), context=_context(row.__tablename__, row.id))


def _opened(account: SealedAccount) -> dict[str, Any]:
    """Raises UnreadableCredentials."""
    try:
        return dict(orjson.loads(_decrypted(_context(account.table, account.id), account.credentials)))
    except CryptoError as error:
        raise UnreadableCredentials(f"provider account {account.id}: {error}") from None


@lru_cache(maxsize=512)
def _decrypted(context: str, sealed: bytes) -> bytes:
    """Opened once per process and ciphertext: a changed or rotated account has another ciphertext."""
    return keyring().decrypt(sealed, context=context)
