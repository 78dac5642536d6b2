"""My drawer: opening, paying in and out, counting, handing over; and what a second person decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.billing.denominations import CURRENCIES
from app.billing.models import CashDrawer, DrawerHandover, DrawerStatus, HandoverStatus, MoneyMovement
from app.billing.models.cash_desk import PAID_IN_FROM, PAID_OUT_TO
from app.billing.services.cash_desk_drawers import (
    approve_difference,
    ask_recount,
    close_drawer,
    lock_drawer,
    lock_own_drawer,
    may_decide_drawer,
    open_drawer,
    pay_in,
    pay_out,
    was_handed_over,
)
from app.billing.services.cash_desk_handovers import (
    accept_handover,
    decline_handover,
    offer_handover,
    possible_receivers,
    take_from_absent,
)
from app.billing.services.cash_desk_movements import cash_in, find_own_drawer
from app.billing.services.day_figures import sums_by_kind
from app.billing.services.safe import approve_count, may_decide_count, reject_count, waiting_counts
from app.billing.views.cash_forms import asked_currency
from app.billing.views.counting import CountSheet
from app.core.amounts import read_money
from app.core.errors import AppError, Invalid, NotFound
from app.core.formatting import money
from app.core.money import Money
from app.core.navigation import describe_item
from app.core.principal import current_principal, may, own_location_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope

SHOWN_MOVEMENTS = 50

describe_item("DrawerView", shortcut="g w")


class CashDeskPages(ActionView):
    """What the pages of the cash desk share: a deed in one unit of work, its refusal on the page it came from."""

    abstract = True

    def attempt(self, deed: Callable[[], str], again: Callable[[str], str]) -> Any:
        """Do it and go on, or show the page again with the problem in words."""
        try:
            with unit_of_work():
                said = deed()
        except AppError as error:
            words = " ".join(str(text) for text in (error.fields or {}).values())
            return again(words if isinstance(error, Invalid) and words else str(error.message)), error.status
        flash(said, "success")
        return redirect(self.after())

    def after(self) -> str:
        return url_for("DrawerView.mine")


class DrawerView(CashDeskPages):
    """A person's own drawer."""

    class_permission_name = "cash_drawer"
    route_base = "/drawer"
    default_view = "mine"
    menu = ("Desk", lazy_gettext("My drawer"))
    menu_order = 5
    menu_action = "create"

    @expose("/")
    def mine(self) -> str:
        self.require("create")
        return self._mine()

    @expose("/open", methods=["POST"])
    def open(self) -> Any:
        self.require("create")
        currency = asked_currency()
        location_id = own_location_id() or request.form.get("location") or None

        def deed() -> str:
            drawer = open_drawer(CountSheet.read(currency).count, currency=currency, location_id=_known(location_id))
            return _("Your drawer is open with %(cash)s.", cash=money(drawer.opening_float))

        return self.attempt(deed, self._mine)

    @expose("/<id:drawer_id>/pay", methods=["POST"])
    def pay(self, drawer_id: str) -> Any:
        """Pay in or out, with a reason."""
        self.require("update")
        paying_in = request.form.get("direction") == "in"

        def deed() -> str:
            drawer = lock_own_drawer(drawer_id)
            amount = read_money(request.form.get("amount"), drawer.currency)
            counter, reason = request.form.get("counter", ""), request.form.get("reason", "")
            if paying_in:
                pay_in(drawer, amount, counter, reason)
                return _("%(amount)s paid in.", amount=money(amount))
            pay_out(drawer, amount, counter, reason)
            return _("%(amount)s paid out.", amount=money(amount))

        return self.attempt(deed, self._mine)

    @expose("/<id:drawer_id>/close", methods=["GET", "POST"])
    def close(self, drawer_id: str) -> Any:
        """Count the drawer; it is emptied into the safe."""
        self.require("update")
        drawer = _own(drawer_id)

        def page(problem: str = "") -> str:
            return self._count_page("billing/drawer_close.html", drawer, problem)

        def deed() -> str:
            count = CountSheet.read(drawer.currency).count
            closed = close_drawer(lock_own_drawer(drawer_id), count, request.form.get("reason", ""))
            if closed.status == DrawerStatus.CLOSED:
                return _("Your drawer is closed. Put %(cash)s into the safe.", cash=money(closed.counted))
            return _("Counted. A second person must approve the difference.")

        return page() if request.method == "GET" else self.attempt(deed, page)

    @expose("/<id:drawer_id>/hand-over", methods=["GET", "POST"])
    def hand_over(self, drawer_id: str) -> Any:
        """Count the drawer for a colleague, who counts it again and takes it over."""
        self.require("update")
        drawer = _own(drawer_id)

        def page(problem: str = "") -> str:
            colleagues = [member for member in possible_receivers() if member.user_id != drawer.holder_id]
            return self._count_page("billing/drawer_hand_over.html", drawer, problem, colleagues=colleagues)

        def deed() -> str:
            count = CountSheet.read(drawer.currency).count
            receiver, note = request.form.get("receiver", ""), request.form.get("reason", "")
            offer = offer_handover(lock_own_drawer(drawer_id), receiver, count, note)
            return _("Offered to %(name)s, who counts it now.", name=str(offer.receiver))

        return page() if request.method == "GET" else self.attempt(deed, page)

    @expose("/handover/<id:handover_id>", methods=["GET", "POST"])
    def take_over(self, handover_id: str) -> Any:
        """Count what a colleague hands over, and take it."""
        self.require("update")
        offer = _offer(handover_id)

        def page(problem: str = "") -> str:
            sheet = CountSheet.read(offer.currency)
            return self.render("billing/drawer_take_over.html", offer=offer, sheet=sheet, problem=problem)

        def deed() -> str:
            drawer = accept_handover(handover_id, CountSheet.read(offer.currency).count)
            return _("The drawer is yours, with %(cash)s.", cash=money(drawer.opening_float))

        return page() if request.method == "GET" else self.attempt(deed, page)

    @expose("/handover/<id:handover_id>/decline", methods=["POST"])
    def decline(self, handover_id: str) -> Any:
        """The receiver does not take it, or the giver takes the offer back."""
        self.require("update")

        def deed() -> str:
            decline_handover(handover_id)
            return _("The drawer stays with whoever held it.")

        return self.attempt(deed, self._mine)

    @expose("/<id:drawer_id>/of-absent", methods=["GET", "POST"])
    def of_absent(self, drawer_id: str) -> Any:
        """Count the drawer of somebody who is not there, and take it over."""
        self.require("approve")
        drawer = db.session.get(CashDrawer, drawer_id)
        if drawer is None:
            raise NotFound
        if drawer.holder_id == current_principal().user_id:
            return redirect(url_for("DrawerView.close", drawer_id=drawer_id))

        def page(problem: str = "") -> str:
            return self._count_page("billing/drawer_absent.html", drawer, problem)

        def deed() -> str:
            count = CountSheet.read(drawer.currency).count
            taken = take_from_absent(lock_drawer(drawer_id), count, request.form.get("reason", ""))
            return _("The drawer is yours, with %(cash)s.", cash=money(taken.opening_float))

        return page() if request.method == "GET" else self.attempt(deed, page)

    def _mine(self, problem: str = "") -> str:
        person = current_principal()
        drawer = find_own_drawer(person.user_id)
        currency = asked_currency()
        return self.render(
            "billing/drawer.html",
            problem=problem,
            drawer=drawer,
            cash=cash_in(drawer) if drawer else None,
            sums=_sums(drawer) if drawer else {},
            movements=_movements(drawer) if drawer else [],
            offered=_offers(drawer_id=drawer.id) if drawer else [],
            offers=_offers(receiver_id=person.user_id),
            counted=_waiting(person.user_id),
            sheet=CountSheet.read(currency),
            currencies=sorted({settings_in_scope().currency, *CURRENCIES}),
            locations=_locations(),
            sources=PAID_IN_FROM,
            targets=PAID_OUT_TO,
        )

    def _count_page(self, template: str, drawer: CashDrawer, problem: str, **more: Any) -> str:
        sheet = CountSheet.read(drawer.currency)
        cash = cash_in(drawer)
        return self.render(template, drawer=drawer, cash=cash, sheet=sheet, problem=problem, **more)


def _waiting_for_approval() -> int | None:
    """How many drawers and counts of the safe this person could decide about; nothing for who cannot."""
    if not may("cash_drawer", "approve"):
        return None
    return len(_counted_drawers()) + len(waiting_counts()) or None


describe_item("DrawerApprovalView", badge=_waiting_for_approval, tone="warn")


class DrawerApprovalView(CashDeskPages):
    """Differences above the tolerance, for a second person."""

    class_permission_name = "cash_drawer"
    method_permission_name = {
        "overview": "approve",
        "approve": "approve",
        "recount": "approve",
        "approve_safe": "approve",
        "recount_safe": "approve",
    }
    route_base = "/drawer-approvals"
    default_view = "overview"
    menu = ("Books", lazy_gettext("Cash differences"))
    menu_order = 66
    menu_action = "approve"

    @expose("/")
    def overview(self) -> str:
        self.require("approve")
        return self._overview()

    @expose("/<id:drawer_id>/approve", methods=["POST"])
    def approve(self, drawer_id: str) -> Any:
        self.require("approve")

        def deed() -> str:
            drawer = approve_difference(lock_drawer(drawer_id), request.form.get("note", ""))
            return _("Approved: %(amount)s is booked as over or short.", amount=money(drawer.difference))

        return self.attempt(deed, self._overview)

    @expose("/<id:drawer_id>/recount", methods=["POST"])
    def recount(self, drawer_id: str) -> Any:
        self.require("approve")

        def deed() -> str:
            ask_recount(lock_drawer(drawer_id), request.form.get("note", ""))
            return _("The holder counts again.")

        return self.attempt(deed, self._overview)

    @expose("/safe/<id:safe_count_id>/approve", methods=["POST"])
    def approve_safe(self, safe_count_id: str) -> Any:
        self.require("approve")

        def deed() -> str:
            count = approve_count(safe_count_id, request.form.get("note", ""))
            return _("Approved: %(amount)s is booked as over or short.", amount=money(count.difference))

        return self.attempt(deed, self._overview)

    @expose("/safe/<id:safe_count_id>/recount", methods=["POST"])
    def recount_safe(self, safe_count_id: str) -> Any:
        self.require("approve")

        def deed() -> str:
            reject_count(safe_count_id, request.form.get("note", ""))
            return _("The safe is counted again.")

        return self.attempt(deed, self._overview)

    def _overview(self, problem: str = "") -> str:
        counts = [(count, may_decide_count(count)) for count in waiting_counts()]
        drawers = [(drawer, may_decide_drawer(drawer), was_handed_over(drawer)) for drawer in _counted_drawers()]
        return self.render("billing/drawer_approvals.html", drawers=drawers, counts=counts, problem=problem)

    def after(self) -> str:
        return url_for("DrawerApprovalView.overview")


def _counted_drawers() -> list[CashDrawer]:
    wanted = select(CashDrawer).where(CashDrawer.status == DrawerStatus.COUNTED)
    return list(db.session.scalars(wanted.order_by(CashDrawer.counted_at).limit(SHOWN_MOVEMENTS)))


def _locations() -> list[Location]:
    own = own_location_id()
    wanted = select(Location).where(Location.active.is_(True)).order_by(Location.name)
    return list(db.session.scalars(wanted if own is None else wanted.where(Location.id == own)))


def _known(location_id: str | None) -> str | None:
    """Raises NotFound for a location that the clinic does not have."""
    if location_id and location_id not in {location.id for location in _locations()}:
        raise NotFound
    return location_id


def _own(drawer_id: str) -> CashDrawer:
    """Raises NotFound, also for somebody else's."""
    drawer = db.session.get(CashDrawer, drawer_id)
    if drawer is None or drawer.holder_id != current_principal().user_id:
        raise NotFound
    return drawer


def _offer(handover_id: str) -> DrawerHandover:
    """An offer to the person who asks. Raises NotFound."""
    offer = db.session.get(DrawerHandover, handover_id)
    if offer is None or offer.receiver_id != current_principal().user_id:
        raise NotFound
    return offer


def _offers(**columns: str) -> list[DrawerHandover]:
    wanted = select(DrawerHandover).filter_by(status=HandoverStatus.OFFERED, **columns)
    return list(db.session.scalars(wanted.order_by(DrawerHandover.id)))


def _waiting(user_id: str) -> list[CashDrawer]:
    """The person's drawers whose difference is not decided."""
    wanted = select(CashDrawer).where(CashDrawer.holder_id == user_id, CashDrawer.status == DrawerStatus.COUNTED)
    return list(db.session.scalars(wanted.order_by(CashDrawer.counted_at)))


def _movements(drawer: CashDrawer) -> list[MoneyMovement]:
    """The newest first."""
    wanted = select(MoneyMovement).where(MoneyMovement.drawer_id == drawer.id)
    newest = MoneyMovement.created_at.desc(), MoneyMovement.id.desc()
    return list(db.session.scalars(wanted.order_by(*newest).limit(SHOWN_MOVEMENTS)))


def _sums(drawer: CashDrawer) -> dict[str, Money]:
    return {kind: Money(minor, drawer.currency) for kind, minor in sums_by_kind(drawer.id).items()}
