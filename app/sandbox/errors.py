"""What may go wrong in the sandbox itself; a simulator's own refusals keep the vendor's shape."""

from __future__ import annotations


class SandboxError(Exception):
    """A refused control call, with the HTTP status it is answered with."""

    status = 400


class UnknownRecord(SandboxError):
    """Nothing is kept under that id."""

    status = 404


class WrongState(SandboxError):
    """The record exists, but its state does not allow this."""

    status = 409


class CannotStart(Exception):
    """The sandbox cannot run here; the text tells the operator what to change."""
