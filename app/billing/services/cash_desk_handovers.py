"""A drawer goes from one person to another: the giver counts and offers, the receiver counts the same and accepts."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from sqlalchemy import select

from app.access.models import Member
from app.billing.denominations import checked_count
from app.billing.models import CashDrawer, DrawerHandover, DrawerStatus, HandoverStatus
from app.billing.services.cash_desk_drawers import count_drawer, lock_drawer, open_drawer
from app.billing.services.cash_desk_movements import cash_in
from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.formatting import money
from app.core.ids import new_id
from app.core.principal import current_principal, role_allows
from app.core.state import WrongState
from app.core.tenant import db
from app.ledger.services import booking_day


class CountsDiffer(Conflict):
    """Giver and receiver counted different sums: they count again, together."""

    code = "COUNTS_DIFFER"


def offer_handover(drawer: CashDrawer, receiver_id: str, count: Mapping[str, int], note: str = "") -> DrawerHandover:
    """Offer one's locked open drawer, counted. Until it is decided, the drawer takes no cash. Raises Invalid."""
    if drawer.status != DrawerStatus.OPEN:
        raise WrongState(_("This drawer is not open."), status=drawer.status)
    if receiver_id == drawer.holder_id or receiver_id not in {member.user_id for member in possible_receivers()}:
        raise Invalid(fields={"receiver": _("Choose a colleague who works with cash.")})
    _pieces, counted = checked_count(count, drawer.currency)
    if counted != cash_in(drawer) and not note.strip():
        raise Invalid(fields={"reason": _("Say what the difference may come from.")})
    drawer.become(DrawerStatus.OFFERED)
    return _handover(drawer, receiver_id, count, note)


def _handover(drawer: CashDrawer, receiver_id: str, count: Mapping[str, int], note: str) -> DrawerHandover:
    pieces, counted = checked_count(count, drawer.currency)
    handover = DrawerHandover(
        id=new_id(),
        drawer_id=drawer.id,
        giver_id=drawer.holder_id,
        receiver_id=receiver_id,
        status=HandoverStatus.OFFERED,
        offered_on=booking_day(),
        currency=drawer.currency,
        counted_minor=counted.minor,
        count=pieces,
        note=note.strip()[:300],
    )
    db.session.add(handover)
    db.session.flush()
    return handover


def accept_handover(handover_id: str, count: Mapping[str, int]) -> CashDrawer:
    """Take over what both counted: the giver's drawer is closed, and the receiver's starts with that cash.

    Raises CountsDiffer, NotFound for somebody who is not the receiver, DrawerOpen.
    """
    handover, drawer = _locked(handover_id)
    if handover.receiver_id != current_principal().user_id:
        raise NotFound
    pieces, counted = checked_count(count, handover.currency)
    if counted != handover.counted:
        raise CountsDiffer(
            _("You counted %(mine)s, %(giver)s counted %(theirs)s. Count again together.",
              mine=money(counted), giver=str(handover.giver), theirs=money(handover.counted))
        )  # fmt: skip
    handover.become(HandoverStatus.ACCEPTED)
    handover.received_count, handover.decided_at = pieces, clock.now()
    count_drawer(drawer, handover.count, handover.note)
    return open_drawer(count, currency=handover.currency, location_id=drawer.location_id, received_from=drawer)


def take_from_absent(drawer: CashDrawer, count: Mapping[str, int], note: str) -> CashDrawer:
    """Take over a locked drawer whose holder is not there to count it, so that the day can be closed without them.

    It is a handover that one person counted: they cannot approve its difference. An offer under way is over. Raises
    Invalid, Conflict for one's own, WrongState, DrawerOpen.
    """
    taker_id = current_principal().user_id
    if drawer.holder_id == taker_id:
        raise Conflict(_("This is your own drawer: count and close it yourself."))
    if not note.strip():
        raise Invalid(fields={"reason": _("Say why the holder does not count it.")})
    _drop_offer(drawer)
    if drawer.status != DrawerStatus.OPEN:
        raise WrongState(_("This drawer is not open."), status=drawer.status)
    handover = _handover(drawer, taker_id, count, note)
    handover.become(HandoverStatus.ACCEPTED)
    handover.decided_at = clock.now()
    count_drawer(drawer, count, note)
    return open_drawer(count, currency=drawer.currency, location_id=drawer.location_id, received_from=drawer)


def _drop_offer(drawer: CashDrawer) -> None:
    wanted = select(DrawerHandover).where(
        DrawerHandover.drawer_id == drawer.id, DrawerHandover.status == HandoverStatus.OFFERED
    )
    for offer in db.session.scalars(wanted):
        offer.become(HandoverStatus.DECLINED)
        offer.decided_at = clock.now()
        drawer.become(DrawerStatus.OPEN)
    db.session.flush()


def decline_handover(handover_id: str) -> CashDrawer:
    """The receiver does not take it, or the giver takes the offer back: the drawer is the giver's as before."""
    handover, drawer = _locked(handover_id)
    if current_principal().user_id not in (handover.receiver_id, handover.giver_id):
        raise NotFound
    handover.become(HandoverStatus.DECLINED)
    handover.decided_at = clock.now()
    drawer.become(DrawerStatus.OPEN)
    db.session.flush()
    return drawer


def possible_receivers() -> list[Member]:
    """Members of the clinic who may work with a drawer."""
    members = db.session.scalars(select(Member).where(Member.active).order_by(Member.id)).unique()
    return [member for member in members if role_allows(member.role, "cash_drawer", "create") and member.user.active]


def _locked(handover_id: str) -> tuple[DrawerHandover, CashDrawer]:
    """Both, the drawer first. Raises NotFound, WrongState for one that was decided."""
    drawer_id = db.session.scalar(select(DrawerHandover.drawer_id).where(DrawerHandover.id == handover_id))
    if drawer_id is None:
        raise NotFound
    drawer = lock_drawer(drawer_id)
    handover = db.session.get_one(DrawerHandover, handover_id, populate_existing=True)
    if handover.status != HandoverStatus.OFFERED:
        raise WrongState(_("This handover was decided already."), status=handover.status)
    return handover, drawer
