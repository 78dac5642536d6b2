"""The waiting room's screens: numbers, no names. Staff open one by their log-in, a screen on the wall by its link."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import force_locale, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.core import clock
from app.core.navigation import describe_item
from app.core.public_links import opened_by_link
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, row_action
from app.queueing.models import WaitingBoard
from app.queueing.queries import board_state
from app.queueing.services.screens import get_screen, make_link, revoke_link, screen_of_token
from app.queueing.views.screens import LABELS, ScreenView, link_page, location_name, public_page
from app.tenancy.models import Location
from app.tenancy.queries import clinic_in_scope

describe_item("BoardView", shortcut="g b")


class BoardView(ActionView):
    """A location's board for whoever works there."""

    class_permission_name = "queue"
    route_base = "/board"
    default_view = "boards"
    menu = ("Desk", _("Waiting room"))
    menu_order = 60
    menu_action = "board"

    @expose("/")
    def boards(self) -> Response | str:
        """To the only board there is, or a choice."""
        self.require("board")
        locations = db.session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)).all()
        if len(locations) == 1:
            return redirect(url_for("BoardView.board", location_id=locations[0].id))
        return self.render("queueing/boards.html", locations=locations)

    @expose("/<id:location_id>")
    def board(self, location_id: str) -> str:
        """One location's board, full screen."""
        self.require("board")
        return self.render("queueing/board.html", **_shown(location_id))


class WaitingRoomView(BaseView):
    """The same board by a link: nobody logs in, and there is nothing to press."""

    route_base = "/waiting-room"
    default_view = "board"

    @expose("/<token>")
    def board(self, token: str) -> Any:
        with opened_by_link("waiting-room", token), unit_of_work():
            board = screen_of_token(WaitingBoard, token)
            board.last_used_at = clock.now()
            return public_page("queueing/board.html", token=token, **_shown(board.location_id))


class WaitingBoardView(ScreenView):
    """Screens on the walls of waiting rooms."""

    model = WaitingBoard
    class_permission_name = "waiting_board"
    menu = ("Set-up", _("Waiting-room boards"))
    menu_order = 14
    list_title = _("Waiting-room boards")
    add_title = _("New waiting-room board")
    lede = _("A screen that shows a location's numbers without a log-in, for as long as its link is good.")
    label_columns = {**LABELS, "last_used_at": _("Last opened")}
    charts = (Chart("location", _("Boards by location"), lambda: WaitingBoard.location_id, words=location_name),)
    extra_args = {"resource": "waiting_board", "link": ("WaitingBoardLinkView.make", "waiting_board_id")}

    @row_action("revoke", _("Revoke the link"), confirm=_("The board goes dark until it gets a new link."))
    def revoke(self, board: WaitingBoard) -> None:
        revoke_link(board)


class WaitingBoardLinkView(ActionView):
    """Making a board's link."""

    class_permission_name = "waiting_board"
    route_base = "/waiting-boards"
    default_view = "make"

    @expose("/<id:waiting_board_id>/link", methods=["POST"])
    def make(self, waiting_board_id: str) -> Any:
        """Make a link and show it, this once."""
        self.require("link")
        with unit_of_work():
            board = get_screen(WaitingBoard, waiting_board_id)
            return link_page(self, board, make_link(board), url_for("WaitingBoardView.show", pk=board.id))


def _shown(location_id: str) -> dict[str, Any]:
    clinic = clinic_in_scope()
    voices = [_in_language(name.strip()) for name in clinic.settings.board_voices.split(",")]
    return {"board": board_state(location_id), "clinic": clinic, "voices": voices}


def _in_language(language: str) -> dict[str, str]:
    """What the waiting room hears and reads in one language."""
    with force_locale(language):
        return {
            "language": f"{language}-IN",
            "call": gettext("Number {number}, {doctor}, please."),
            "note": gettext("Numbers are called in order of need and arrival."),
        }
