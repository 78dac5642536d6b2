"""A patient's saved instruments: left on the gateway's hosted page and kept there; we know what a person recognises.

`begin_saving`, `take_saved` and `remove_method` call the gateway and commit in steps: call them outside any unit of
work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, text, update

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import own_patient_id
from app.core.providers import ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Checkout, Customer
from app.payments.gateways.saved_methods import SavedMethod, SavesMethods
from app.payments.models import GatewayCustomer, PaymentMethod
from app.payments.services.gateway import CHANNEL, call, open_account, unavailable
from app.payments.services.links import saved_url
from app.tenancy.providers import ResolvedAccount, account_with_id, accounts_for

# By the table's name, as the foreign key refers to it: the slice of people lies above. Row-level security narrows it.
_PERSON = text("select first_name, last_name, email, phone from patient where id = :id")


@dataclass(frozen=True)
class _Keeper:
    """A gateway that keeps instruments, and the account at it."""

    gateway: Any
    account: ResolvedAccount

    @property
    def saves(self) -> SavesMethods:
        return self.gateway  # type: ignore[no-any-return]


def methods_of(patient_id: str) -> list[PaymentMethod]:
    """What the patient left at the gateways, the default first."""
    wanted = select(PaymentMethod).where(PaymentMethod.patient_id == patient_id, PaymentMethod.removed_at.is_(None))
    order = (PaymentMethod.is_default.desc(), PaymentMethod.created_at, PaymentMethod.id)
    return list(db.session.scalars(wanted.order_by(*order)))


def get_method(method_id: str) -> PaymentMethod:
    """A PATIENT's own only. Raises NotFound."""
    wanted = select(PaymentMethod).where(PaymentMethod.id == method_id, PaymentMethod.removed_at.is_(None))
    own = own_patient_id()
    found = db.session.scalar(wanted if own is None else wanted.where(PaymentMethod.patient_id == own))
    if found is None:
        raise NotFound
    return found


def begin_saving(patient_id: str, provider: str | None = None) -> Checkout:
    """The hosted page where the patient leaves an instrument. Raises Invalid without a gateway that keeps them, and
    ProviderUnavailable."""
    with unit_of_work():
        keeper = _keeper(provider)
        customer_id, person = _customer(keeper, patient_id), _person(patient_id)
    address = saved_url(patient_id, keeper.account.id)
    try:
        if customer_id is None:
            made = call(keeper.gateway, lambda: keeper.saves.create_customer(patient_id, person))
            with unit_of_work():
                customer_id = _keep_customer(keeper, patient_id, made)
        known = customer_id
        return call(
            keeper.gateway,
            lambda: keeper.saves.start_saving(known, return_url=address, cancel_url=address, key=new_id()),
        )
    except ProviderError as error:
        raise unavailable(error) from None


def take_saved(patient_id: str, account_id: str) -> int:
    """Take in what the patient has left at an account by now; how many instruments there are."""
    with unit_of_work():
        account = account_with_id(account_id)
        keeper = _Keeper(open_account(account), account)
        customer_id = _customer(keeper, patient_id)
    if customer_id is None:
        raise NotFound
    known = customer_id
    try:
        found = call(keeper.gateway, lambda: keeper.saves.saved_methods(known))
    except ProviderError as error:
        raise unavailable(error) from None
    with unit_of_work():
        _take(keeper, patient_id, found)
    return len(found)


def label_method(method: PaymentMethod, label: str) -> None:
    method.label = label


def set_default(method: PaymentMethod) -> None:
    """Make it the patient's default, instead of another."""
    others = update(PaymentMethod).where(PaymentMethod.patient_id == method.patient_id)
    db.session.execute(others.values(is_default=False))
    method.is_default = True
    db.session.flush()


def remove_method(method_id: str) -> None:
    """Remove it at the gateway, then here; the oldest of the others becomes the default. Raises ProviderUnavailable."""
    with unit_of_work():
        method = get_method(method_id)
        account = account_with_id(method.account_id)
        keeper, vendor_id = _Keeper(open_account(account), account), method.method_id
    try:
        call(keeper.gateway, lambda: keeper.saves.forget_method(vendor_id))
    except ProviderError as error:
        raise unavailable(error) from None
    with unit_of_work():
        method = get_method(method_id)
        was_default, method.removed_at, method.is_default = method.is_default, clock.now(), False
        db.session.flush()
        rest = methods_of(method.patient_id)
        if was_default and rest:
            set_default(rest[0])


def customer_at(account_id: str | None, patient_id: str) -> str:
    """Who the patient is at an account; empty for nobody."""
    wanted = select(GatewayCustomer.customer_id).where(
        GatewayCustomer.account_id == account_id, GatewayCustomer.patient_id == patient_id
    )
    return db.session.scalar(wanted) or ""


def _keeper(provider: str | None) -> _Keeper:
    for account in accounts_for(CHANNEL, provider):
        if gateway_with_code(account.provider).capabilities.saved_methods:
            return _Keeper(open_account(account), account)
    raise Invalid(
        _("No gateway of this clinic keeps instruments."), code="NO_GATEWAY", fields={"provider": _("not set up")}
    )


def _customer(keeper: _Keeper, patient_id: str) -> str | None:
    return customer_at(keeper.account.id, patient_id) or None


def _person(patient_id: str) -> Customer:
    row = db.session.execute(_PERSON, {"id": patient_id}).one_or_none()
    if row is None:
        raise NotFound
    return Customer(f"{row.first_name} {row.last_name or ''}".strip(), row.email or "", row.phone or "")


def _keep_customer(keeper: _Keeper, patient_id: str, customer_id: str) -> str:
    """Two that began at once made two customers; the first that was kept is used, the other stays empty."""
    known = _customer(keeper, patient_id)
    if known is not None:
        return known
    account = keeper.account
    db.session.add(
        GatewayCustomer(
            id=new_id(),
            patient_id=patient_id,
            provider=account.provider,
            account_id=account.id,
            customer_id=customer_id,
        )
    )
    db.session.flush()
    return customer_id


def _take(keeper: _Keeper, patient_id: str, found: tuple[SavedMethod, ...]) -> None:
    account = keeper.account
    wanted = select(PaymentMethod).where(PaymentMethod.account_id == account.id, PaymentMethod.patient_id == patient_id)
    known = {row.method_id: row for row in db.session.scalars(wanted.with_for_update())}
    for saved in found:
        row = known.pop(saved.method_id, None)
        if row is None:
            db.session.add(_new(account, patient_id, saved))
        elif row.removed_at is not None:
            row.removed_at = None
    for row in known.values():  # removed at the gateway, behind our back
        row.removed_at, row.is_default = row.removed_at or clock.now(), False
    db.session.flush()
    rest = methods_of(patient_id)
    if rest and not rest[0].is_default:
        set_default(rest[0])


def _new(account: ResolvedAccount, patient_id: str, saved: SavedMethod) -> PaymentMethod:
    year, month = saved.expires or (None, None)
    return PaymentMethod(
        id=new_id(),
        patient_id=patient_id,
        provider=account.provider,
        account_id=account.id,
        method_id=saved.method_id,
        kind=saved.kind[:30],
        brand=saved.brand[:60],
        last4=saved.last4[-4:],
        expires_year=year,
        expires_month=month,
        label="",
    )
