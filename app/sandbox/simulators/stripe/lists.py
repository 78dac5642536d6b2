"""Stripe's lists: newest first, filtered, cut by a cursor; and entities in place of ids where `expand[]` asks."""

from __future__ import annotations

from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.simulators.stripe import forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.merchant import INTENT, SESSION, Merchant, shown

MOST = 100
DEEPEST = 4
KINDS = {
    "ch": "charge", "pi": INTENT, "txn": "balance_transaction", "re": "refund", "du": "dispute", "cus": "customer",
    "pm": "payment_method", "seti": "setup_intent", "po": "payout", "cs": SESSION,
}  # fmt: skip
COMPARE = {
    "gte": lambda value, limit: value >= limit, "gt": lambda value, limit: value > limit,
    "lte": lambda value, limit: value <= limit, "lt": lambda value, limit: value < limit,
}  # fmt: skip


def page(merchant: Merchant, kind: str, query: forms.Fields, *, url: str, equal: tuple[str, ...] = ()) -> Entity:
    """A page of a list; `equal` are the fields that a query may fix. `_` fields can be fixed by their bare name."""
    forms.only(query, "limit", "starting_after", "created", "arrival_date", *equal)
    limit = forms.whole(query, "limit") or 10
    if not 1 <= limit <= MOST:
        raise StripeError(f"Invalid limit: must be from 1 to {MOST}", param="limit")
    found = [entity for entity in reversed(merchant.every(kind)) if _fits(entity, query, equal)]
    cursor = forms.text(query, "starting_after")
    if cursor is not None:
        ids = [entity["id"] for entity in found]
        if cursor not in ids:
            raise StripeError(f"No such {kind}: '{cursor}'", code="resource_missing", param="starting_after")
        found = found[ids.index(cursor) + 1 :]
    wanted = [path.removeprefix("data.") for path in expansions(query)]
    data = [expanded(merchant, entity, wanted) for entity in found[:limit]]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": url}


def _fits(entity: Entity, query: forms.Fields, equal: tuple[str, ...]) -> bool:
    for name in equal:
        wanted = forms.text(query, name)
        if wanted is not None and entity.get(name, entity.get(f"_{name}")) != wanted:
            return False
    return all(_in_time(entity, query, name) for name in ("created", "arrival_date"))


def _in_time(entity: Entity, query: forms.Fields, name: str) -> bool:
    limits = forms.inner(query, name)
    if set(limits) - set(COMPARE):
        raise StripeError(f"Invalid {name}", param=name)
    return all(COMPARE[word](entity.get(name, 0), forms.whole(limits, word)) for word in limits)


def expansions(fields: forms.Fields) -> list[str]:
    return [str(path) for path in forms.inner(fields, "expand").values()]


def expanded(merchant: Merchant, entity: Entity, paths: list[str]) -> Entity:
    """The entity as it is shown, with whole entities along each dotted path. Raises StripeError for a false one."""
    whole = shown(entity)
    for path in paths:
        names = path.split(".")
        if len(names) > DEEPEST:
            raise StripeError("You cannot expand more than 4 levels of a property", param="expand[]")
        _expand(merchant, whole, names)
    return whole


def _expand(merchant: Merchant, entity: dict[str, Any], names: list[str]) -> None:
    if names[0] not in entity:
        raise StripeError(f"This property cannot be expanded ({names[0]}).", param="expand[]")
    value = entity[names[0]]
    if value is not None and not isinstance(value, str | dict):
        raise StripeError(f"This property cannot be expanded ({names[0]}).", param="expand[]")
    if isinstance(value, str):
        kind = KINDS.get(value.partition("_")[0])
        if kind is None:
            raise StripeError(f"This property cannot be expanded ({names[0]}).", param="expand[]")
        value = entity[names[0]] = shown(merchant.get(kind, value))
    if isinstance(value, dict) and len(names) > 1:
        _expand(merchant, value, names[1:])
