"""The base of forms on pages of our own."""

from __future__ import annotations

from flask_wtf import FlaskForm


class PageForm(FlaskForm):
    """Without a token of its own: the edge checks every cookie request's (app/access/edge.py)."""

    class Meta:
        csrf = False
