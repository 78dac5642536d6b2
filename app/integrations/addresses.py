"""Where a webhook may go: never into our own network (app/core/addresses.py)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask_babel import gettext as _

from app.core import addresses
from app.core.addresses import AddressRefused
from app.core.credentials import InvalidCredentials
from app.core.errors import Invalid
from app.core.http import checked_base_url
from config import get_settings


def checked_url(url: str) -> str:
    """The URL of an endpoint. Raises Invalid."""
    schemes = ("https",) if get_settings().production else ("http", "https")
    try:
        known = checked_base_url(url, schemes)
        address_of(known)
    except InvalidCredentials as error:
        raise Invalid(fields={"url": " ".join(_(text) for text in error.fields.values())}) from None
    except AddressRefused as error:
        raise Invalid(fields={"url": _(str(error))}) from None
    return known


def address_of(url: str) -> str:
    """The IP address to connect to. Raises AddressRefused."""
    parts = urlsplit(url)
    return addresses.address_of(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
