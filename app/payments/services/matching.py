"""Comparing a gateway's settlement lines with our books: a plain function over plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.core.money import Money
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import ExceptionKind

Subject = tuple[SettlementKind, str]  # (kind, the gateway's id)
RETURNED = ":returned"


@dataclass(frozen=True, slots=True)
class OurSide:
    """A payment or refund as we know it. `amount` is signed as a settlement line is; `fee` None: not told yet."""

    amount: Money
    payment_id: str
    refund_id: str | None = None
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """What we know about a span. `settled`: what stands in any settlement. `due`: what should have been settled by
    now."""

    known: Mapping[Subject, OurSide]
    settled: Container[Subject] = frozenset()
    due: Sequence[Subject] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `expected` is ours, `found` is the gateway's; either may be absent."""

    kind: ExceptionKind
    subject: str
    gateway_id: str
    expected: Money | None = None
    found: Money | None = None
    payment_id: str | None = None
    refund_id: str | None = None
    order_id: str | None = None
    settlement_id: str = ""


def subject_of(line: SettlementLine) -> Subject:
    """A dispute that was won gives its money back in a line of its own."""
    returned = line.kind is SettlementKind.DISPUTE and line.gross.minor > 0
    return line.kind, f"{line.gateway_id}{RETURNED}" if returned else line.gateway_id


def _paid(line: SettlementLine) -> Money:
    """What the payer paid or got back, before the gateway converted it."""
    return line.presented if line.presented is not None else line.gross


def compare(lines: Sequence[SettlementLine], books: Books) -> list[Finding]:
    """Every difference between the lines and the books; none where both tell the same.

    `lines` holds every line that there is about a subject: several may be parts of one payment.
    """
    groups: dict[Subject, list[SettlementLine]] = defaultdict(list)
    for line in lines:
        if line.kind is not SettlementKind.FEE:  # the gateway's own charge: nothing of ours to compare with
            groups[subject_of(line)].append(line)
    found: list[Finding] = []
    for subject, group in groups.items():
        found += _compare_group(group, books.known.get(subject))
    return [*found, *_missing_theirs(books, groups)]


def _compare_group(group: Sequence[SettlementLine], ours: OurSide | None) -> Iterator[Finding]:
    whole = _whole(group)
    if ours is not None and whole is not None and _paid(whole) == ours.amount:
        yield from _compare_sums(whole, ours)
        return
    first, *again = group
    yield from _compare_line(first, ours)
    for number, line in enumerate(again, start=2):
        yield _finding(ExceptionKind.DUPLICATE, line, ours, found=_paid(line), suffix=f":{number}")


def _whole(group: Sequence[SettlementLine]) -> SettlementLine | None:
    """The lines as one, where they can be added up."""
    first = group[0]
    if len({(_paid(line).currency, line.fee.currency) for line in group}) > 1:
        return None
    paid = Money.total((_paid(line) for line in group), _paid(first).currency)
    fee = Money.total((line.fee for line in group), first.fee.currency)
    return replace(first, presented=paid, fee=fee)


def _compare_line(line: SettlementLine, ours: OurSide | None) -> Iterator[Finding]:
    if ours is None:
        yield _finding(ExceptionKind.MISSING_OURS, line, None, found=_paid(line))
    elif _paid(line).currency != ours.amount.currency:
        yield _finding(ExceptionKind.WRONG_CURRENCY, line, ours, ours.amount, _paid(line))
    else:
        yield from _compare_sums(line, ours)


def _compare_sums(line: SettlementLine, ours: OurSide) -> Iterator[Finding]:
    if _paid(line) != ours.amount:
        yield _finding(ExceptionKind.WRONG_AMOUNT, line, ours, ours.amount, _paid(line))
    if ours.fee is None:
        return
    if line.fee.currency != ours.fee.currency:
        yield _finding(ExceptionKind.WRONG_CURRENCY, line, ours, ours.fee, line.fee, suffix=":fee")
    elif line.fee != ours.fee:
        yield _finding(ExceptionKind.WRONG_FEE, line, ours, ours.fee, line.fee)


def _missing_theirs(books: Books, seen: Container[Subject]) -> Iterator[Finding]:
    for subject in books.due:
        if subject in seen or subject in books.settled:
            continue
        ours = books.known[subject]
        yield Finding(
            ExceptionKind.MISSING_THEIRS,
            _name(subject),
            subject[1],
            expected=ours.amount,
            payment_id=ours.payment_id,
            refund_id=ours.refund_id,
        )


def _finding(
    kind: ExceptionKind,
    line: SettlementLine,
    ours: OurSide | None,
    expected: Money | None = None,
    found: Money | None = None,
    *,
    suffix: str = "",
) -> Finding:
    bare = Finding(
        kind,
        _name(subject_of(line)) + suffix,
        line.gateway_id,
        expected,
        found,
        order_id=line.order_id,
        settlement_id=line.settlement_id,
    )
    return bare if ours is None else replace(bare, payment_id=ours.payment_id, refund_id=ours.refund_id)


def _name(subject: Subject) -> str:
    return f"{subject[0]}:{subject[1]}"
